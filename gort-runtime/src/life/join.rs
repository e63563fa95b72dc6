//! The join word of a goroutine: who waits for its end, and who frees its record.
//!
//! A record has two owners, the goroutine and its `JoinHandle`; the last one to let
//! go returns it to the pool. The word:
//!
//! | word | meaning |
//! |---|---|
//! | `IDLE` | running, nobody waits, a handle exists |
//! | a waiter | running, the handle's owner is parked in `join` |
//! | `DETACHED` | the handle is gone (or the goroutine was started without one) |
//! | `OUTCOME` | the outcome lies in the packet, but the goroutine is still on its stack |
//! | `DONE` | ended and off its stack |
//!
//! ```text
//! IDLE ──handle dropped──► DETACHED ──goroutine ends──► record freed by the scheduler
//!  │ │
//!  │ └──join──► waiter ──ends──► DONE, waiter made ready
//!  └──outcome stored──► OUTCOME ──off the stack──► DONE ──handle──► record freed
//!                          └──handle dropped: drops the outcome──► DETACHED
//! ```
//!
//! `IDLE` and `OUTCOME` may carry the flag `WATCHED`: a select has looked at the goroutine
//! and may be in its list of watchers (`ending.rs`), which is under a lock. From `WATCHED`
//! the goroutine becomes DONE only under that lock. The flag goes with the state: a handle
//! that is dropped or joins overwrites it, since nobody can watch by then (a select
//! borrows the handle and leaves the list before it returns).
//!
//! # Invariants
//! 1. The outcome is dropped or taken exactly once, never on g0 (a destructor is
//!    user code): by the goroutine if it saw DETACHED when it stored the outcome,
//!    otherwise by the handle.
//! 2. The record is freed exactly once, after the goroutine left its stack.
//! 3. Only the handle's owner writes a waiter, at most one.
//! 4. While somebody is in the list of watchers, the flag is set.
//!
//! # Orderings
//! One word: every transition is an acquire-release read-modify-write, so the outcome
//! stored before OUTCOME (or before a later DONE) is seen by whoever reads either.
//!
//! # Why a watcher is always woken
//! Select: takes the lock, `watch` sets the flag or finds DONE, enters the list, and lets go
//! of the lock when it is parked. Goroutine: `ended` either makes the word DONE, by a
//! compare-and-swap from a word without the flag, or finds the flag. In the first case `watch`
//! came later and found DONE: the select does not park. In the second the goroutine takes the
//! lock, that is, after the select has parked, and finds it in the list.

use crate::base::prim::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

const IDLE: usize = 0;
const DETACHED: usize = 1;
const OUTCOME: usize = 2;
const DONE: usize = 3;
/// A flag of `IDLE` and `OUTCOME`.
const WATCHED: usize = 4;
const IDLE_WATCHED: usize = IDLE | WATCHED;
const OUTCOME_WATCHED: usize = OUTCOME | WATCHED;
/// Waiters are above this.
const LAST_STATE: usize = 7;

/// See the module's table. Values above 7 are waiters.
#[derive(Debug)]
pub(crate) struct JoinWord(AtomicUsize);

/// What the scheduler does with a goroutine that has left its stack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// The handle frees the record.
    Keep,
    /// The handle frees the record, and its owner sleeps: wake it.
    Wake(usize),
    /// Nobody is interested: free the record.
    Free,
}

/// What a handle finds when it is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtDetach {
    /// The goroutine runs on and cleans up by itself.
    Left,
    /// The outcome is the handle's to drop; then `detach_with_outcome`.
    DropOutcome,
    /// The outcome and the record are the handle's.
    DropAndFree,
}

impl JoinWord {
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(IDLE))
    }

    /// Spawner: a new goroutine, with or without a handle.
    pub(crate) fn reset(&self, joinable: bool) {
        // Relaxed: the G is not published yet.
        self.0
            .store(if joinable { IDLE } else { DETACHED }, Relaxed);
    }

    /// Goroutine, still on its stack, outcome stored: true if it must drop it itself.
    pub(crate) fn outcome_stored(&self) -> bool {
        let mut word = IDLE;
        loop {
            match self
                .0
                .compare_exchange(word, word | OUTCOME, AcqRel, Acquire)
            {
                Ok(_) => return false,
                Err(IDLE_WATCHED) => word = IDLE_WATCHED,
                Err(word) => return word == DETACHED,
            }
        }
    }

    /// Scheduler, on g0: the goroutine has left its stack. `None` if it is watched: call
    /// [`ended_watched`](Self::ended_watched).
    pub(crate) fn ended(&self) -> Option<AtEnd> {
        let mut word = self.0.load(Acquire);
        loop {
            match word {
                // Final: nobody else has an interest in the word any more.
                DETACHED => return Some(AtEnd::Free),
                IDLE_WATCHED | OUTCOME_WATCHED => return None,
                _ => {}
            }
            match self.0.compare_exchange(word, DONE, AcqRel, Acquire) {
                Ok(_) => return Some(Self::at_end(word)),
                Err(now) => word = now,
            }
        }
    }

    /// As [`ended`](Self::ended), under the lock of the watchers, of whom there are none any
    /// more. Afterwards the handle's owner may free the record.
    pub(crate) fn ended_watched(&self) -> AtEnd {
        Self::at_end(self.0.swap(DONE, AcqRel))
    }

    fn at_end(before: usize) -> AtEnd {
        match before {
            DETACHED => AtEnd::Free,
            waiter if waiter > LAST_STATE => AtEnd::Wake(waiter),
            _ => AtEnd::Keep,
        }
    }

    /// Goroutine, before it stores its outcome: whether nobody can ask for it.
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load(Acquire) == DETACHED
    }

    /// Handle: true once the goroutine is off its stack.
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Acquire) == DONE
    }

    /// Select, under the lock of the watchers, borrowing the handle: false if the goroutine
    /// has ended; otherwise it now cannot before the lock is free.
    pub(crate) fn watch(&self) -> bool {
        let mut word = self.0.load(Acquire);
        loop {
            match word {
                DONE => return false,
                IDLE | OUTCOME => {}
                // Watched already. The other states exclude a handle that can be borrowed.
                _ => return true,
            }
            match self
                .0
                .compare_exchange(word, word | WATCHED, AcqRel, Acquire)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Handle's owner, about to park: false if there is nothing to wait for (the
    /// goroutine has ended).
    pub(crate) fn set_waiter(&self, waiter: usize) -> bool {
        debug_assert!(waiter > LAST_STATE);
        let mut word = IDLE;
        loop {
            match self.0.compare_exchange(word, waiter, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(DONE) => return false,
                // Also on its last steps the goroutine will find the waiter.
                Err(now) => word = now,
            }
        }
    }

    /// Handle: gives up its interest.
    pub(crate) fn detach(&self) -> AtDetach {
        let mut word = IDLE;
        loop {
            match self.0.compare_exchange(word, DETACHED, AcqRel, Acquire) {
                Ok(_) => return AtDetach::Left,
                Err(IDLE_WATCHED) => word = IDLE_WATCHED,
                Err(OUTCOME | OUTCOME_WATCHED) => return AtDetach::DropOutcome,
                Err(_) => return AtDetach::DropAndFree,
            }
        }
    }

    /// Handle that has dropped the outcome: true if it must free the record as well.
    pub(crate) fn detach_with_outcome(&self) -> bool {
        let mut word = OUTCOME;
        loop {
            match self.0.compare_exchange(word, DETACHED, AcqRel, Acquire) {
                Ok(_) => return false,
                Err(OUTCOME_WATCHED) => word = OUTCOME_WATCHED,
                Err(_) => return true,
            }
        }
    }
}
