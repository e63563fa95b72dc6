//! Waiting for a mutex, waking and handing over. The protocol of the word is
//! `word/mutex.rs`'s.
//!
//! *Normal mode*: an unlocker frees the lock and wakes the first waiter, which competes
//! with newcomers (they are running already, so throughput is high). A woken waiter that
//! loses goes back to the front of the queue. *Starvation mode*: a waiter that has waited for more
//! than 1 ms says so in its record; an unlocker that finds it first in the queue hands it the
//! lock, or, if somebody was quicker, sees to it that nobody is again. An arm of a select
//! (`request.rs`) says so from the start: it cannot compete once its select has been won for it.
//!
//! # Waiters that may leave
//! A waiter with a deadline, or in a select, shares the right to be woken with others: that
//! is its record's [`SelectWord`]. The unlocker wins the word as it takes the record out, or
//! drops the record and takes the next. So a waiter whose time came first was not woken, and
//! has been handed nothing: it has only to take its record out. And one that was woken
//! first competes once more, whatever the time.

use super::Mutex;
use crate::spin::spin;
use crate::sudog::{SelectWord, Sudog, WaitQueue, wake};
use crate::word::mutex::{Duty, Word};
use gort_runtime::{Current, Nanos, WaitReason, now};
use std::panic::Location;
use std::ptr;

/// A waiter that has waited for longer is handed the lock: Go's threshold.
const STARVING_NS: u64 = 1_000_000;

/// In a record's `elem`: this waiter is to be handed the lock.
pub(super) const STARVING: *mut () = ptr::NonNull::dangling().as_ptr();

impl<T: ?Sized> Mutex<T> {
    /// The queue.
    ///
    /// # Safety
    /// The caller holds the queue's lock while it uses it.
    pub(super) unsafe fn queue(&self) -> &WaitQueue {
        // SAFETY: caller's clause.
        self.queue.with_mut(|queue| unsafe { &*queue })
    }

    /// Locks, waiting until `deadline` at most, if there is one. False: it has come.
    #[cold]
    pub(super) fn wait(&self, deadline: Option<Nanos>, site: &'static Location<'static>) -> bool {
        if spin(|| self.word.try_lock()) {
            return true;
        }
        let current = Current::new();
        let mut waiting_since = 0;
        let mut woken = false;
        loop {
            let select = SelectWord::new();
            let sg = Sudog::plain(current.waiter(), ptr::null_mut());
            if deadline.is_some() {
                sg.select.set(&raw const select);
            }
            self.queue_lock.lock();
            if self.word.lock_or_announce(woken) {
                // SAFETY: taken above.
                unsafe { self.queue_lock.unlock() };
                return true;
            }
            let time = now();
            if deadline.is_some_and(|deadline| deadline <= time) {
                // SAFETY: taken above; the record is in no queue.
                unsafe { self.leave(&sg) };
                return false;
            }
            // SAFETY: enqueued under the queue's lock, which `commit` releases; dequeued
            // and woken once, by `unlocked`, or won by the time, and then dequeued below.
            unsafe {
                if waiting_since == 0 {
                    waiting_since = time;
                    self.queue().push_back(&sg);
                } else {
                    if time - waiting_since > STARVING_NS {
                        sg.elem.set(STARVING);
                    }
                    self.queue().push_front(&sg);
                }
                let queue_lock = &self.queue_lock;
                let commit = || {
                    queue_lock.unlock();
                    true
                };
                match deadline {
                    None => current.park(commit, WaitReason::MutexLock, site),
                    Some(deadline) => current.park_until(
                        commit,
                        deadline,
                        SelectWord::expire,
                        (&raw const select).cast(),
                        WaitReason::MutexLock,
                        site,
                    ),
                }
            }
            if deadline.is_some() && select.winner().is_none() {
                self.queue_lock.lock();
                // SAFETY: taken above; the record is in the queue or in none.
                unsafe { self.leave(&sg) };
                return false;
            }
            if sg.success.get() {
                // Handed over, still locked.
                return true;
            }
            woken = true;
        }
    }

    /// A waiter gives up.
    ///
    /// # Safety
    /// The caller holds the queue's lock, which is released; `sg` is in the queue or in none.
    unsafe fn leave(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe {
            self.take_out(sg);
            self.queue_lock.unlock();
        }
    }

    /// Takes a record out of the queue if it is still there.
    ///
    /// # Safety
    /// The caller holds the queue's lock; `sg` is in the queue or in none.
    pub(super) unsafe fn take_out(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe {
            self.queue().remove(sg);
            if self.queue().is_empty() {
                self.word.queue_is_empty();
            }
        }
    }

    /// After an unlock that left this of the word.
    #[cold]
    pub(super) fn unlocked(&self, left: u32) {
        if !Word::is_duty(left) {
            return;
        }
        self.queue_lock.lock();
        // SAFETY: we hold the queue's lock; the record is woken below, once.
        unsafe {
            let Some(next) = self.take_next() else {
                return self.queue_lock.unlock();
            };
            self.queue_lock.unlock();
            wake(next);
        }
    }

    /// An unlocker's duty: takes out the waiter that is to be woken, if there is one.
    ///
    /// # Safety
    /// The caller holds the queue's lock, and wakes.
    unsafe fn take_next<'a>(&self) -> Option<&'a Sudog> {
        // SAFETY: caller's clauses; a record in the queue is alive.
        unsafe {
            let queue = self.queue();
            while let Some(first) = queue.front() {
                let duty = self.word.duty(is_starving(first));
                if duty == Duty::None {
                    return None;
                }
                queue.remove(first);
                if first.win() {
                    first.success.set(duty == Duty::HandOver);
                    match queue.front() {
                        None => self.word.queue_is_empty(),
                        Some(second) if duty == Duty::HandOver => {
                            self.word.set_starving(is_starving(second));
                        }
                        Some(_) => {}
                    }
                    return Some(first);
                }
                // It has given up. The next one may want another duty.
                self.word.take_back(duty);
            }
        }
        self.word.queue_is_empty();
        None
    }
}

fn is_starving(sg: &Sudog) -> bool {
    sg.elem.get() == STARVING
}
