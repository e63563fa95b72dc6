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

use crate::prim::{
    AtomicUsize, CheckedCell,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use gort_runtime::Waiter;
use std::cell::Cell;
use std::ptr;

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
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(OPEN))
    }

    /// Tries to end the wait in favour of arm `case`.
    pub(crate) fn win(&self, case: usize) -> bool {
        self.0
            .compare_exchange(OPEN, case + 1, AcqRel, Relaxed)
            .is_ok()
    }

    /// Whether nobody has won so far.
    fn is_open(&self) -> bool {
        self.0.load(Acquire) == OPEN
    }

    /// Tries to end the wait in favour of no arm: the waiter looks again, as if a time had
    /// been up.
    fn interrupt(&self) -> bool {
        self.0
            .compare_exchange(OPEN, EXPIRED, AcqRel, Relaxed)
            .is_ok()
    }

    /// The arm that won; `None` if the time was up, or the waiter is to look again.
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
    next: CheckedCell<*const Sudog>,
    prev: CheckedCell<*const Sudog>,
    queued: CheckedCell<bool>,
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
    pub(crate) fn enter(&self, waiter: Waiter, elem: *mut (), word: &SelectWord, case: usize) {
        self.waiter.set(Some(waiter));
        self.elem.set(elem);
        self.success.set(false);
        self.select.set(word);
        self.case.set(case);
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

    /// As [`win`](Self::win), but for no arm's benefit.
    fn interrupt(&self) -> bool {
        // SAFETY: as in `win`.
        unsafe { self.select.get().as_ref() }.is_none_or(SelectWord::interrupt)
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

    /// Whether somebody waits for an operation, and nobody has won it elsewhere so far.
    ///
    /// # Safety
    /// The caller holds the queue's lock.
    pub(crate) unsafe fn has_partner(&self) -> bool {
        let mut next = self.head.get();
        // SAFETY: records in the queue are alive, and so are their words.
        while let Some(sg) = unsafe { next.as_ref() } {
            // SAFETY: as above.
            let open = unsafe { sg.select.get().as_ref() }.is_none_or(SelectWord::is_open);
            if sg.kind.get() != Kind::Observer && open {
                return true;
            }
            next = sg.next.get();
        }
        false
    }

    /// Takes out the first record of an operation that is ours to end; observers before it
    /// have been won, too, and go to `wakes`.
    ///
    /// # Safety
    /// As for [`dequeue`](Self::dequeue).
    #[inline]
    pub(crate) unsafe fn dequeue_partner<'a>(&self, wakes: &Wakes) -> Option<&'a Sudog> {
        loop {
            // SAFETY: caller's clauses.
            let sg = unsafe { self.dequeue() }?;
            if sg.kind.get() != Kind::Observer {
                return Some(sg);
            }
            sg.success.set(true);
            // SAFETY: dequeuing won it.
            unsafe { wakes.push(sg) };
        }
    }

    /// As [`dequeue_partner`](Self::dequeue_partner), for one who cannot wait for a value that is
    /// promised: passes over promises.
    ///
    /// # Safety
    /// As for [`dequeue`](Self::dequeue).
    #[cold]
    pub(crate) unsafe fn dequeue_value<'a>(&self, wakes: &Wakes) -> Option<&'a Sudog> {
        let mut next = self.head.get();
        // SAFETY: records in the queue are alive; the caller holds the lock, and wakes.
        unsafe {
            while let Some(sg) = next.as_ref() {
                next = sg.next.get();
                if sg.kind.get() == Kind::Promise {
                    continue;
                }
                self.remove(sg);
                if !sg.win() {
                    continue;
                }
                if sg.kind.get() != Kind::Observer {
                    return Some(sg);
                }
                sg.success.set(true);
                wakes.push(sg);
            }
        }
        None
    }

    /// Takes out the first record whose waiter is ours to wake.
    ///
    /// # Safety
    /// The caller holds the queue's lock, uses the record no longer than until it has
    /// woken the waiter, and does wake it.
    #[inline]
    pub(crate) unsafe fn dequeue<'a>(&self) -> Option<&'a Sudog> {
        // SAFETY: caller's clause.
        unsafe { self.dequeue_if(Sudog::win) }
    }

    /// As [`dequeue`](Self::dequeue), but no arm of a select wins: the waiter looks again.
    ///
    /// # Safety
    /// As for `dequeue`.
    pub(crate) unsafe fn dequeue_to_look_again<'a>(&self) -> Option<&'a Sudog> {
        // SAFETY: caller's clause.
        unsafe { self.dequeue_if(Sudog::interrupt) }
    }

    /// # Safety
    /// As for `dequeue`; `win` says whether the right to wake was won.
    #[inline]
    unsafe fn dequeue_if<'a>(&self, win: impl Fn(&Sudog) -> bool) -> Option<&'a Sudog> {
        loop {
            // SAFETY: records in the queue are alive.
            let sg: &Sudog = unsafe { self.head.get().as_ref() }?;
            // SAFETY: `sg` is in this queue; the caller holds the lock.
            unsafe { self.remove(sg) };
            if win(sg) {
                return Some(sg);
            }
        }
    }
}

/// Waiters that have been won under a lock, to be woken without it.
#[derive(Debug)]
pub struct Wakes {
    /// Mostly there is one.
    first: Cell<Option<Waiter>>,
    more: WaitQueue,
}

impl Wakes {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            first: Cell::new(None),
            more: WaitQueue::new(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// Adds a waiter. Its record has everything the waiter is to find there.
    ///
    /// # Safety
    /// The record came from [`WaitQueue::dequeue`], and the caller does not use it after
    /// [`wake_all`](Self::wake_all), which it calls.
    #[inline]
    pub(crate) unsafe fn push(&self, sg: &Sudog) {
        if self.first.get().is_none() {
            self.first.set(sg.waiter.get());
        } else {
            // SAFETY: only we know this queue; a record is alive until its waiter is woken.
            unsafe { self.more.push_back(sg) };
        }
    }

    /// Wakes all. The caller holds no lock that a waiter may want.
    #[inline]
    pub(crate) fn wake_all(&self) {
        if let Some(waiter) = self.first.take() {
            // SAFETY: `push`'s clauses.
            unsafe { waiter.ready() };
            if !self.more.is_empty() {
                self.wake_more();
            }
        }
    }

    #[cold]
    fn wake_more(&self) {
        // SAFETY: `push`'s clauses.
        unsafe { self.more.wake_all() };
    }
}

impl WaitQueue {
    /// Moves all records whose waiters are ours to wake to `woken`, and says how many.
    ///
    /// # Safety
    /// The caller holds the queue's lock; `woken` is its own, and it calls
    /// [`wake_all`](Self::wake_all) on it.
    pub(crate) unsafe fn take_all(&self, woken: &Self) -> u64 {
        let mut n = 0;
        // SAFETY: caller's clauses.
        unsafe {
            while let Some(sg) = self.dequeue() {
                woken.push_back(sg);
                n += 1;
            }
        }
        n
    }

    /// Wakes the waiters of a queue of the caller's own, the first one first, and empties it.
    ///
    /// # Safety
    /// The records came from [`dequeue`](Self::dequeue) and are not used afterwards.
    pub(crate) unsafe fn wake_all(&self) {
        // SAFETY: a record is alive until its waiter is woken, and was unlinked before.
        unsafe {
            while let Some(sg) = self.front() {
                self.remove(sg);
                wake(sg);
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
