//! The word that says why a goroutine waits, and looking at a waiting goroutine without stopping it.
//!
//! A profile reads the stacks of goroutines that wait. Anybody may wake such a goroutine meanwhile, and it then writes
//! to its stack. The observer does not prevent that: it notices, and throws away what it has read. Neither the
//! goroutine nor whoever wakes it does anything for this.
//!
//! # How the observer notices
//! Each wait begins with a store to this word ([`begin`](WaitWord::begin)), which wipes out the bit [`MARK`]. The observer
//!
//! 1. sets `MARK`;
//! 2. makes sure that the goroutine waits;
//! 3. looks;
//! 4. makes sure that the goroutine waits, and then that `MARK` is still set.
//!
//! # Why what it has seen is of one wait
//! Number the waits of the goroutine; for each there are four stores, in this order: *running* (to the status, when it
//! is resumed), *begin(k)* (to this word), *waiting(k)* (to the status), and later the *running* of the next one.
//! Let *begin(k)* be the store of which step 1 finds the word.
//!
//! - Step 2 sees nothing older than the *running* before *begin(k)*: *begin* is a release and step 1 an acquire.
//!   So if it sees a waiting goroutine, that is *waiting(k)* or a later one.
//! - Step 4 finds `MARK`, so *begin(k + 1)* had not come into view when it saw a waiting goroutine. Every
//!   *waiting(k + 1)* brings *begin(k + 1)* into view, since it is a release and the load of the status an acquire. So
//!   both steps have seen *waiting(k)*.
//! - Whatever the goroutine writes after that wait comes after it was made runnable, which is a store to the status. If
//!   step 3 had seen such a write, step 4 would see the status that came before it: there is an acquire fence between
//!   them. It saw *waiting(k)*.
//!
//! The third point takes the goroutine's writes for releases, which they are not in Rust's words. But step 3 is
//! a system call that copies memory, so this is a matter of the machine alone: x86 keeps stores in order, and on
//! aarch64 the status was handed on by a release and an acquire, beyond which no store moves ahead.
//!
//! Observers come one at a time, so the mark is the observer's own. `tests/loom_glimpse.rs` is the model.

use crate::base::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// Set by an observer; the next wait begins without it.
const MARK: u32 = 1 << 31;

/// Why a goroutine waits, or has waited, as a number below `MARK`.
#[derive(Debug)]
pub(crate) struct WaitWord(AtomicU32);

impl WaitWord {
    /// No wait so far: elsewhere a record of zeros.
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The number with which the last wait began.
    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Relaxed) & !MARK
    }

    /// A wait begins. By the goroutine, before its status says so, or by whoever makes it.
    #[inline(always)]
    pub(crate) fn begin(&self, why: u32) {
        if cfg!(loom) {
            // A store must not come between what step 1 reads and what it writes, but loom would let it.
            self.0.swap(why, Release);
        } else {
            self.0.store(why, Release);
        }
    }

    /// Calls `look`, and returns what that saw if the goroutine has waited all the while. `waits` loads the status, as
    /// an acquire. One caller at a time.
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
