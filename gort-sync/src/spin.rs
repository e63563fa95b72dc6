//! Spins for a moment before a park, because critical sections are often shorter than a park, and
//! backs off when other threads change a word first.

use crate::prim::{AtomicUsize, Backoff, Ordering::Relaxed};
use gort_runtime::{collided, worth_spinning};
use std::cell::Cell;
use std::hint;

/// Number of rounds of spinning before a goroutine parks. Go's `active_spin`.
const ROUNDS: u32 = 4;
/// Number of pauses in a round, if others wait too. Go's `active_spin_cnt`. Each look takes the
/// cache line away from the holder, so there should be few.
const PAUSES: u32 = 30;
/// Number of pauses in the first round, if no one else waits. Each of the following rounds has
/// twice as many, and all together have as many as Go's. A pause takes some 20 ns, and the holder
/// may have left long before the thirtieth. (`gort-bench run grid 2 1500000 mutex,77,770,2`: 600 ns
/// with 30 pauses in each round, and 387 with 8 in the first.)
const FIRST_PAUSES: u32 = 8;

/// Returns an iterator over the rounds, which ends early when spinning is not worthwhile. In each
/// round the caller pauses and tries again.
pub(crate) fn rounds() -> impl Iterator<Item = u32> {
    (0..ROUNDS).take_while(|_| worth_spinning())
}

/// Pauses for a moment, in this round. `crowded` says that others wait, too.
pub(crate) fn pause(round: u32, crowded: bool) {
    let pauses = if crowded {
        PAUSES
    } else {
        FIRST_PAUSES << round
    };
    for _ in 0..pauses {
        hint::spin_loop();
    }
}

/// An operation that competes with other threads for a word.
pub(crate) struct Contest {
    backoff: Backoff,
    has_stepped_back: Cell<bool>,
}

impl Contest {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            backoff: Backoff::new(),
            has_stepped_back: Cell::new(false),
        }
    }

    /// Called when a compare-and-swap has failed, because another thread has changed `word` first.
    /// The first time this steps back (`gort_runtime::collided`).
    #[cold]
    pub(crate) fn lost(&self, word: &AtomicUsize) {
        if self.has_stepped_back.replace(true) {
            return self.backoff.spin();
        }
        collided(|| {
            hint::black_box(word.load(Relaxed));
        });
    }

    /// Waits a moment for another thread to finish what it has begun.
    #[track_caller]
    pub(crate) fn snooze(&self) {
        self.backoff.snooze();
    }
}
