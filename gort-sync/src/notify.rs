//! `Notify`: wakes one waiter, or all of them. tokio's `sync::Notify`.
//!
//! Everything is under one lock. The waiting is done by `lookout.rs`.
//!
//! # Invariants
//! 1. No waiter is queued while a permit is stored: a waiter looks for the permit under the lock
//!    under which it enters the queue, and `notify_one` stores one only if it found no waiter.
//! 2. A waiter uses the permit that it is handed. The notifier hands the permit over only after it
//!    has won the waiter's record. From then on a select has chosen that arm, and a wait with a
//!    time limit can no longer time out. So the permit need not be passed on, with one exception:
//!    if the owner of a chosen arm unwinds before it continues, [`Notified`] passes the permit on.
//!
//! # Why one `notify_all` wakes each waiter once
//! It removes all waiters from the queue in one critical section. A waiter that waits again enters
//! the queue after that.

use crate::lookout::{LookArm, Lookout, wait_for};
use crate::prim::const_unless_loom;
use crate::select::Selectable;
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Home, WaitReason, deadline_after, point};
use std::fmt;
use std::mem;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::time::Duration;

/// Wakes one waiter, or all of them: a condition without a lock. This is tokio's `Notify`. A Go
/// program uses a `chan struct{}` with room for one instead.
///
/// If there is no waiter, [`notify_one`](Self::notify_one) is not lost: it stores a permit, with
/// which the next [`wait`](Self::wait) returns at once. There is at most one permit, however often
/// `notify_one` is called. So a waiter that is woken checks for what it is waiting for, and waits
/// again if it is not there. Waiters are woken in the order in which they came.
///
/// In `select!`, `<-notify` waits as [`wait`](Self::wait) does.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::Notify;
/// use std::sync::Arc;
///
/// let (jobs, more) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
/// let worker = go!(clone [jobs, more]; {
///     loop {
///         if let Some(job) = jobs.lock().pop() {
///             break job;
///         }
///         select! {
///             <-more => {}
///             after(Duration::from_secs(10)) => panic!("nobody has work"),
///         }
///     }
/// });
/// jobs.lock().push("a job");
/// more.notify_one();
/// assert_eq!(worker.join().unwrap(), "a job");
/// ```
pub struct Notify {
    state: WaitLock<NotifyState>,
}

/// What `notify_one` leaves in the record of the waiter that it wakes.
const PERMIT: *mut () = ptr::dangling_mut();

/// What the lock protects.
pub(crate) struct NotifyState {
    permit: bool,
    waiters: WaitQueue,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    const_unless_loom! {
        /// Creates a `Notify` without a permit.
        #[must_use]
        pub fn new() -> Self {
            Self {
                state: WaitLock::new(Home::ANYWHERE, NotifyState {
                    permit: false,
                    waiters: WaitQueue::new(),
                }),
            }
        }
    }

    /// Wakes the waiter that has waited longest. If there is none, stores a permit, so that the
    /// next waiter need not wait. Several calls without a waiter store only one permit.
    ///
    /// ```
    /// use gort::sync::Notify;
    /// use std::time::Duration;
    ///
    /// let notify = Notify::new();
    /// notify.notify_one();
    /// notify.notify_one();
    /// notify.wait();
    /// assert!(!notify.wait_timeout(Duration::from_millis(1)), "there was one permit");
    /// ```
    #[track_caller]
    pub fn notify_one(&self) {
        point::point("notify", &self.state, Location::caller());
        let mut inside = self.state.lock();
        let won = inside.waiters.dequeue();
        match &won {
            Some(won) => {
                won.record().success.set(true);
                won.record().elem.set(PERMIT);
            }
            None => inside.permit = true,
        }
        drop(inside);
        if let Some(won) = won {
            won.wake();
        }
    }

    /// Wakes all present waiters. Stores nothing for later ones, and does not touch a stored
    /// permit.
    ///
    /// ```
    /// use gort::sync::Notify;
    /// use std::time::Duration;
    ///
    /// let notify = Notify::new();
    /// notify.notify_all(); // There is no waiter.
    /// assert!(!notify.wait_timeout(Duration::from_millis(1)));
    /// ```
    #[track_caller]
    pub fn notify_all(&self) {
        point::point("notify", &self.state, Location::caller());
        let wakes = Wakes::new();
        let mut inside = self.state.lock();
        while let Some(won) = inside.waiters.dequeue() {
            won.record().success.set(true);
            wakes.push(won);
        }
        drop(inside);
        wakes.wake_all();
    }

    /// Takes the permit if there is one; otherwise waits for [`notify_one`](Self::notify_one) or
    /// [`notify_all`](Self::notify_all).
    #[track_caller]
    pub fn wait(&self) {
        let notified = wait_for(&NotifyLook(self), None, Location::caller());
        if let Some(notified) = notified {
            notified.used();
        }
    }

    /// Like [`wait`](Self::wait), but waits for at most `d`. Returns false if the time was up. A
    /// permit that is already stored is taken even if `d` is 0.
    #[track_caller]
    pub fn wait_timeout(&self, d: Duration) -> bool {
        let until = Some(deadline_after(d));
        let notified = wait_for(&NotifyLook(self), until, Location::caller());
        notified.map(Notified::used).is_some()
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notify { .. }")
    }
}

/// The right to continue. If it came from a permit and is dropped before it is `used`, the permit
/// goes to the next waiter.
#[derive(Debug)]
pub struct Notified<'a> {
    notify: &'a Notify,
    permit: bool,
}

impl Notified<'_> {
    fn used(mut self) {
        self.permit = false;
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if self.permit {
            self.notify.notify_one();
        }
    }
}

/// Looks for the permit.
#[derive(Debug)]
pub struct NotifyLook<'a>(&'a Notify);

impl<'a> Lookout for NotifyLook<'a> {
    type Inside = NotifyState;
    type Seen = Notified<'a>;

    const REASON: WaitReason = WaitReason::NotifyWait;

    fn state(&self) -> &WaitLock<NotifyState> {
        &self.0.state
    }

    fn queue(inside: &mut NotifyState) -> &mut WaitQueue {
        &mut inside.waiters
    }

    fn look(&self, inside: &mut NotifyState) -> Option<Notified<'a>> {
        mem::take(&mut inside.permit).then(|| Notified {
            notify: self.0,
            permit: true,
        })
    }

    fn handed(&self, left: *mut ()) -> Option<Notified<'a>> {
        Some(Notified {
            notify: self.0,
            permit: left == PERMIT,
        })
    }
}

impl Selectable for Notify {
    type Output = ();
    type Arm<'a> = LookArm<NotifyLook<'a>, Notified<'a>>;

    fn arm(&self) -> Self::Arm<'_> {
        LookArm::new(NotifyLook(self))
    }

    fn take<'a>(arm: &mut Self::Arm<'a>)
    where
        Self: 'a,
    {
        if let Some(notified) = arm.seen() {
            notified.used();
        }
    }
}
