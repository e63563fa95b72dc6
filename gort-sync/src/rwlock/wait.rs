//! Waiting for a readers-writer lock, and letting in. The protocol of the word is
//! `word/rwlock.rs`'s.
//!
//! Who waits is let in by another and never competes: a waiter that was woken is inside.
//! So the order is what these functions make it:
//!
//! - *A writer leaves* ([`write_unlock_slow`](RwLock::write_unlock_slow)): all readers that
//!   wait are let in, or, without any, the first writer.
//! - *The last reader leaves, or a waiter gives up* ([`let_in`](RwLock::let_in)): with nobody
//!   inside, the first writer is let in; with no writer waiting, all readers.
//!
//! Readers wait only because a writer is inside or waits. So while readers are inside and no
//! writer waits, no reader waits either.
//!
//! # Why writers do not compete, as lockers of a mutex do
//! Freeing the lock for those who run already gives more throughput among writers (nobody
//! waits for a switch), but then the word would need the mutex's protocol on top of its own:
//! Go has a mutex in its RWMutex, and a second atomic operation for each writer.
//!
//! # Waiters that may leave
//! As in `mutex/wait.rs`: with a deadline, who takes the record out must win its
//! [`SelectWord`], and so either the waiter was let in, or it only has to take its record
//! out. A record whose time is up may still be in a queue; it counts as waiting until its
//! owner has taken it out, and then looks who may go.

use super::RwLock;
use crate::spin::spin;
use crate::sudog::{SelectWord, Sudog, WaitQueue};
use crate::word::rwlock::Inside;
use gort_runtime::{Current, Nanos, WaitReason, now};
use std::panic::Location;
use std::ptr;

/// As what somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

impl<T: ?Sized> RwLock<T> {
    /// # Safety
    /// The caller holds the queues' lock while it uses the queue.
    unsafe fn queue(&self, side: Side) -> &WaitQueue {
        // SAFETY: caller's clause.
        unsafe {
            match side {
                Side::Read => &*self.readers.get(),
                Side::Write => &*self.writers.get(),
            }
        }
    }

    /// Gets in as a reader that has knocked.
    #[cold]
    pub(super) fn wait_after_knock(&self, site: &'static Location<'static>) {
        if self.word.read_unlock() {
            self.last_reader_left();
        }
        self.wait(Side::Read, None, site);
    }

    /// Gets in, waiting until `deadline` at most, if there is one. False: it has come.
    #[cold]
    pub(super) fn wait(
        &self,
        side: Side,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> bool {
        let try_lock = || match side {
            Side::Read => self.word.try_read(),
            Side::Write => self.word.try_write(),
        };
        // With somebody queued there is nothing to be had by trying.
        if !self.word.is_queued() && spin(try_lock) {
            return true;
        }
        let current = Current::new();
        let select = SelectWord::new();
        let sg = Sudog::plain(current.waiter(), ptr::null_mut());
        if deadline.is_some() {
            sg.select.set(&raw const select);
        }
        self.queues_lock.lock();
        let (inside, reason) = match side {
            Side::Read => (self.word.read_or_announce(), WaitReason::RwLockRead),
            Side::Write => (self.word.write_or_announce(), WaitReason::RwLockWrite),
        };
        if inside {
            // SAFETY: taken above.
            unsafe { self.queues_lock.unlock() };
            return true;
        }
        if deadline.is_some_and(|deadline| deadline <= now()) {
            // SAFETY: taken above; the record is in no queue.
            unsafe { self.leave(side, &sg) };
            return false;
        }
        // SAFETY: enqueued under the queues' lock, which `commit` releases; dequeued and
        // woken once, by whoever lets us in, or won by the time, and then dequeued below.
        unsafe {
            self.queue(side).push_back(&sg);
            let queues_lock = &self.queues_lock;
            let commit = || {
                queues_lock.unlock();
                true
            };
            match deadline {
                None => current.park(commit, reason, site),
                Some(deadline) => current.park_until(
                    commit,
                    deadline,
                    SelectWord::expire,
                    (&raw const select).cast(),
                    reason,
                    site,
                ),
            }
        }
        if deadline.is_some() && select.winner().is_none() {
            self.queues_lock.lock();
            // SAFETY: taken above; the record is in its queue or in none.
            unsafe { self.leave(side, &sg) };
            return false;
        }
        true
    }

    /// A waiter gives up.
    ///
    /// # Safety
    /// The caller holds the queues' lock, which is released; `sg` is in the queue of `side` or
    /// in none.
    unsafe fn leave(&self, side: Side, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe {
            self.queue(side).remove(sg);
            self.let_in();
        }
    }

    /// The last of those who are counted as readers has left, and seen that somebody waits.
    #[cold]
    pub(super) fn last_reader_left(&self) {
        self.queues_lock.lock();
        // SAFETY: taken above.
        unsafe { self.let_in() };
    }

    /// Lets in who may go now.
    ///
    /// # Safety
    /// The caller holds the queues' lock, which is released.
    unsafe fn let_in(&self) {
        let woken = WaitQueue::new();
        // SAFETY: caller's clause; the records are won, moved to `woken` and woken from there.
        unsafe {
            let inside = self.word.inside();
            if inside == Inside::Nobody
                && let Some(writer) = self.queue(Side::Write).dequeue()
            {
                self.word.let_writer_in();
                woken.push_back(writer);
            } else if inside != Inside::Writer && self.queue(Side::Write).is_empty() {
                let readers = self.queue(Side::Read).take_all(&woken);
                self.word.let_readers_in(readers);
            }
            self.finish(&woken);
        }
    }

    /// The writer that is inside leaves, and somebody waits or knocks.
    #[cold]
    pub(super) fn write_unlock_slow(&self) {
        let woken = WaitQueue::new();
        self.queues_lock.lock();
        // SAFETY: taken above; the records are won, moved to `woken` and woken from there.
        unsafe {
            let readers = self.queue(Side::Read).take_all(&woken);
            if readers == 0
                && let Some(writer) = self.queue(Side::Write).dequeue()
            {
                // The word stays as it is: handed over.
                woken.push_back(writer);
            } else {
                self.word.writer_to_readers(readers);
            }
            self.finish(&woken);
        }
    }

    /// After others were let in: has the word tell whether somebody still waits, and wakes.
    ///
    /// # Safety
    /// The caller holds the queues' lock, which is released; `woken` holds records that the
    /// caller has won.
    unsafe fn finish(&self, woken: &WaitQueue) {
        // SAFETY: caller's clauses; a record is not used after its waiter was woken.
        unsafe {
            if self.queue(Side::Read).is_empty() && self.queue(Side::Write).is_empty() {
                self.word.queues_are_empty();
            }
            self.queues_lock.unlock();
            woken.wake_all();
        }
    }
}
