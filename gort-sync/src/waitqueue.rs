//! Who waits for one thing, in the order in which they came; and the right to wake one of them.
//!
//! # Who may touch a record
//! 1. A record is linked, unlinked and filled in only by who has the queue to himself, which is
//!    who holds the lock of the object (channel, mutex…) whose queue it is.
//! 2. While it is in a queue it is alive, and so is its [`SelectWord`]: whoever put it there
//!    does not leave before it has been taken out (a clause of [`push_back`](WaitQueue::push_back)).
//! 3. Whoever takes it out and, if it has a word, wins that, has won the right to wake the waiter: a
//!    [`Won`]. There is one for each wait. The waiter stays where it is until it is woken, so the record is
//!    alive until then, also without the lock.
//! 4. Who takes it out and loses the word does not use it any more after letting go of the
//!    lock: its owner takes that lock before it returns.

use crate::sudog::{Kind, SelectWord, Sudog};
use gort_runtime::Waiter;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// Records in the order in which they came.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    head: *const Sudog,
    tail: *const Sudog,
}

// SAFETY: the records are reached by who has the queue to himself (rule 1), whatever thread that is;
// and any thread may wake a [`Waiter`].
unsafe impl Send for WaitQueue {}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self {
            head: ptr::null(),
            tail: ptr::null(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds a record at the end.
    ///
    /// # Safety
    /// The record is in no queue. It and its word stay in place until it has been taken out.
    #[inline]
    pub(crate) unsafe fn push_back(&mut self, sg: &Sudog) {
        sg.next.set(ptr::null());
        sg.prev.set(self.tail);
        sg.queued.set(true);
        // SAFETY: the last record is alive, as it is in the queue (rule 2).
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.next.set(sg),
            None => self.head = sg,
        }
        self.tail = sg;
    }

    /// Adds a record at the front: it has waited before.
    ///
    /// # Safety
    /// As for [`push_back`](Self::push_back).
    #[inline]
    pub(crate) unsafe fn push_front(&mut self, sg: &Sudog) {
        sg.prev.set(ptr::null());
        sg.next.set(self.head);
        sg.queued.set(true);
        // SAFETY: the first record is alive, as it is in the queue (rule 2).
        match unsafe { self.head.as_ref() } {
            Some(head) => head.prev.set(sg),
            None => self.tail = sg,
        }
        self.head = sg;
    }

    /// Takes out a record if it is still queued.
    ///
    /// # Safety
    /// The record is in this queue or in none.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, sg: &Sudog) {
        if !sg.queued.get() {
            return;
        }
        // SAFETY: caller's clause: it is in this queue, being queued. So its neighbours are as well, and
        // alive (rule 2).
        unsafe {
            match sg.prev.get().as_ref() {
                Some(prev) => prev.next.set(sg.next.get()),
                None => self.head = sg.next.get(),
            }
            match sg.next.get().as_ref() {
                Some(next) => next.prev.set(sg.prev.get()),
                None => self.tail = sg.prev.get(),
            }
        }
        sg.queued.set(false);
    }

    /// The records, the first one first.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sudog> {
        let mut next = self.head;
        std::iter::from_fn(move || {
            // SAFETY: a record in the queue is alive (rule 2), and none is taken out while `self` is
            // borrowed, since that needs the queue exclusively.
            let sg = unsafe { next.as_ref() }?;
            next = sg.next.get();
            Some(sg)
        })
    }

    /// The first record, which stays.
    #[inline]
    pub(crate) fn front(&self) -> Option<&Sudog> {
        self.iter().next()
    }

    /// Whether somebody waits for an operation, and nobody has won it elsewhere so far.
    pub(crate) fn has_partner(&self) -> bool {
        self.iter().any(|sg| {
            // SAFETY: the record is in the queue, and who can reach the queue holds its lock (rule 1).
            let is_open = unsafe { sg.word() }.is_none_or(SelectWord::is_open);
            sg.kind.get() != Kind::Observer && is_open
        })
    }

    /// Takes out the first record whose waiter is ours to wake.
    #[inline]
    pub(crate) fn dequeue(&mut self) -> Option<Won> {
        self.dequeue_where(|_| true, |sg, word| word.win(sg.case.get()))
    }

    /// Takes out the first record that is `wanted`, and no other; `None` if there is none, or its
    /// waiter is not ours to wake: it has given up, or another has won it.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(&Sudog) -> bool) -> Option<Won> {
        let sg = NonNull::from(self.iter().find(|sg| wanted(sg))?);
        // SAFETY: the record is in this queue, so it and its word are alive (rule 2); they stay so once
        // it is out, while we hold the lock (rules 1 and 4).
        let won = unsafe {
            let sg = sg.as_ref();
            self.remove(sg);
            sg.win()
        };
        won.then_some(Won(sg))
    }

    /// As [`dequeue`](Self::dequeue), if it is one that is `wanted`; passes over others.
    #[inline]
    pub(crate) fn dequeue_if(&mut self, wanted: impl Fn(&Sudog) -> bool) -> Option<Won> {
        self.dequeue_where(wanted, |sg, word| word.win(sg.case.get()))
    }

    /// As [`dequeue`](Self::dequeue), but no arm of a select wins: the waiter looks again.
    pub(crate) fn dequeue_to_look_again(&mut self) -> Option<Won> {
        self.dequeue_where(|_| true, |_, word| word.interrupt())
    }

    #[inline]
    fn dequeue_where(
        &mut self,
        wanted: impl Fn(&Sudog) -> bool,
        win: impl Fn(&Sudog, &SelectWord) -> bool,
    ) -> Option<Won> {
        let mut next = self.head;
        // SAFETY: the records are in this queue, so they and their words are alive (rule 2), and one that
        // is taken out stays so while we hold the lock (rules 1 and 4). `next` is read before that.
        unsafe {
            while let Some(sg) = next.as_ref() {
                next = sg.next.get();
                if !wanted(sg) {
                    continue;
                }
                self.remove(sg);
                if sg.word().is_none_or(|word| win(sg, word)) {
                    return Some(Won(NonNull::from(sg)));
                }
            }
        }
        None
    }

    /// Takes out the first record of an operation that is ours to end; observers before it
    /// have been won, too, and go to `wakes`.
    #[inline]
    pub(crate) fn dequeue_partner(&mut self, wakes: &Wakes) -> Option<Won> {
        loop {
            let won = self.dequeue()?;
            if won.record().kind.get() != Kind::Observer {
                return Some(won);
            }
            won.record().success.set(true);
            wakes.push(won);
        }
    }

    /// As [`dequeue_partner`](Self::dequeue_partner), for one who cannot wait for a value that is
    /// promised: passes over promises.
    #[cold]
    pub(crate) fn dequeue_value(&mut self, wakes: &Wakes) -> Option<Won> {
        loop {
            let won = self.dequeue_if(|sg| sg.kind.get() != Kind::Promise)?;
            if won.record().kind.get() != Kind::Observer {
                return Some(won);
            }
            won.record().success.set(true);
            wakes.push(won);
        }
    }

    /// Moves all records whose waiters are ours to wake to `wakes`, and says how many.
    pub(crate) fn take_all(&mut self, wakes: &Wakes) -> u64 {
        let mut n = 0;
        while let Some(won) = self.dequeue() {
            wakes.push(won);
            n += 1;
        }
        n
    }
}

/// The right to wake the waiter of a record that was taken out of its queue, and the duty.
#[derive(Debug)]
#[must_use = "the waiter sleeps until it is woken"]
pub(crate) struct Won(NonNull<Sudog>);

impl Won {
    /// The record.
    #[inline]
    pub(crate) fn record(&self) -> &Sudog {
        // SAFETY: rule 3: it is alive until the waiter is woken, and only a `Won`, this one, may do that.
        unsafe { self.0.as_ref() }
    }

    /// Wakes the waiter. The record has everything it is to find there. The caller holds no lock
    /// that it may want.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(waiter) = self.record().waiter.get() {
            // SAFETY: a `Won` is the right to wake it (rule 3), and is used up here.
            unsafe { waiter.ready() };
        }
    }

    /// The right to wake the waiter of a record that is in no queue, as the waiter itself gives it.
    ///
    /// # Safety
    /// The record stays in place until its waiter is woken, whom nobody else may wake; this is called
    /// once for its wait.
    pub(crate) unsafe fn given(sg: NonNull<Sudog>) -> Self {
        Self(sg)
    }
}

/// Waiters that have been won under a lock, to be woken without it.
#[derive(Debug)]
pub struct Wakes {
    /// Mostly there is one.
    first: Cell<Option<Waiter>>,
    /// The others, linked by `next`.
    more: Cell<*const Sudog>,
    last: Cell<*const Sudog>,
}

impl Wakes {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            first: Cell::new(None),
            more: Cell::new(ptr::null()),
            last: Cell::new(ptr::null()),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// Adds a waiter. Its record has everything the waiter is to find there.
    #[inline]
    pub(crate) fn push(&self, won: Won) {
        let sg = won.record();
        if self.first.get().is_none() {
            return self.first.set(sg.waiter.get());
        }
        sg.next.set(ptr::null());
        // SAFETY: the records of the list were pushed as `Won`s and have not been woken, so they are alive
        // (rule 3).
        match unsafe { self.last.get().as_ref() } {
            Some(last) => last.next.set(sg),
            None => self.more.set(sg),
        }
        self.last.set(sg);
    }

    /// Wakes all, the first one first. The caller holds no lock that a waiter may want.
    #[inline]
    pub(crate) fn wake_all(&self) {
        if let Some(waiter) = self.first.take() {
            // SAFETY: `push` was given a `Won`, the right to wake it (rule 3), which is used up here.
            unsafe { waiter.ready() };
            if !self.more.get().is_null() {
                self.wake_more();
            }
        }
    }

    #[cold]
    fn wake_more(&self) {
        self.last.set(ptr::null());
        let mut next = self.more.replace(ptr::null());
        // SAFETY: the records of the list were pushed as `Won`s. Each is alive until its waiter is woken
        // (rule 3), so `next` is read before; and the right to wake it is used up here.
        unsafe {
            while let Some(sg) = next.as_ref() {
                next = sg.next.get();
                Won(NonNull::from(sg)).wake();
            }
        }
    }
}
