//! The channel of a context: closed once, by somebody or by the time, and never a value.
//!
//! Nothing is armed for the due time. Whoever asks compares the clock; whoever waits
//! sleeps until then at most, or is woken when the event happens before.
//!
//! # Invariants
//! 1. `how` changes once, under the lock. An answer other than "not yet" is given only
//!    after that change, so it is never taken back: also the first to see that the time is
//!    up writes it down.
//! 2. What `publish` wrote is seen by whoever sees `how` changed.
//! 3. Nobody is in the queue once `how` has changed to `Canceled`. (Those who wait when the time
//!    is up wake by themselves.)
//!
//! # Why no wake-up is lost
//! A waiter enters the queue under the lock, having seen under it that nothing has happened, and
//! lets go of the lock when it is parked; `finish` changes `how` under the lock and wakes
//! whom it finds.
//!
//! # Orderings
//! `how` is written with release under the lock, and read with acquire without it.

use super::ops::Failed;
use crate::prim::{
    AtomicU8,
    Ordering::{Acquire, Release},
};
use crate::sudog::Sudog;
use crate::waitlock::{End, Wait, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason, now};
use std::panic::Location;
use std::ptr;

/// How the end came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Somebody said so.
    Canceled,
    /// The time was up.
    Expired,
}

const NOT_YET: u8 = 0;
const CANCELED: u8 = 1;
const EXPIRED: u8 = 2;

impl How {
    fn of(word: u8) -> Option<Self> {
        match word {
            CANCELED => Some(Self::Canceled),
            EXPIRED => Some(Self::Expired),
            _ => None,
        }
    }

    fn word(self) -> u8 {
        match self {
            Self::Canceled => CANCELED,
            Self::Expired => EXPIRED,
        }
    }
}

/// What happens once.
pub(crate) struct DoneEvent {
    how: AtomicU8,
    due: Option<Nanos>,
    waiters: WaitLock<WaitQueue>,
}

impl DoneEvent {
    /// An event that has not happened, and does at `due` at the latest.
    pub(crate) fn new(due: Option<Nanos>) -> Self {
        Self {
            how: AtomicU8::new(NOT_YET),
            due,
            waiters: WaitLock::new(Home::here(), WaitQueue::new()),
        }
    }

    pub(crate) fn due(&self) -> Option<Nanos> {
        self.due
    }

    pub(crate) fn raw_lock(&self) -> &RawLock {
        self.waiters.raw()
    }

    /// Where it was made, on whose clock it is due.
    pub(crate) fn home(&self) -> Home {
        self.waiters.home()
    }

    /// Whether it has happened, and how.
    #[inline]
    pub(crate) fn how(&self) -> Option<How> {
        let how = How::of(self.how.load(Acquire));
        if how.is_some() || !self.is_due() {
            return how;
        }
        let _held = self.waiters.lock();
        self.how_locked()
    }

    /// Whether somebody has seen it happen. Its time may be up all the same.
    #[inline]
    pub(crate) fn has_happened(&self) -> bool {
        self.how.load(Acquire) != NOT_YET
    }

    /// Under the lock: the same, and if the time is up it has happened.
    pub(crate) fn how_locked(&self) -> Option<How> {
        if self.how.load(Acquire) == NOT_YET && self.is_due() {
            self.how.store(EXPIRED, Release);
        }
        How::of(self.how.load(Acquire))
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| self.home().now() >= due)
    }

    /// Lets it happen, unless it has. If it has not, `publish` runs first, under the lock.
    pub(crate) fn finish(&self, how: How, publish: impl FnOnce()) {
        let woken = Wakes::new();
        {
            let mut waiters = self.waiters.lock();
            if self.how_locked().is_none() {
                publish();
                self.how.store(how.word(), Release);
                waiters.take_all(&woken);
            }
        }
        woken.wake_all();
    }

    /// # Safety
    /// The select holds the lock and has seen under it that nothing has happened. The record is in no
    /// queue; it and its word stay in place until `dequeue`.
    pub(crate) unsafe fn enqueue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses: the lock is held; the record is in no queue, and stays in place with its
        // word. The reference is used here only.
        unsafe { self.waiters.held().push_back(sg) };
    }

    /// # Safety
    /// The select holds the lock; the record is among the waiters or in no queue.
    pub(crate) unsafe fn dequeue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses: the lock is held; the record is in this queue or in none. The reference
        // is used here only.
        unsafe { self.waiters.held().remove(sg) };
    }

    /// Waits until it has happened, or until `deadline`. Always gives an error, as a receive
    /// from a channel that brings no values does.
    pub(super) fn wait(&self, deadline: Option<Nanos>, site: &'static Location<'static>) -> Failed {
        while self.how().is_none() {
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return Failed::Timeout;
            }
            self.park(deadline, site);
        }
        Failed::Closed
    }

    fn park(&self, deadline: Option<Nanos>, site: &'static Location<'static>) {
        let (home, until) = self.home().limit(self.due, deadline);
        let wait = Wait {
            current: &Current::new(WaitReason::ChanReceive),
            until,
            home,
            reason: WaitReason::ChanReceive,
            site,
        };
        let waiters = self.waiters.lock();
        if self.how_locked().is_none() {
            waiters.wait(wait, |waiters| waiters, End::Back, ptr::null_mut());
        }
    }
}

impl Drop for DoneEvent {
    fn drop(&mut self) {
        debug_assert!(self.waiters.get_mut().is_empty(), "waiters hold handles");
    }
}
