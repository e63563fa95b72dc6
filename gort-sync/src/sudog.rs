//! The waiting record: one goroutine (or thread) in one queue. Go's `sudog`.
//!
//! It lies on the waiter's own stack, so waiting allocates nothing. A plain
//! operation has one; a select has one per arm, which share a [`SelectWord`].
//!
//! # Who may touch what
//! A record is linked, unlinked and filled in only under the lock of the object
//! (channel, mutex…) in whose queue it is. Whoever unlinks it and, if it belongs to
//! a select, wins the word, has won the right to wake the waiter; the record stays
//! valid until that wake-up. One that unlinks it and loses the word must not use it
//! after letting go of the lock: the select takes every lock before it returns.

use gort_runtime::Waiter;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// Decides which of several records of one wait wins: one compare-and-swap.
///
/// # Orderings
/// The winner's compare-and-swap is acquire-release; the waiter reads the word after
/// the wake-up, which already orders everything before it.
#[derive(Debug)]
pub struct SelectWord(AtomicUsize);

const OPEN: usize = 0;
const EXPIRED: usize = usize::MAX;

impl SelectWord {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(OPEN))
    }

    /// Tries to end the wait in favour of arm `case`.
    pub(crate) fn win(&self, case: usize) -> bool {
        self.0
            .compare_exchange(OPEN, case + 1, AcqRel, Relaxed)
            .is_ok()
    }

    /// The arm that won; `None` if the time was up.
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
        // SAFETY: caller's clause.
        let word = unsafe { &*word.cast::<SelectWord>() };
        word.0
            .compare_exchange(OPEN, EXPIRED, AcqRel, Relaxed)
            .is_ok()
    }
}

/// One waiter in one queue.
#[derive(Debug)]
pub(crate) struct Sudog {
    next: Cell<*const Sudog>,
    prev: Cell<*const Sudog>,
    queued: Cell<bool>,
    /// Whom to wake.
    pub(crate) waiter: Cell<Option<Waiter>>,
    /// Sender: where the value is. Receiver: where it goes.
    pub(crate) elem: Cell<*mut ()>,
    /// Set by the waker: the value was moved (else: closed), or the lock handed over.
    pub(crate) success: Cell<bool>,
    /// The select that this is an arm of, or null.
    pub(crate) select: Cell<*const SelectWord>,
    /// Which arm.
    pub(crate) case: Cell<usize>,
}

impl Sudog {
    pub(crate) fn new() -> Self {
        Self {
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            queued: Cell::new(false),
            waiter: Cell::new(None),
            elem: Cell::new(ptr::null_mut()),
            success: Cell::new(false),
            select: Cell::new(ptr::null()),
            case: Cell::new(0),
        }
    }

    /// A record for a wait that only one waker can end.
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

    /// The record behind this one in its queue.
    ///
    /// # Safety
    /// The caller holds the queue's lock, and uses the record no longer than that.
    pub(crate) unsafe fn behind<'a>(&self) -> Option<&'a Sudog> {
        // SAFETY: records in the queue are alive.
        unsafe { self.next.get().as_ref() }
    }

    /// Wins the right to wake the waiter of a record just taken out of its queue.
    pub(crate) fn win(&self) -> bool {
        // SAFETY: the word of a select outlives its records' stay in queues, and the
        // caller holds the lock that this record's select must take before it returns.
        match unsafe { self.select.get().as_ref() } {
            None => true,
            Some(word) => word.win(self.case.get()),
        }
    }
}

/// Records in the order in which they came.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    head: Cell<*const Sudog>,
    tail: Cell<*const Sudog>,
}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self {
            head: Cell::new(ptr::null()),
            tail: Cell::new(ptr::null()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    /// Adds a record at the end.
    ///
    /// # Safety
    /// The caller holds the queue's lock, and the record stays in place until it has
    /// been taken out.
    pub(crate) unsafe fn push_back(&self, sg: &Sudog) {
        sg.next.set(ptr::null());
        sg.prev.set(self.tail.get());
        sg.queued.set(true);
        // SAFETY: records in the queue are alive (clause of the earlier push).
        match unsafe { self.tail.get().as_ref() } {
            Some(tail) => tail.next.set(sg),
            None => self.head.set(sg),
        }
        self.tail.set(sg);
    }

    /// Adds a record at the front: it has waited before.
    ///
    /// # Safety
    /// As for [`push_back`](Self::push_back).
    pub(crate) unsafe fn push_front(&self, sg: &Sudog) {
        sg.prev.set(ptr::null());
        sg.next.set(self.head.get());
        sg.queued.set(true);
        // SAFETY: records in the queue are alive.
        match unsafe { self.head.get().as_ref() } {
            Some(head) => head.prev.set(sg),
            None => self.tail.set(sg),
        }
        self.head.set(sg);
    }

    /// Takes out a record if it is still queued.
    ///
    /// # Safety
    /// The caller holds the queue's lock; `sg` is in this queue or in none.
    pub(crate) unsafe fn remove(&self, sg: &Sudog) {
        if !sg.queued.get() {
            return;
        }
        // SAFETY: records in the queue are alive.
        unsafe {
            match sg.prev.get().as_ref() {
                Some(prev) => prev.next.set(sg.next.get()),
                None => self.head.set(sg.next.get()),
            }
            match sg.next.get().as_ref() {
                Some(next) => next.prev.set(sg.prev.get()),
                None => self.tail.set(sg.prev.get()),
            }
        }
        sg.queued.set(false);
    }

    /// The first record, which stays.
    ///
    /// # Safety
    /// The caller holds the queue's lock, and uses the record no longer than that.
    pub(crate) unsafe fn front<'a>(&self) -> Option<&'a Sudog> {
        // SAFETY: records in the queue are alive.
        unsafe { self.head.get().as_ref() }
    }

    /// Takes out the first record whose waiter is ours to wake.
    ///
    /// # Safety
    /// The caller holds the queue's lock, uses the record no longer than until it has
    /// woken the waiter, and does wake it.
    pub(crate) unsafe fn dequeue<'a>(&self) -> Option<&'a Sudog> {
        loop {
            // SAFETY: records in the queue are alive.
            let sg: &Sudog = unsafe { self.head.get().as_ref() }?;
            // SAFETY: `sg` is in this queue; the caller holds the lock.
            unsafe { self.remove(sg) };
            if sg.win() {
                return Some(sg);
            }
        }
    }
}

/// Wakes the waiter of a record that the caller has dequeued.
///
/// # Safety
/// The record came from [`WaitQueue::dequeue`] and is not used afterwards.
pub(crate) unsafe fn wake(sg: &Sudog) {
    if let Some(waiter) = sg.waiter.get() {
        // SAFETY: dequeuing won the right to wake.
        unsafe { waiter.ready() };
    }
}
