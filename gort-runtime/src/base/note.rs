//! A one-shot sleep for a thread: Go's `note`, on a futex.
//!
//! One thread sleeps, and any thread wakes it. A wake that comes before the sleep is kept, so the
//! sleep returns at once. Wakes do not add up. The sleeper clears the note when it returns.
//!
//! # Orderings
//! `wake` releases and `sleep` acquires on the same word, so the sleeper sees what the waker wrote
//! before (for an M: `nextp`). No second variable is involved.

use crate::base::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::os;
use std::time::Duration;

const EMPTY: u32 = 0;
const WOKEN: u32 = 1;
const ASLEEP: u32 = 2;

/// The word that one thread sleeps on.
#[derive(Debug, Default)]
pub(crate) struct Note {
    word: AtomicU32,
}

impl Note {
    pub(crate) const fn new() -> Self {
        Self {
            word: AtomicU32::new(EMPTY),
        }
    }

    /// Sleeps until woken. Only one thread at a time may sleep on a note.
    pub(crate) fn sleep(&self) {
        while !self.sleep_for(None) {}
    }

    /// Sleeps until woken (returns true) or until the monotonic clock reads `deadline_ns` (returns
    /// false).
    pub(crate) fn sleep_until(&self, deadline_ns: u64) -> bool {
        loop {
            let now = os::now_ns();
            if now >= deadline_ns {
                // A wake-up may have come just now. If so, take it.
                return self.word.swap(EMPTY, Acquire) == WOKEN;
            }
            if self.sleep_for(Some(Duration::from_nanos(deadline_ns - now))) {
                return true;
            }
        }
    }

    /// Enters the kernel at most once. Returns true if woken.
    fn sleep_for(&self, timeout: Option<Duration>) -> bool {
        if self
            .word
            .compare_exchange(EMPTY, ASLEEP, Acquire, Acquire)
            .is_ok()
        {
            os::futex_wait(&self.word, ASLEEP, timeout);
        }
        if self
            .word
            .compare_exchange(WOKEN, EMPTY, Acquire, Relaxed)
            .is_ok()
        {
            return true;
        }
        // The return was spurious or a time-out: the thread is no longer asleep. A wake-up may have
        // come in between.
        self.word.compare_exchange(ASLEEP, EMPTY, Acquire, Acquire) == Err(WOKEN)
            && self.word.swap(EMPTY, Acquire) == WOKEN
    }

    /// Wakes the sleeper, or the next thread to sleep. The note may be freed as soon as the word is
    /// set; the system call that follows uses only its address.
    pub(crate) fn wake(&self) {
        let word: *const AtomicU32 = &raw const self.word;
        if self.word.swap(WOKEN, Release) == ASLEEP {
            os::futex_wake_one(word);
        }
    }
}
