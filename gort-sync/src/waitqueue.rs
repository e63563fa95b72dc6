//! The queue of waiters of one object, in the order in which they arrived, and the right to wake
//! one.
//!
//! # Who may touch a record
//! 1. A record is linked, unlinked and filled in only by code with exclusive access to the queue:
//!    the holder of the lock of the object (channel, mutex…) that owns the queue.
//! 2. While a record is in a queue, the record and its [`SelectWord`] are alive: the waiter does
//!    not leave before the record has been removed (a requirement of
//!    [`push_back`](WaitQueue::push_back)).
//! 3. A waker that removes a record and, if the record has a word, wins the word, has won the right
//!    to wake the waiter: a [`Won`]. There is one for each wait. The waiter stays where it is until
//!    it is woken, so the record is alive until then, even without the lock.
//! 4. A waker that removes a record and loses the word does not use the record after it has
//!    released the lock: the record's owner takes that lock before it returns.

use crate::sudog::{Kind, SelectWord, Sudog};
use gort_runtime::Waiter;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// A queue of records, in the order of their arrival.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    head: *const Sudog,
    tail: *const Sudog,
}

// SAFETY: only a thread that has exclusive access to the queue accesses the records (rule 1), and
// that may be any thread. Any thread may wake a [`Waiter`].
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

    /// Adds a record at the back.
    ///
    /// # Safety
    /// The record is in no queue. The record and its word stay in place until the record has been
    /// removed.
    #[inline]
    pub(crate) unsafe fn push_back(&mut self, sg: &Sudog) {
        sg.next.set(ptr::null());
        sg.prev.set(self.tail);
        sg.queued.set(true);
        // SAFETY: the last record is in the queue, so it is alive (rule 2).
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.next.set(sg),
            None => self.head = sg,
        }
        self.tail = sg;
    }

    /// Adds a record at the front, for a waiter that has waited before.
    ///
    /// # Safety
    /// The requirements are those of [`push_back`](Self::push_back).
    #[inline]
    pub(crate) unsafe fn push_front(&mut self, sg: &Sudog) {
        sg.prev.set(ptr::null());
        sg.next.set(self.head);
        sg.queued.set(true);
        // SAFETY: the first record is in the queue, so it is alive (rule 2).
        match unsafe { self.head.as_ref() } {
            Some(head) => head.prev.set(sg),
            None => self.tail = sg,
        }
        self.head = sg;
    }

    /// Removes a record if it is still queued.
    ///
    /// # Safety
    /// The record is in this queue or in none.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, sg: &Sudog) {
        if !sg.queued.get() {
            return;
        }
        // SAFETY: the record is in a queue, and the caller guarantees that it is in no queue but
        // this one. Its neighbours are in it as well, so they are alive (rule 2).
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

    /// Returns an iterator over the records, from the front.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sudog> {
        let mut next = self.head;
        std::iter::from_fn(move || {
            // SAFETY: a record in the queue is alive (rule 2). No record is removed while `self` is
            // borrowed, since that needs exclusive access to the queue.
            let sg = unsafe { next.as_ref() }?;
            next = sg.next.get();
            Some(sg)
        })
    }

    /// Returns the first record, and leaves it in the queue.
    #[inline]
    pub(crate) fn front(&self) -> Option<&Sudog> {
        self.iter().next()
    }

    /// Returns true if a waiter in the queue waits to complete an operation, and its wait is still
    /// open.
    pub(crate) fn has_partner(&self) -> bool {
        self.iter().any(|sg| {
            // SAFETY: the record is in the queue, and code that has access to the queue holds its
            // lock (rule 1).
            let is_open = unsafe { sg.word() }.is_none_or(SelectWord::is_open);
            sg.kind.get() != Kind::Observer && is_open
        })
    }

    /// Removes records from the front until one gives the right to wake its waiter, and returns
    /// that right.
    #[inline]
    pub(crate) fn dequeue(&mut self) -> Option<Won> {
        self.dequeue_where(|_| true, |sg, word| word.win(sg.case.get()))
    }

    /// Removes the first record that is `wanted`, and no other. Returns `None` if there is none, or
    /// if its waiter is not ours to wake: it has given up, or another waker has won it.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(&Sudog) -> bool) -> Option<Won> {
        let sg = NonNull::from(self.iter().find(|sg| wanted(sg))?);
        // SAFETY: the record is in this queue, so the record and its word are alive (rule 2). Once
        // it is removed, they stay alive while we hold the lock (rules 1 and 4).
        let won = unsafe {
            let sg = sg.as_ref();
            self.remove(sg);
            sg.win()
        };
        won.then_some(Won(sg))
    }

    /// Like [`dequeue`](Self::dequeue), but passes over records that are not `wanted`.
    #[inline]
    pub(crate) fn dequeue_if(&mut self, wanted: impl Fn(&Sudog) -> bool) -> Option<Won> {
        self.dequeue_where(wanted, |sg, word| word.win(sg.case.get()))
    }

    /// Like [`dequeue`](Self::dequeue), but if the record is an arm of a select, no arm wins: the
    /// select looks again.
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
        // SAFETY: the records are in this queue, so they and their words are alive (rule 2). A
        // record that is removed stays alive while we hold the lock (rules 1 and 4). `next` is read
        // before the removal.
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

    /// Removes the first record of an operation whose wait is ours to end. Observers in front of it
    /// are won as well, and are added to `wakes`.
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

    /// Like [`dequeue_partner`](Self::dequeue_partner), for a caller that must not wait for a
    /// promised value: passes over promises.
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

    /// Removes all records. Adds those whose waiters are ours to wake to `wakes`, and returns their
    /// number.
    pub(crate) fn take_all(&mut self, wakes: &Wakes) -> u64 {
        let mut n = 0;
        while let Some(won) = self.dequeue() {
            wakes.push(won);
            n += 1;
        }
        n
    }
}

/// The right, and the duty, to wake the waiter of a record that was removed from its queue.
#[derive(Debug)]
#[must_use = "the waiter sleeps until it is woken"]
pub(crate) struct Won(NonNull<Sudog>);

impl Won {
    /// Returns the record.
    #[inline]
    pub(crate) fn record(&self) -> &Sudog {
        // SAFETY: rule 3: the record is alive until the waiter is woken, and only this `Won` may
        // wake it.
        unsafe { self.0.as_ref() }
    }

    /// Wakes the waiter. The caller has stored the result in the record. It holds no lock that the
    /// waiter may take.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(waiter) = self.record().waiter.get() {
            // SAFETY: a `Won` is the right to wake the waiter (rule 3), and is used up here.
            unsafe { waiter.ready() };
        }
    }

    /// Wakes the waiter, as `wake` does, for a caller that will go on running: another P that has
    /// nothing to do runs the waiter.
    #[inline]
    pub(crate) fn wake_elsewhere(self) {
        if let Some(waiter) = self.record().waiter.get() {
            // SAFETY: as in `wake`.
            unsafe { waiter.ready_elsewhere() };
        }
    }

    /// Creates the right to wake the waiter of a record that is in no queue, on behalf of that
    /// waiter.
    ///
    /// # Safety
    /// The record stays in place until its waiter is woken. No one else may wake that waiter, and
    /// this function is called once for its wait.
    pub(crate) unsafe fn given(sg: NonNull<Sudog>) -> Self {
        Self(sg)
    }
}

/// Waiters that were won under a lock, and that are woken once it is released.
#[derive(Debug)]
pub struct Wakes {
    /// The first waiter, usually the only one.
    first: Cell<Option<Waiter>>,
    /// The records of the other waiters, linked by `next`.
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

    /// Adds a waiter. The caller has stored the result in the record.
    #[inline]
    pub(crate) fn push(&self, won: Won) {
        let sg = won.record();
        if self.first.get().is_none() {
            return self.first.set(sg.waiter.get());
        }
        sg.next.set(ptr::null());
        // SAFETY: the records in the list were pushed as `Won`s and have not been woken, so they
        // are alive (rule 3).
        match unsafe { self.last.get().as_ref() } {
            Some(last) => last.next.set(sg),
            None => self.more.set(sg),
        }
        self.last.set(sg);
    }

    /// Wakes all waiters, in order. The caller holds no lock that a waiter may take.
    #[inline]
    pub(crate) fn wake_all(&self) {
        // SAFETY: `wake_each` hands over the right to wake the waiter, which is used up here.
        self.wake_each(|waiter| unsafe { waiter.ready() });
    }

    /// Wakes all waiters, as `wake_all` does, for a caller that will go on running: other Ps that
    /// have nothing to do run the waiters.
    #[inline]
    pub(crate) fn wake_all_elsewhere(&self) {
        // SAFETY: as in `wake_all`.
        self.wake_each(|waiter| unsafe { waiter.ready_elsewhere() });
    }

    /// Calls `wake` for each waiter, in order, and thereby hands it the right to wake that waiter.
    #[inline]
    fn wake_each(&self, wake: impl Fn(Waiter)) {
        if let Some(waiter) = self.first.take() {
            // `push` was given a `Won`, the right to wake the waiter (rule 3).
            wake(waiter);
            if !self.more.get().is_null() {
                self.wake_more(wake);
            }
        }
    }

    #[cold]
    fn wake_more(&self, wake: impl Fn(Waiter)) {
        self.last.set(ptr::null());
        let mut next = self.more.replace(ptr::null());
        // SAFETY: the records in the list were pushed as `Won`s. Each is alive until its waiter is
        // woken (rule 3), so `next` is read before that.
        while let Some(sg) = unsafe { next.as_ref() } {
            next = sg.next.get();
            if let Some(waiter) = sg.waiter.get() {
                wake(waiter);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::array;
    use std::collections::VecDeque;

    const RECORDS: usize = 4;
    const STEPS: u32 = 6;

    /// Returns the queue from the front to the back. Panics if the links back do not say the same.
    fn order(queue: &WaitQueue, records: &[Sudog; RECORDS]) -> VecDeque<usize> {
        let index = |sg: *const Sudog| records.iter().position(|r| ptr::eq(r, sg));
        let order: VecDeque<_> = queue.iter().filter_map(|sg| index(sg)).collect();
        let back = order.iter().rev().map(|&i| &records[i]);
        let end = back.fold(queue.tail, |at, sg| {
            assert!(ptr::eq(at, sg));
            sg.prev.get()
        });
        assert!(end.is_null());
        order
    }

    #[test]
    fn records_leave_from_any_place() {
        // In each step one record does one of two things: it leaves the queue, or it enters at one
        // of the ends. The digits of `course` say which record does which.
        let choices = 2 * RECORDS;
        for course in 0..choices.pow(STEPS) {
            let records: [_; RECORDS] = array::from_fn(|_| Sudog::new());
            let mut queue = WaitQueue::new();
            let mut expected = VecDeque::new();
            let mut rest = course;
            for _ in 0..STEPS {
                let (i, front) = (rest % RECORDS, rest / RECORDS % 2 == 1);
                rest /= choices;
                let sg = &records[i];
                // SAFETY: the records outlive the queue. A record enters only if it is in none.
                unsafe {
                    if let Some(at) = expected.iter().position(|&other| other == i) {
                        expected.remove(at);
                        queue.remove(sg);
                    } else if front {
                        expected.push_front(i);
                        queue.push_front(sg);
                    } else {
                        expected.push_back(i);
                        queue.push_back(sg);
                    }
                }
                assert_eq!(order(&queue, &records), expected);
            }
        }
    }
}
