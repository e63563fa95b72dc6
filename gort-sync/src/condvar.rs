//! `Condvar`: waiting for a condition on what a mutex protects. Go's `sync.Cond`.
//!
//! The waiters' records are in a queue with a lock of its own.
//!
//! # Why no notification is lost, and who gets it
//! A waiter enters the queue *before* it unlocks the mutex. So if a notifier changes the condition
//! under the mutex after that, and then notifies, it finds the waiter. A notification goes to the
//! waiter that began to wait first, never to one that begins to wait after the notification.
//!
//! The queue's lock cannot be held while the mutex is unlocked (which may wake a goroutine). So
//! between entering and parking, the record is in the queue without a waiter. A notification that
//! removes the record in that time marks it and wakes no one; the waiter takes the queue's lock
//! again, sees the mark and does not park. If there is no mark, it fills in the waiter and parks,
//! and the park's `commit` releases the lock.
//!
//! With a time limit, the record has a [`SelectWord`]: a notification that removes the record but
//! does not win the word continues with the next record, under the same lock.
//!
//! `waiting` saves notifiers from taking the lock while there is no waiter. A waiter sets it under
//! the lock, before it unlocks the mutex. So a notifier that locks the mutex after that sees that
//! `waiting` is set.

use crate::mutex::{Mutex, MutexGuard};
use crate::prim::{AtomicBool, Ordering::Relaxed, const_unless_loom};
use crate::sudog::{SelectWord, Sudog};
use crate::waitlock::{Held, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes, Won};
use gort_runtime::{Current, Home, Nanos, WaitReason, deadline_after, now, point};
use std::fmt;
use std::iter;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// Lets goroutines and threads wait until a condition holds for what a [`Mutex`] protects. Go's
/// `sync.Cond`.
///
/// Waiters are notified in the order in which they began to wait, and there are no spurious
/// wake-ups. Nevertheless the condition may have changed again before the waiter has the mutex, so
/// wait in a loop, or with [`wait_while`](Self::wait_while).
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::Condvar;
/// use std::sync::Arc;
///
/// let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
/// go!(clone [shared]; {
///     shared.0.lock().push(1);
///     shared.1.notify_one();
/// });
/// let (queue, filled) = &*shared;
/// let mut queue = filled.wait_while(queue.lock(), |queue| queue.is_empty());
/// assert_eq!(queue.pop(), Some(1));
/// ```
pub struct Condvar {
    /// Whether the queue may contain a waiter.
    waiting: AtomicBool,
    queue: WaitLock<WaitQueue>,
}

impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

/// Says whether a wait with a time limit ended because the time was up.
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::Condvar;
///
/// let (ready, changed) = (Mutex::new(false), Condvar::new());
/// let limit = Duration::from_millis(1);
/// let (guard, result) = changed.wait_timeout_while(ready.lock(), limit, |ready| !*ready);
/// assert!(result.timed_out(), "nobody made it ready");
/// drop(guard);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns true if the time was up.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    const_unless_loom! {
        /// Creates a condition variable without waiters.
        #[must_use]
        pub fn new() -> Self {
            Self {
                waiting: AtomicBool::new(false),
                queue: WaitLock::new(Home::ANYWHERE, WaitQueue::new()),
            }
        }
    }

    /// Unlocks the mutex, waits to be notified, and locks it again. Go's `Wait`.
    ///
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::Condvar;
    /// use std::sync::Arc;
    ///
    /// let shared = Arc::new((Mutex::new(false), Condvar::new()));
    /// go!(clone [shared]; {
    ///     *shared.0.lock() = true;
    ///     shared.1.notify_all();
    /// });
    /// let (open, changed) = &*shared;
    /// let mut guard = open.lock();
    /// while !*guard {
    ///     guard = changed.wait(guard);
    /// }
    /// ```
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_until(guard, None, Location::caller()).0
    }

    /// Waits while `condition` holds. `condition` is called with the mutex locked.
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let site = Location::caller();
        while condition(&mut guard) {
            guard = self.wait_until(guard, None, site).0;
        }
        // Drop `condition` by name: if its drop panicked after the tail expression, the returned
        // guard would stay locked.
        drop(condition);
        guard
    }

    /// Like [`wait`](Self::wait), but waits for at most `timeout` to be notified. (Locking the
    /// mutex again may take longer.)
    ///
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::Condvar;
    ///
    /// let (news, changed) = (Mutex::new(0), Condvar::new());
    /// let (guard, result) = changed.wait_timeout(news.lock(), Duration::from_millis(1));
    /// assert!(result.timed_out());
    /// assert_eq!(*guard, 0);
    /// ```
    #[track_caller]
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let deadline = deadline_after(timeout);
        let (guard, notified) = self.wait_until(guard, Some(deadline), Location::caller());
        (guard, WaitTimeoutResult(!notified))
    }

    /// Like [`wait_while`](Self::wait_while), but waits for at most `timeout`. The result says
    /// "timed out" only if `condition` still holds.
    ///
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::Condvar;
    /// use std::sync::Arc;
    ///
    /// let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    /// go!(clone [shared]; {
    ///     shared.0.lock().push("a job");
    ///     shared.1.notify_one();
    /// });
    /// let limit = Duration::from_secs(10);
    /// let jobs = shared.0.lock();
    /// let (mut jobs, result) = shared.1.wait_timeout_while(jobs, limit, |jobs| jobs.is_empty());
    /// assert!(!result.timed_out());
    /// assert_eq!(jobs.pop(), Some("a job"));
    /// ```
    #[track_caller]
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let site = Location::caller();
        let deadline = deadline_after(timeout);
        let timed_out = loop {
            if !condition(&mut guard) {
                break false;
            }
            if now() >= deadline {
                break true;
            }
            guard = self.wait_until(guard, Some(deadline), site).0;
        };
        // Drop `condition` by name: if its drop panicked after the tail expression, the returned
        // guard would stay locked.
        drop(condition);
        (guard, WaitTimeoutResult(timed_out))
    }

    /// Wakes the waiter that has waited longest, if there is one. The mutex may be locked or not.
    /// Go's `Signal`.
    #[inline]
    #[track_caller]
    pub fn notify_one(&self) {
        point::point("sync.Cond.Signal", self, Location::caller());
        if self.waiting.load(Relaxed) {
            self.notify_at_most(1);
        }
    }

    /// Wakes all waiters. The mutex may be locked or not. Go's `Broadcast`.
    #[inline]
    #[track_caller]
    pub fn notify_all(&self) {
        point::point("sync.Cond.Broadcast", self, Location::caller());
        if self.waiting.load(Relaxed) {
            self.notify_at_most(usize::MAX);
        }
    }

    /// Waits to be notified (true), or until `deadline` (false).
    fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> (MutexGuard<'a, T>, bool) {
        point::point_of_all("sync.Cond.Wait", site);
        // If this call unwinds, `guard` unlocks the mutex. Nothing after it unwinds.
        let current = Current::new(WaitReason::CondWait);
        let select = SelectWord::new();
        let sg = Sudog::new();
        if deadline.is_some() {
            sg.select.set(&raw const select);
        }
        {
            let mut queue = self.queue.lock();
            // SAFETY: the record is new, so it is in no queue. The record and the word stay in
            // place until `wait_registered` has returned, when the record is out of the queue:
            // nothing in between unwinds (unlocking does not).
            unsafe { queue.push_back(&sg) };
            self.waiting.store(true, Relaxed);
        }
        let mutex: &'a Mutex<T> = guard.mutex();
        drop(guard);
        let wait = Wait {
            current: &current,
            until: deadline,
            home: self.queue.home(),
            reason: WaitReason::CondWait,
            site,
        };
        // SAFETY: the record was put into the queue above, and is still there unless a notification
        // has removed and marked it. It carries the word if there is a time limit.
        unsafe { self.wait_registered(wait, &sg, &select) };
        drop(current);
        let notified = sg.success.get();
        (mutex.lock_at(site), notified)
    }

    /// Waits until the record has been removed from the queue.
    ///
    /// # Safety
    /// The record was put into the queue, and carries `select` if there is a time limit.
    unsafe fn wait_registered(&self, wait: Wait<'_>, sg: &Sudog, select: &SelectWord) {
        let queue = self.queue.lock();
        if sg.success.get() {
            // A notification came before the park.
            return;
        }
        sg.waiter.set(Some(wait.current.waiter()));
        // SAFETY: we hold the lock and the record is not marked, so it is still in the queue. This
        // is the only queue. The record has its waiter now. The caller guarantees that it carries
        // the word if there is a time limit. `unlocked` does nothing.
        let waited = unsafe { queue.wait_registered(wait, |queue| queue, sg, select, || ()) };
        if let Waited::Expired(queue) = waited {
            self.changed(queue);
        }
    }

    /// Updates `waiting` after a change of the queue, and unlocks.
    fn changed(&self, queue: Held<'_, WaitQueue>) {
        self.waiting.store(!queue.is_empty(), Relaxed);
    }

    #[cold]
    fn notify_at_most(&self, n: usize) {
        let woken = Wakes::new();
        let mut queue = self.queue.lock();
        for won in iter::from_fn(|| queue.dequeue()).take(n) {
            notify(won, &woken);
        }
        self.changed(queue);
        woken.wake_all();
    }
}

/// Marks a record that was removed from the queue, and adds its waiter to `woken`. Called under the
/// queue's lock. If the record has no waiter yet, it belongs to its owner again as soon as the lock
/// is released, and the owner sees the mark.
fn notify(won: Won, woken: &Wakes) {
    won.record().success.set(true);
    if won.record().waiter.get().is_some() {
        woken.push(won);
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
