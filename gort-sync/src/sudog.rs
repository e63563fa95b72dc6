//! The waiting record: one goroutine (or thread) in one queue. Go's `sudog`.
//!
//! The record is on the waiter's own stack, so waiting allocates nothing. A plain operation has one
//! record. A select has one for each arm, and these share a [`SelectWord`].
//!
//! `waitqueue.rs` says who may touch a record when. `waitlock.rs` has the code that waits with one.

use crate::prim::{
    AtomicUsize, CheckedCell,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use gort_runtime::Waiter;
use std::ptr;

/// Decides which of several records of one wait wins, by one compare-and-swap.
///
/// # Orderings
/// The winner's compare-and-swap is acquire-release. The waiter reads the word after it has been
/// woken, and the wake-up already orders everything that the winner did before. No model fails if
/// one of these orderings is weakened: a waker wins under the queue's lock, and a waiter whose time
/// was up takes that lock before it continues.
#[derive(Debug)]
pub struct SelectWord(AtomicUsize);

const OPEN: usize = 0;
const EXPIRED: usize = usize::MAX;

impl SelectWord {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(OPEN))
    }

    /// Tries to end the wait in favour of arm `case`. Returns true if it did.
    #[inline]
    pub(crate) fn win(&self, case: usize) -> bool {
        self.0
            .compare_exchange(OPEN, case + 1, AcqRel, Relaxed)
            .is_ok()
    }

    /// Returns true if the wait has not been won so far.
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Acquire) == OPEN
    }

    /// Tries to end the wait in favour of no arm: the waiter looks again, as it does when a time is
    /// up.
    pub(crate) fn interrupt(&self) -> bool {
        self.0
            .compare_exchange(OPEN, EXPIRED, AcqRel, Relaxed)
            .is_ok()
    }

    /// Returns the arm that won, or `None` if the time was up or the waiter has to check again.
    #[inline]
    pub(crate) fn winner(&self) -> Option<usize> {
        match self.0.load(Acquire) {
            EXPIRED => None,
            word => Some(word.wrapping_sub(1)),
        }
    }

    /// Tries to end the wait because the time is up. `Current::park_until` calls this.
    ///
    /// # Safety
    /// `word` points to a `SelectWord` that is alive.
    pub(crate) unsafe fn expire(word: *const ()) -> bool {
        // SAFETY: the caller guarantees that `word` points to a `SelectWord` that is alive.
        unsafe { &*word.cast::<SelectWord>() }.interrupt()
    }
}

/// What the waiter of a record waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The operation itself: a value to send, a place to fill, a lock.
    Operation,
    /// The right to send a value that exists only after the send has been chosen (`Select::send`).
    Promise,
    /// The moment at which an operation becomes possible (`Select::ready`).
    Observer,
}

/// One waiter in one queue.
#[derive(Debug)]
pub(crate) struct Sudog {
    /// The neighbours in the queue, and whether the record is in one. Only `waitqueue.rs` uses
    /// them.
    pub(crate) next: CheckedCell<*const Sudog>,
    pub(crate) prev: CheckedCell<*const Sudog>,
    pub(crate) queued: CheckedCell<bool>,
    pub(crate) kind: CheckedCell<Kind>,
    /// The goroutine or thread to wake.
    pub(crate) waiter: CheckedCell<Option<Waiter>>,
    /// For a sender, the place where the value is. For a receiver, the place where the value goes.
    /// For a promise that was won on a rendezvous channel, the receiver's record. Waiters for other
    /// objects use the field differently: it holds the number of permits that are asked for
    /// (`semaphore/sema.rs`), or when the wait for a lock began (`contention.rs`), or a mark that
    /// says that a permit was handed over (`notify.rs`).
    pub(crate) elem: CheckedCell<*mut ()>,
    /// Set by the waker: true if the value was moved or the lock was handed over. False if the
    /// channel was closed, or if the waiter has to look again.
    pub(crate) success: CheckedCell<bool>,
    /// The word that decides the wait: the word of the select of which this is an arm, or of a wait
    /// with a time limit. Null if only a waker can end the wait.
    pub(crate) select: CheckedCell<*const SelectWord>,
    /// The index of the arm.
    pub(crate) case: CheckedCell<usize>,
}

impl Sudog {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            next: CheckedCell::new(ptr::null()),
            prev: CheckedCell::new(ptr::null()),
            queued: CheckedCell::new(false),
            kind: CheckedCell::new(Kind::Operation),
            waiter: CheckedCell::new(None),
            elem: CheckedCell::new(ptr::null_mut()),
            success: CheckedCell::new(false),
            select: CheckedCell::new(ptr::null()),
            case: CheckedCell::new(0),
        }
    }

    /// Prepares the record for a queue: stores its waiter and `elem`, and makes it arm `case` of
    /// the select that `word` decides.
    #[inline]
    pub(crate) fn enter(&self, waiter: Waiter, elem: *mut (), word: &SelectWord, case: usize) {
        self.waiter.set(Some(waiter));
        self.elem.set(elem);
        self.success.set(false);
        self.select.set(word);
        self.case.set(case);
    }

    /// Creates a record for a wait that only one waker can end.
    #[inline]
    pub(crate) fn plain(waiter: Waiter, elem: *mut ()) -> Self {
        let sg = Self::new();
        sg.waiter.set(Some(waiter));
        sg.elem.set(elem);
        sg
    }

    /// Returns true if the record is in a queue. Called under the queue's lock.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.get()
    }

    /// Returns the word of the select, or of the wait with a time limit, that the record belongs
    /// to.
    ///
    /// # Safety
    /// The caller holds the lock of the queue that contains the record, or contained it until just
    /// now.
    #[inline]
    pub(crate) unsafe fn word<'a>(&self) -> Option<&'a SelectWord> {
        // SAFETY: the pointer is null, or points to a word that stays in place while the record is
        // in a queue (rule 2 of `waitqueue.rs`). The caller holds the queue's lock, and guarantees
        // that the record was in the queue under it. The word's owner takes that lock before the
        // word goes away.
        unsafe { self.select.get().as_ref() }
    }

    /// Wins the right to wake the waiter of a record that was just removed from its queue. Returns
    /// true if it did.
    ///
    /// # Safety
    /// The requirements are those of [`word`](Self::word).
    #[inline]
    pub(crate) unsafe fn win(&self) -> bool {
        // SAFETY: the caller holds the lock of the queue that contained the record just now.
        unsafe { self.word() }.is_none_or(|word| word.win(self.case.get()))
    }
}

/// In a model, detects a record that is dropped while it is in a queue.
#[cfg(loom)]
impl Drop for Sudog {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(!self.queued.get(), "left in a queue");
        }
    }
}
