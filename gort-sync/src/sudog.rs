//! The waiting record: one goroutine (or thread) in one queue. Go's `sudog`.
//!
//! It lies on the waiter's own stack, so waiting allocates nothing. A plain
//! operation has one; a select has one per arm, which share a [`SelectWord`].
//!
//! Who may touch it when is `waitqueue.rs`'s; how one waits with it, `waitlock.rs`'s.

use crate::prim::{
    AtomicUsize, CheckedCell,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use gort_runtime::Waiter;
use std::ptr;

/// Decides which of several records of one wait wins: one compare-and-swap.
///
/// # Orderings
/// The winner's compare-and-swap is acquire-release; the waiter reads the word after
/// the wake-up, which already orders everything before it. No model fails if one of them is weakened: a
/// waker wins under the queue's lock, and a waiter whose time was up takes that lock before it goes on.
#[derive(Debug)]
pub struct SelectWord(AtomicUsize);

const OPEN: usize = 0;
const EXPIRED: usize = usize::MAX;

impl SelectWord {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(OPEN))
    }

    /// Tries to end the wait in favour of arm `case`.
    #[inline]
    pub(crate) fn win(&self, case: usize) -> bool {
        self.0
            .compare_exchange(OPEN, case + 1, AcqRel, Relaxed)
            .is_ok()
    }

    /// Whether nobody has won so far.
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Acquire) == OPEN
    }

    /// Tries to end the wait in favour of no arm: the waiter looks again, as if a time had
    /// been up.
    pub(crate) fn interrupt(&self) -> bool {
        self.0
            .compare_exchange(OPEN, EXPIRED, AcqRel, Relaxed)
            .is_ok()
    }

    /// The arm that won; `None` if the time was up, or the waiter is to look again.
    #[inline]
    pub(crate) fn winner(&self) -> Option<usize> {
        match self.0.load(Acquire) {
            EXPIRED => None,
            word => Some(word.wrapping_sub(1)),
        }
    }

    /// For `Current::park_until`: tries to end the wait because the time is up.
    ///
    /// # Safety
    /// `word` points to a `SelectWord` that is alive.
    pub(crate) unsafe fn expire(word: *const ()) -> bool {
        // SAFETY: caller's clause: it is a `SelectWord`, and alive.
        unsafe { &*word.cast::<SelectWord>() }.interrupt()
    }
}

/// What a record waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The operation: a value to send, a place to fill, a lock.
    Operation,
    /// To send a value that it will have only when it has been chosen (`Select::send`).
    Promise,
    /// That an operation becomes possible (`Select::ready`).
    Observer,
}

/// One waiter in one queue.
#[derive(Debug)]
pub(crate) struct Sudog {
    /// The neighbours in the queue, and whether it is in one: `waitqueue.rs`'s.
    pub(crate) next: CheckedCell<*const Sudog>,
    pub(crate) prev: CheckedCell<*const Sudog>,
    pub(crate) queued: CheckedCell<bool>,
    pub(crate) kind: CheckedCell<Kind>,
    /// Whom to wake.
    pub(crate) waiter: CheckedCell<Option<Waiter>>,
    /// Sender: where the value is. Receiver: where it goes. Promise, when won on a
    /// rendezvous channel: the receiver's record.
    pub(crate) elem: CheckedCell<*mut ()>,
    /// Set by the waker: the value was moved (else: closed, or for a receiver, look again), or the
    /// lock handed over.
    pub(crate) success: CheckedCell<bool>,
    /// The select that this is an arm of, or null.
    pub(crate) select: CheckedCell<*const SelectWord>,
    /// Which arm.
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

    /// Before it is enqueued: whose record this is, as arm `case` of the select that `word`
    /// decides.
    #[inline]
    pub(crate) fn enter(&self, waiter: Waiter, elem: *mut (), word: &SelectWord, case: usize) {
        self.waiter.set(Some(waiter));
        self.elem.set(elem);
        self.success.set(false);
        self.select.set(word);
        self.case.set(case);
    }

    /// A record for a wait that only one waker can end.
    #[inline]
    pub(crate) fn plain(waiter: Waiter, elem: *mut ()) -> Self {
        let sg = Self::new();
        sg.waiter.set(Some(waiter));
        sg.elem.set(elem);
        sg
    }

    /// Whether it is in a queue. Asked under the queue's lock.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.get()
    }

    /// The word of the select or the limited wait that it belongs to.
    ///
    /// # Safety
    /// The caller holds the lock of the queue in which the record is, or was until just now.
    #[inline]
    pub(crate) unsafe fn word<'a>(&self) -> Option<&'a SelectWord> {
        // SAFETY: it is null, or a word that stays in place while the record is in a queue (rule 2 of
        // `waitqueue.rs`). Caller's clause: the queue's lock is held, and the record was in the queue under
        // it; the word's owner takes that lock before it gives the word up.
        unsafe { self.select.get().as_ref() }
    }

    /// Wins the right to wake the waiter of a record just taken out of its queue.
    ///
    /// # Safety
    /// As for [`word`](Self::word).
    #[inline]
    pub(crate) unsafe fn win(&self) -> bool {
        // SAFETY: caller's clause: the lock of the queue in which the record was just now is held.
        unsafe { self.word() }.is_none_or(|word| word.win(self.case.get()))
    }
}

/// In a model a record that ends in a queue is found out.
#[cfg(loom)]
impl Drop for Sudog {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(!self.queued.get(), "left in a queue");
        }
    }
}
