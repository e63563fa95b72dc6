//! The state word of work that is done once.
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
//! A waiter announces itself by a compare-and-swap that fails if the work is not in progress. It
//! does so under the queue's lock, which it holds until it is parked. The worker ends the work by
//! swapping the word. If the swap comes before the announcement, the announcement fails, and the
//! waiter looks again. If it comes after, the worker sees the announcement, takes the queue's lock
//! and wakes all waiters. If another goroutine has begun the work again by then, waiters of the new
//! worker may be woken as well; they look again, too.

use crate::prim::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
    const_unless_loom,
};

const NEW: u32 = 0;
const RUNNING: u32 = 1;
const RUNNING_QUEUED: u32 = 2;
const DONE: u32 = 3;

/// The state word of work that is done once. See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

/// What [`Word::begin`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The caller has to do the work, and must call `end`.
    Ours,
    /// Another goroutine is doing the work.
    Theirs,
    /// The work has been done.
    Done,
}

impl Word {
    const_unless_loom! {
        /// Creates a word whose work is not done.
        pub(crate) fn new() -> Self {
            Self(AtomicU32::new(NEW))
        }
    }

    /// Returns true if the work is done; the caller then sees its effects.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Acquire) == DONE
    }

    /// Begins the work, unless it has begun.
    pub(crate) fn begin(&self) -> Begun {
        match self.0.compare_exchange(NEW, RUNNING, Acquire, Acquire) {
            Ok(_) => Begun::Ours,
            Err(DONE) => Begun::Done,
            Err(_) => Begun::Theirs,
        }
    }

    /// Announces a waiter. Returns false if the work is no longer in progress. Called under the
    /// queue's lock.
    #[must_use]
    pub(crate) fn announce(&self) -> bool {
        matches!(
            self.0
                .compare_exchange(RUNNING, RUNNING_QUEUED, Relaxed, Relaxed),
            Ok(_) | Err(RUNNING_QUEUED)
        )
    }

    /// Ends the work: it is done, or another goroutine has to do it. Returns true if there are
    /// waiters to wake.
    #[must_use]
    pub(crate) fn end(&self, done: bool) -> bool {
        self.0.swap(if done { DONE } else { NEW }, AcqRel) == RUNNING_QUEUED
    }
}
