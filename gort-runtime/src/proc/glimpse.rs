//! The word that says why a goroutine waits, and a way to observe a waiting goroutine without
//! stopping it.
//!
//! A profile reads the stacks of goroutines that wait. Another thread may wake such a goroutine
//! during the observation, and the goroutine then writes to its stack. The observer does not
//! prevent that. It notices, and discards what it has read. Neither the goroutine nor its waker
//! does anything for this.
//!
//! # How the observer notices
//! Each wait begins with a store to this word ([`begin`](WaitWord::begin)), which clears the bit
//! [`MARK`]. The observer
//!
//! 1. sets `MARK`;
//! 2. checks that the goroutine waits;
//! 3. reads the stack;
//! 4. checks that the goroutine waits, and then that `MARK` is still set.
//!
//! # Why everything that the observer has read belongs to one wait
//! Number the waits of the goroutine. Each has stores in this order: *running* (to the status, when
//! the goroutine is resumed), *begin(k)* (to this word), *waiting(k)* (to the status), and later
//! the *running* of the next wait. Let *begin(k)* be the store whose value step 1 finds in the
//! word.
//!
//! - Step 2 sees nothing older than the *running* before *begin(k)*, because *begin* is a release
//!   and step 1 an acquire. So if step 2 sees a waiting goroutine, it sees *waiting(k)* or a later
//!   store.
//! - Step 4 finds `MARK`. So *begin(k + 1)* was not yet visible to the observer when it saw a
//!   waiting goroutine. Every *waiting(k + 1)* makes *begin(k + 1)* visible, since it is a release
//!   and the load of the status an acquire. So both steps have seen *waiting(k)*.
//! - Everything that the goroutine writes after that wait comes after it was made runnable, which
//!   is a store to the status. If step 3 had seen such a write, step 4 would see that store or a
//!   later one, because there is an acquire fence between them. But step 4 saw *waiting(k)*.
//!
//! The third point treats the goroutine's writes as releases, which they are not in Rust's memory
//! model. But step 3 is a system call that copies memory, so only the machine matters here. x86
//! keeps stores in order. On aarch64 the waker has stored the status with a release, and the M that
//! resumes the goroutine has loaded it with an acquire. No later store moves before these two
//! accesses.
//!
//! There is one observer at a time, so the mark is the observer's own. The model is
//! `tests/loom_glimpse.rs`.

use crate::base::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// Set by an observer. The next wait begins without it.
const MARK: u32 = 1 << 31;

/// The reason why a goroutine waits or has waited, as a number below `MARK`.
#[derive(Debug)]
pub(crate) struct WaitWord(AtomicU32);

impl WaitWord {
    /// Creates a word without a wait. Outside of models the word begins as zeros in a record.
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Returns the number with which the last wait began.
    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Relaxed) & !MARK
    }

    /// Begins a wait. Called by the goroutine before its status says that it waits, or by the
    /// thread that creates the goroutine.
    #[inline(always)]
    pub(crate) fn begin(&self, why: u32) {
        if cfg!(loom) {
            // Step 1 is atomic, so no store can come between its read and its write. For a plain
            // store, loom would allow that.
            self.0.swap(why, Release);
        } else {
            self.0.store(why, Release);
        }
    }

    /// Calls `look`, and returns its result if the goroutine has waited during the whole call.
    /// `waits` loads the status with acquire ordering. Only one thread may call this at a time.
    pub(crate) fn glimpse<T>(
        &self,
        waits: impl Fn() -> bool,
        look: impl FnOnce() -> T,
    ) -> Option<T> {
        self.0.fetch_or(MARK, Acquire);
        if !waits() {
            return None;
        }
        let seen = look();
        fence(Acquire);
        (waits() && self.0.load(Relaxed) & MARK != 0).then_some(seen)
    }
}
