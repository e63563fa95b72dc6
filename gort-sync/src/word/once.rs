//! The word of something that is done once.
//!
//! ```text
//! NEW ──► RUNNING ──► DONE
//!  ▲         │  ▲
//!  └─────────┤  │ a waiter announces itself, under the queue's lock
//!            ▼  │
//!     RUNNING_QUEUED ──► NEW or DONE, as from RUNNING
//! ```
//!
//! # Why no wake-up is lost
//! A waiter announces itself by a compare-and-swap that fails unless somebody is at work, and
//! does so under the queue's lock, which it keeps until it is parked. Who ends the work swaps
//! the word: before that announcement (then it fails, and the waiter looks again), or it sees
//! it, takes the queue's lock and wakes everybody there. That may be more than it was meant to
//! wake, if somebody else is at work by then; they look again as well.

use crate::prim::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
    const_unless_loom,
};

const NEW: u32 = 0;
const RUNNING: u32 = 1;
const RUNNING_QUEUED: u32 = 2;
const DONE: u32 = 3;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

/// What [`Word::begin`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is the caller's to do, who must call `end`.
    Ours,
    /// Somebody else is at it.
    Theirs,
    /// It has been done.
    Done,
}

impl Word {
    const_unless_loom! {
        /// Not done.
        pub(crate) fn new() -> Self {
            Self(AtomicU32::new(NEW))
        }
    }

    /// Done: the caller sees what was done.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Acquire) == DONE
    }

    /// Begins the work unless it was begun.
    pub(crate) fn begin(&self) -> Begun {
        match self.0.compare_exchange(NEW, RUNNING, Acquire, Acquire) {
            Ok(_) => Begun::Ours,
            Err(DONE) => Begun::Done,
            Err(_) => Begun::Theirs,
        }
    }

    /// Under the queue's lock: announces a waiter. False: nobody is at work any more.
    #[must_use]
    pub(crate) fn announce(&self) -> bool {
        matches!(
            self.0
                .compare_exchange(RUNNING, RUNNING_QUEUED, Relaxed, Relaxed),
            Ok(_) | Err(RUNNING_QUEUED)
        )
    }

    /// Ends the work: done, or to be done by somebody else. True: there are waiters to wake.
    #[must_use]
    pub(crate) fn end(&self, done: bool) -> bool {
        self.0.swap(if done { DONE } else { NEW }, AcqRel) == RUNNING_QUEUED
    }
}
