//! The lock as an arm of a select.
//!
//! An arm that waits is always handed the lock, like a waiter in starvation mode. Other waiters are
//! woken and then compete for the lock, which they may lose. An arm cannot do that: the wake-up
//! decides the select, and once an arm is chosen, no other can be. So:
//!
//! - *An arm that was chosen has the lock*: it took the lock in `poll`, or an unlocker locked on
//!   its behalf before it won the select's word for the arm.
//! - *An arm that was not chosen has nothing*, and has used up no wake-up. If an unlocker removes
//!   the arm's record but another arm has won the select's word, the unlocker takes its duty back
//!   and continues with the next waiter, under the same lock.
//!
//! If the mutex is not free, `poll` announces a waiter, although the select may yet find that it
//! need not wait. Without the announcement, a holder could unlock between `poll` and `enqueue`
//! without looking at the queue. The select calls both under the queue's lock, and does not release
//! it in between. If the select need not wait, the announcement makes the next unlocker look at an
//! empty queue.

use super::{Mutex, MutexGuard};
use crate::contention;
use crate::select::{Arm, SelectWord, Selectable};
use crate::sudog::Sudog;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, RawLock, Waiter};
use std::cell::Cell;
use std::fmt;

/// A request to lock a mutex, for `select!`. See [`Mutex::lock_request`].
///
/// ```
/// use gort::context::Context;
/// use gort::prelude::*;
///
/// let (mutex, ctx) = (Mutex::new(1), Context::background());
/// select! {
///     mut guard = <-mutex.lock_request() => *guard += 1,
///     <-ctx => println!("not needed any more"),
/// }
/// assert_eq!(*mutex.lock(), 2);
/// ```
#[must_use = "a request does nothing unless it is used in a `select!`"]
pub struct LockRequest<'m, T: ?Sized> {
    mutex: &'m Mutex<T>,
}

impl<'m, T: ?Sized> LockRequest<'m, T> {
    pub(super) fn new(mutex: &'m Mutex<T>) -> Self {
        Self { mutex }
    }
}

impl<T: ?Sized> fmt::Debug for LockRequest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockRequest").finish_non_exhaustive()
    }
}

/// A request that takes part in a select.
pub struct LockArm<'m, T: ?Sized> {
    mutex: &'m Mutex<T>,
    /// Its `success` says that the lock was handed over.
    sg: Sudog,
    /// Whether `poll` has locked.
    locked: Cell<bool>,
}

impl<'m, T: ?Sized> LockArm<'m, T> {
    /// Returns the guard, if the arm has the lock and its guard was not taken before.
    fn guard(&self) -> Option<MutexGuard<'m, T>> {
        (self.locked.take() || self.sg.success.take()).then(|| self.mutex.guard())
    }
}

impl<T: ?Sized> fmt::Debug for LockArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockArm").finish_non_exhaustive()
    }
}

// SAFETY: `lock` returns the queue's lock, and `poll`, `enqueue` and `dequeue` are called under it,
// as the trait requires. The record enters the queue only in `enqueue`, after `poll` has announced
// a waiter under the same lock. So every unlocker after `poll` looks at the queue.
unsafe impl<T: ?Sized> Arm for LockArm<'_, T> {
    fn home(&self) -> Home {
        self.mutex.raw.queue.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(self.mutex.raw.queue.raw())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        let locked = self.mutex.raw.word.lock_or_announce(false);
        self.locked.set(locked);
        locked
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, contention::mark(true), word, case);
        // SAFETY: the caller holds the lock. It guarantees that the arm's record is in no queue,
        // and stays in place together with its word until `dequeue`. The reference is used only
        // here.
        unsafe { self.mutex.raw.queue.held().push_back(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock until we return, and no other reference is in use. The
        // record is in this queue, where `enqueue` has put it, or in none.
        let queue = unsafe {
            let queue = self.mutex.raw.queue.held();
            queue.remove(&self.sg);
            queue
        };
        self.mutex.raw.waiter_gave_up(queue);
    }
}

impl<T: ?Sized> Drop for LockArm<'_, T> {
    fn drop(&mut self) {
        // The arm was chosen, but its guard was not taken.
        drop(self.guard());
    }
}

impl<'m, T: ?Sized> Selectable for LockRequest<'m, T> {
    type Output = MutexGuard<'m, T>;
    type Arm<'a>
        = LockArm<'m, T>
    where
        Self: 'a;

    fn arm(&self) -> LockArm<'m, T> {
        LockArm {
            mutex: self.mutex,
            sg: Sudog::new(),
            locked: Cell::new(false),
        }
    }

    fn take<'a>(arm: &mut LockArm<'m, T>) -> MutexGuard<'m, T>
    where
        Self: 'a,
    {
        match arm.guard() {
            Some(guard) => guard,
            None => unreachable!("an arm that was chosen has the lock"),
        }
    }
}
