//! Waiting for permits.

use super::sema::{Refused, Sema, asks};
use crate::sudog::{SelectWord, Sudog, WaitQueue};
use gort_runtime::{Current, Nanos, WaitReason, now};
use std::panic::Location;
use std::ptr;

impl Sema {
    /// Takes `n` permits, waiting for them until `deadline` at most.
    #[cold]
    pub(super) fn acquire_slow(
        &self,
        n: usize,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<(), Refused> {
        let current = Current::new();
        let word = SelectWord::new();
        let sg = Sudog::plain(current.waiter(), asks(n));
        if deadline.is_some() {
            sg.select.set(&raw const word);
        }
        self.raw_lock().lock();
        // SAFETY: the record is enqueued under the lock, which `commit` releases as the last
        // thing it does; it stays in place until it has been taken out, by the waker or
        // below. Who takes it out (and wins the word) wakes us, once.
        unsafe {
            match self.try_locked(n) {
                Err(Refused::NotNow) if deadline.is_some_and(|deadline| now() >= deadline) => {
                    self.raw_lock().unlock();
                    return Err(Refused::Timeout);
                }
                Err(Refused::NotNow) => {}
                tried => {
                    self.raw_lock().unlock();
                    return tried;
                }
            }
            self.enqueue(&sg);
            let lock = self.raw_lock();
            let commit = || {
                lock.unlock();
                true
            };
            match deadline {
                None => current.park(commit, WaitReason::Semacquire, site),
                Some(deadline) => {
                    let expire_arg = ptr::from_ref(&word).cast();
                    current.park_until(
                        commit,
                        deadline,
                        SelectWord::expire,
                        expire_arg,
                        WaitReason::Semacquire,
                        site,
                    );
                }
            }
        }
        if deadline.is_some() && word.winner().is_none() {
            let woken = WaitQueue::new();
            self.raw_lock().lock();
            // SAFETY: we hold the lock; nobody else may have taken the record out and kept
            // it, since the word is not theirs. The woken are ours to wake.
            unsafe {
                self.dequeue(&sg, &woken);
                self.raw_lock().unlock();
                woken.wake_all();
            }
            return Err(Refused::Timeout);
        }
        if sg.success.get() {
            Ok(())
        } else {
            Err(Refused::Closed)
        }
    }
}
