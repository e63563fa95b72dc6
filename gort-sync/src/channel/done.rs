//! The channel of a context: it is closed once, by a cancellation or by a deadline, and never
//! delivers a value.
//!
//! No timer is armed for the due time. A caller that asks whether the event has happened compares
//! the due time with the clock. A caller that waits for it sleeps until the due time at most, and
//! is woken if the event happens before.
//!
//! # Invariants
//! 1. `how` changes once, under the lock. An answer other than "not yet" is given only after that
//!    change, so it is never taken back. Therefore, the first caller that sees that the time is up
//!    also records this.
//! 2. A caller that sees `how` changed also sees what `publish` wrote.
//! 3. Once `how` has changed to `Canceled`, the queue is empty. (Waiters whose time is up wake by
//!    themselves.)
//!
//! # Why no wake-up is lost
//! A waiter checks under the lock that nothing has happened, enters the queue in the same critical
//! section, and releases the lock when it is parked. `finish` changes `how` under the lock and
//! wakes all waiters that it finds.
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

/// How the event came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It was canceled.
    Canceled,
    /// Its deadline passed.
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

/// An event that happens once.
pub(crate) struct DoneEvent {
    how: AtomicU8,
    due: Option<Nanos>,
    waiters: WaitLock<WaitQueue>,
}

impl DoneEvent {
    /// Creates an event that has not happened yet, and happens at `due` at the latest.
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

    /// Returns the home in which the event was made. `due` is a time on that home's clock.
    pub(crate) fn home(&self) -> Home {
        self.waiters.home()
    }

    /// Returns how the event came about, or `None` if it has not happened yet.
    #[inline]
    pub(crate) fn how(&self) -> Option<How> {
        let how = How::of(self.how.load(Acquire));
        if how.is_some() || !self.is_due() {
            return how;
        }
        let _held = self.waiters.lock();
        self.how_locked()
    }

    /// Returns true if the event has been recorded. If false, the time may nevertheless be up.
    #[inline]
    pub(crate) fn has_happened(&self) -> bool {
        self.how.load(Acquire) != NOT_YET
    }

    /// Returns the same as [`how`](Self::how), under the lock. Records the event if its time is up.
    pub(crate) fn how_locked(&self) -> Option<How> {
        if self.how.load(Acquire) == NOT_YET && self.is_due() {
            self.how.store(EXPIRED, Release);
        }
        How::of(self.how.load(Acquire))
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| self.home().now() >= due)
    }

    /// Makes the event happen, unless it has happened already. If it has not, `publish` runs first,
    /// under the lock.
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

    /// Adds the record of a select's arm to the waiters.
    ///
    /// # Safety
    /// The select holds the lock and has checked under it that nothing has happened. The record is
    /// in no queue. The record and its word stay in place until `dequeue`.
    pub(crate) unsafe fn enqueue(&self, sg: &Sudog) {
        // SAFETY: the caller guarantees that the lock is held, and that the record is in no queue
        // and stays in place together with its word. The reference is used only here.
        unsafe { self.waiters.held().push_back(sg) };
    }

    /// Removes the record of a select's arm, if it is still queued.
    ///
    /// # Safety
    /// The select holds the lock. The record is among the waiters or in no queue.
    pub(crate) unsafe fn dequeue(&self, sg: &Sudog) {
        // SAFETY: the caller guarantees that the lock is held, and that the record is in this queue
        // or in none. The reference is used only here.
        unsafe { self.waiters.held().remove(sg) };
    }

    /// Waits until the event has happened, or until `deadline`. Always returns an error, as a
    /// receive does from a channel that delivers no values.
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
