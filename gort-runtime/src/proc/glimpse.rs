//! The word that says why a goroutine waits, and a way to observe a goroutine that does not run
//! without stopping it.
//!
//! A profile reads the stacks of goroutines that wait or are runnable. Another thread may resume
//! such a goroutine during the observation, and the goroutine then writes to its stack. The
//! observer does not prevent that. It notices, and discards what it has read. The goroutine does
//! nothing for this except one store when it yields, and its waker does nothing.
//!
//! # How the observer notices
//! A goroutine *stops* when it waits or yields. Each stop begins with a store to this word
//! ([`begin`](WaitWord::begin)), which clears the bit [`MARK`]. A goroutine *stands still* if its
//! status is Waiting, or if it is Runnable. The observer looks for one of these. It
//!
//! 1. sets `MARK`;
//! 2. checks that the goroutine has the status;
//! 3. reads the stack;
//! 4. checks that the goroutine has the status, and then that `MARK` is still set.
//!
//! # Why everything that the observer has read belongs to one stop
//! Number the stops of the goroutine. Each has stores in this order: *running* (to the status, when
//! the goroutine is resumed), *begin(k)* (to this word), *still(k)* (the status Waiting and then
//! Runnable, or only Runnable), and later the *running* of the next stop. Let *begin(k)* be the
//! store whose value step 1 finds in the word. (The creator of a goroutine stores *begin(0)* and
//! then Runnable.)
//!
//! - Step 2 sees nothing older than the *running* before *begin(k)*, because *begin* is a release
//!   and step 1 an acquire. So if step 2 sees a goroutine that stands still, it sees *still(k)* or
//!   a later store.
//! - Step 4 finds `MARK`. So *begin(k + 1)* was not yet visible to the observer when it saw that
//!   the goroutine stands still. Every *still(k + 1)* makes *begin(k + 1)* visible, since it is a
//!   release and the load of the status an acquire. So both steps have seen *still(k)*, with the
//!   same status.
//! - Everything that the goroutine writes after that stop comes after the status was changed: to
//!   Running, or before that from Waiting to Runnable. If step 3 had seen such a write, step 4
//!   would see that change or a later one, because there is an acquire fence between them. But step
//!   4 saw *still(k)*.
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

/// Set by an observer. The next stop begins without it.
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

    /// Begins a stop. Called by the goroutine before its status says that it waits, by its M before
    /// the status says that it has yielded, or by the thread that creates the goroutine.
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

    /// Calls `look`, and returns its result if the goroutine has stood still during the whole call.
    /// `stands` loads the status with acquire ordering. Only one thread may call this at a time.
    pub(crate) fn glimpse<T>(
        &self,
        stands: impl Fn() -> bool,
        look: impl FnOnce() -> T,
    ) -> Option<T> {
        self.0.fetch_or(MARK, Acquire);
        if !stands() {
            return None;
        }
        let seen = look();
        fence(Acquire);
        (stands() && self.0.load(Relaxed) & MARK != 0).then_some(seen)
    }
}
