//! The join word of a goroutine. It says what waits for the goroutine's end, and who frees its
//! record.
//!
//! A record has two owners, the goroutine and its `JoinHandle`. The last owner to give it up
//! returns it to the pool. The word has one of these values:
//!
//! | word | meaning |
//! |---|---|
//! | `IDLE` | the goroutine runs, nothing waits, a handle exists |
//! | a waiter | the goroutine runs, the handle's owner is parked in `join` |
//! | `DETACHED` | the handle is gone (or the goroutine was started without one) |
//! | `OUTCOME` | the outcome is in the packet, but the goroutine is still on its stack |
//! | `DONE` | the goroutine has ended and left its stack |
//!
//! ```text
//! IDLE ──handle dropped──► DETACHED ──goroutine ends──► record freed by the scheduler
//!  │ │
//!  │ └──join──► waiter ──ends──► DONE, waiter made ready
//!  └──outcome stored──► OUTCOME ──off the stack──► DONE ──handle──► record freed
//!                          └──handle dropped: drops the outcome──► DETACHED
//! ```
//!
//! `IDLE` and `OUTCOME` may carry the flag `WATCHED`: a select has looked at the goroutine and may
//! be in its list of watchers (`ending.rs`), which is under a lock. A goroutine whose word is
//! `WATCHED` becomes DONE only under that lock. A handle that is dropped or joins overwrites the
//! flag. It may do so, because there are no watchers by then (a select borrows the handle, and
//! leaves the list before it returns).
//!
//! # Invariants
//! 1. The outcome is dropped or taken exactly once, and never on g0 (a destructor is user code).
//!    The goroutine drops it if it saw DETACHED when it stored the outcome; otherwise the handle
//!    drops or takes it.
//! 2. The record is freed exactly once, after the goroutine has left its stack.
//! 3. Only the handle's owner writes a waiter, and at most one.
//! 4. While the list of watchers is not empty, the flag is set.
//!
//! # Orderings
//! There is only one word. Every transition is an acquire-release read-modify-write, so an actor
//! that reads OUTCOME (or a later DONE) sees the outcome that was stored before.
//!
//! # Why a watcher is always woken
//! The select acquires the lock; `watch` sets the flag or finds DONE; the select enters the list,
//! and releases the lock when it is parked. The goroutine's `ended` either makes the word DONE, by
//! a compare-and-swap from a word without the flag, or finds the flag. In the first case `watch`
//! came later and found DONE, so the select does not park. In the second case the goroutine
//! acquires the lock, after the select has parked, and finds the watcher in the list.

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
/// The largest value that is a state. Larger values are waiters.
const LAST_STATE: usize = 7;

/// The join word; see the table at the head of this file.
#[derive(Debug)]
pub(crate) struct JoinWord(AtomicUsize);

/// What the scheduler must do with a goroutine that has left its stack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Nothing: the handle frees the record.
    Keep,
    /// Wake the handle's owner, which is parked. The handle frees the record.
    Wake(usize),
    /// Free the record: there is no handle.
    Free,
}

/// What a handle must do when it is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtDetach {
    /// Nothing: the goroutine continues, and cleans up by itself.
    Left,
    /// Drop the outcome, and then call `detach_with_outcome`.
    DropOutcome,
    /// Drop the outcome and free the record.
    DropAndFree,
}

impl JoinWord {
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(IDLE))
    }

    /// Resets the word for a new goroutine, with or without a handle. The spawner calls this.
    pub(crate) fn reset(&self, joinable: bool) {
        // Relaxed: the G is not published yet.
        self.0
            .store(if joinable { IDLE } else { DETACHED }, Relaxed);
    }

    /// Records that the outcome is stored. The goroutine calls this while it is still on its stack.
    /// Returns `true` if it must drop the outcome itself.
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

    /// Records that the goroutine has left its stack. The scheduler calls this on g0. Returns
    /// `None` if the goroutine is watched; then the caller must call
    /// [`ended_watched`](Self::ended_watched).
    pub(crate) fn ended(&self) -> Option<AtEnd> {
        let mut word = self.0.load(Acquire);
        loop {
            match word {
                // Final: no other actor uses the word any more.
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

    /// Does what [`ended`](Self::ended) does, under the lock of the watchers, whose list is empty
    /// now. Afterwards the handle's owner may free the record.
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

    /// Returns whether no handle can ask for the outcome. The goroutine calls this before it stores
    /// the outcome.
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load(Acquire) == DETACHED
    }

    /// Returns whether the goroutine has left its stack. The handle calls this.
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Acquire) == DONE
    }

    /// Sets the flag. A select calls this under the lock of the watchers, while it borrows the
    /// handle. Returns `false` if the goroutine has ended. Otherwise it cannot end before the lock
    /// is released.
    pub(crate) fn watch(&self) -> bool {
        let mut word = self.0.load(Acquire);
        loop {
            match word {
                DONE => return false,
                IDLE | OUTCOME => {}
                // Watched already. In the other states no handle could be borrowed.
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

    /// Stores the waiter of the handle's owner, which is about to park. Returns `false` if the
    /// goroutine has ended, so that there is nothing to wait for.
    pub(crate) fn set_waiter(&self, waiter: usize) -> bool {
        debug_assert!(waiter > LAST_STATE);
        let mut word = IDLE;
        loop {
            match self.0.compare_exchange(word, waiter, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(DONE) => return false,
                // The goroutine finds the waiter even if it is in its last steps.
                Err(now) => word = now,
            }
        }
    }

    /// Gives up the handle's ownership of the record.
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

    /// Gives up the handle's ownership of the record, after the handle has dropped the outcome.
    /// Returns `true` if the handle must free the record as well.
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
