//! `Notify`: one who waits goes on, or all of them. tokio's `sync::Notify`.
//!
//! All of it is under one lock, and waiting for it is `lookout.rs`'s.
//!
//! # Invariants
//! 1. Nobody waits while a permit is stored: a waiter looks for it under the lock under which it enters the queue, and
//!    `notify_one` stores one only if it found nobody to wake.
//! 2. A permit that a waiter is handed is used by it: whoever wins the record of a select decides for that arm, and of a wait with a
//!    limit, that the time is not up. So it need not be passed on; but for an arm that was chosen and whose owner
//!    unwinds before it has gone on ([`Notified`]).
//!
//! # Why one `notify_all` wakes each waiter once
//! It takes all out of the queue in one critical section. Who waits again enters the queue afterwards.

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

/// Wakes one who waits, or all: a condition without a lock. tokio's `Notify`; in Go, a `chan struct{}` with room for one.
///
/// [`notify_one`](Self::notify_one) is not lost if nobody waits: it stores a permit, with which the next
/// [`wait`](Self::wait) returns at once. There is one at most, however often it is called. So who waits looks at what
/// it waits for, and waits again if it is not there. First come, first served.
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
    place: WaitLock<NotifyState>,
}

/// What `notify_one` leaves in the record of whom it wakes.
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
        /// Without a permit.
        #[must_use]
        pub fn new() -> Self {
            Self {
                place: WaitLock::new(Home::ANYWHERE, NotifyState {
                    permit: false,
                    waiters: WaitQueue::new(),
                }),
            }
        }
    }

    /// Wakes the one who has waited longest; if nobody waits, the next one need not. Two calls before it comes are as good as one.
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
        point::point("notify", &self.place, Location::caller());
        let mut inside = self.place.lock();
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

    /// Wakes all who wait now. It stores nothing for those who come later, and leaves a stored permit where it is.
    ///
    /// ```
    /// use gort::sync::Notify;
    /// use std::time::Duration;
    ///
    /// let notify = Notify::new();
    /// notify.notify_all(); // Nobody waits.
    /// assert!(!notify.wait_timeout(Duration::from_millis(1)));
    /// ```
    #[track_caller]
    pub fn notify_all(&self) {
        point::point("notify", &self.place, Location::caller());
        let wakes = Wakes::new();
        let mut inside = self.place.lock();
        while let Some(won) = inside.waiters.dequeue() {
            won.record().success.set(true);
            wakes.push(won);
        }
        drop(inside);
        wakes.wake_all();
    }

    /// Takes the permit, or waits for either call.
    #[track_caller]
    pub fn wait(&self) {
        let notified = wait_for(&NotifyLook(self), None, Location::caller());
        if let Some(notified) = notified {
            notified.used();
        }
    }

    /// As [`wait`](Self::wait), for `d` at most; false if the time was up. A permit that is there is taken also if `d` is 0.
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

/// That one goes on. If it came of a permit, and is dropped before it is `used`, that goes to the next.
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

    fn place(&self) -> &WaitLock<NotifyState> {
        &self.0.place
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
