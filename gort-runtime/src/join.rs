//! The join word of a goroutine: who waits for its end, and who frees its slot.
//!
//! A slot has two owners, the goroutine and its `JoinHandle`; the last one to let
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
//! IDLE ──handle dropped──► DETACHED ──goroutine ends──► slot freed by the scheduler
//!  │ │
//!  │ └──join──► waiter ──ends──► DONE, waiter made ready
//!  └──outcome stored──► OUTCOME ──off the stack──► DONE ──handle──► slot freed
//!                          └──handle dropped: drops the outcome──► DETACHED
//! ```
//!
//! # Invariants
//! 1. The outcome is dropped or taken exactly once, never on g0 (a destructor is
//!    user code): by the goroutine if it saw DETACHED when it stored the outcome,
//!    otherwise by the handle.
//! 2. The slot is freed exactly once, after the goroutine left its stack.
//! 3. Only the handle's owner writes a waiter, at most one.
//!
//! # Orderings
//! One word: every transition is an acquire-release read-modify-write, so the outcome
//! stored before OUTCOME (or before a later DONE) is seen by whoever reads either.

use crate::prim::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

const IDLE: usize = 0;
const DETACHED: usize = 1;
const OUTCOME: usize = 2;
const DONE: usize = 3;

/// See the module's table. Values above 3 are waiters.
#[derive(Debug)]
pub(crate) struct JoinWord(AtomicUsize);

/// What the scheduler does with a goroutine that has left its stack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// The handle frees the slot.
    Keep,
    /// The handle frees the slot, and its owner sleeps: wake it.
    Wake(usize),
    /// Nobody is interested: free the slot.
    Free,
}

/// What a handle finds when it is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtDetach {
    /// The goroutine runs on and cleans up by itself.
    Left,
    /// The outcome is the handle's to drop; then `detach_with_outcome`.
    DropOutcome,
    /// The outcome and the slot are the handle's.
    DropAndFree,
}

impl JoinWord {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(IDLE))
    }

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
        match self.0.compare_exchange(IDLE, OUTCOME, AcqRel, Acquire) {
            Ok(_) => false,
            Err(word) => word == DETACHED,
        }
    }

    /// Scheduler, on g0: the goroutine has left its stack.
    pub(crate) fn ended(&self) -> AtEnd {
        if self.0.load(Acquire) == DETACHED {
            // Final: nobody else has an interest in the word any more.
            return AtEnd::Free;
        }
        match self.0.swap(DONE, AcqRel) {
            IDLE | OUTCOME => AtEnd::Keep,
            DETACHED => AtEnd::Free,
            waiter => AtEnd::Wake(waiter),
        }
    }

    /// Handle: true once the goroutine is off its stack.
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Acquire) == DONE
    }

    /// Handle's owner, about to park: false if there is nothing to wait for (the
    /// goroutine has ended, or will have in a moment: poll `is_done`).
    pub(crate) fn set_waiter(&self, waiter: usize) -> bool {
        debug_assert!(waiter > DONE);
        let mut word = IDLE;
        loop {
            match self.0.compare_exchange(word, waiter, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(DONE) => return false,
                // The goroutine is on its last steps; it will find the waiter.
                Err(OUTCOME) => word = OUTCOME,
                Err(_) => word = IDLE,
            }
        }
    }

    /// Handle: gives up its interest.
    pub(crate) fn detach(&self) -> AtDetach {
        match self.0.compare_exchange(IDLE, DETACHED, AcqRel, Acquire) {
            Ok(_) => AtDetach::Left,
            Err(OUTCOME) => AtDetach::DropOutcome,
            Err(_) => AtDetach::DropAndFree,
        }
    }

    /// Handle that has dropped the outcome: true if it must free the slot as well.
    pub(crate) fn detach_with_outcome(&self) -> bool {
        self.0
            .compare_exchange(OUTCOME, DETACHED, AcqRel, Acquire)
            .is_err()
    }
}
