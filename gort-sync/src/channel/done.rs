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
    AtomicU8, DataCell,
    Ordering::{Acquire, Release},
};
use crate::sudog::{SelectWord, Sudog, WaitQueue};
use gort_runtime::{Current, Nanos, RawLock, WaitReason, now};
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
    lock: RawLock,
    waiters: DataCell<WaitQueue>,
}

// SAFETY: the queue is reached only under the lock.
unsafe impl Send for DoneEvent {}
// SAFETY: as above.
unsafe impl Sync for DoneEvent {}

impl DoneEvent {
    /// An event that has not happened, and does at `due` at the latest.
    pub(crate) fn new(due: Option<Nanos>) -> Self {
        Self {
            how: AtomicU8::new(NOT_YET),
            due,
            lock: RawLock::new(),
            waiters: DataCell::new(WaitQueue::new()),
        }
    }

    pub(crate) fn due(&self) -> Option<Nanos> {
        self.due
    }

    pub(crate) fn raw_lock(&self) -> &RawLock {
        &self.lock
    }

    /// Whether it has happened, and how.
    #[inline]
    pub(crate) fn how(&self) -> Option<How> {
        let how = How::of(self.how.load(Acquire));
        if how.is_some() || !self.is_due() {
            return how;
        }
        self.lock.lock();
        // SAFETY: taken above.
        unsafe {
            let how = self.how_locked();
            self.lock.unlock();
            how
        }
    }

    /// # Safety
    /// The caller holds the lock.
    pub(crate) unsafe fn how_locked(&self) -> Option<How> {
        if self.how.load(Acquire) == NOT_YET && self.is_due() {
            self.how.store(EXPIRED, Release);
        }
        How::of(self.how.load(Acquire))
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| now() >= due)
    }

    /// Lets it happen, unless it has. If it has not, `publish` runs first, under the lock.
    pub(crate) fn finish(&self, how: How, publish: impl FnOnce()) {
        let woken = WaitQueue::new();
        self.lock.lock();
        // SAFETY: taken above; the records that are won are moved to `woken`, and woken from
        // there, each unlinked before.
        unsafe {
            if self.how_locked().is_none() {
                publish();
                self.how.store(how.word(), Release);
                self.waiters.with_mut(|queue| (*queue).take_all(&woken));
            }
            self.lock.unlock();
            woken.wake_all();
        }
    }

    /// # Safety
    /// The caller holds the lock and has seen under it that nothing has happened; the record
    /// stays until it has been taken out.
    pub(crate) unsafe fn enqueue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe { self.waiters.with_mut(|queue| (*queue).push_back(sg)) };
    }

    /// # Safety
    /// The caller holds the lock; the record is among the waiters or in no queue.
    pub(crate) unsafe fn dequeue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe { self.waiters.with_mut(|queue| (*queue).remove(sg)) };
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
        let until = self.due.into_iter().chain(deadline).min();
        let current = Current::new();
        let word = SelectWord::new();
        let sg = Sudog::plain(current.waiter(), ptr::null_mut());
        if until.is_some() {
            sg.select.set(&raw const word);
        }
        self.lock.lock();
        // SAFETY: the record is enqueued under the lock, which `commit` releases as the last
        // thing it does; it stays in place until it has been taken out, by `finish` or below.
        // Who takes it out (and wins the word) wakes us, once.
        unsafe {
            if self.how_locked().is_some() {
                return self.lock.unlock();
            }
            self.enqueue(&sg);
            let lock = &self.lock;
            let commit = || {
                lock.unlock();
                true
            };
            let Some(until) = until else {
                return current.park(commit, WaitReason::ChanReceive, site);
            };
            current.park_until(
                commit,
                until,
                SelectWord::expire,
                ptr::from_ref(&word).cast(),
                WaitReason::ChanReceive,
                site,
            );
            if word.winner().is_none() {
                self.lock.lock();
                self.dequeue(&sg);
                self.lock.unlock();
            }
        }
    }
}

impl Drop for DoneEvent {
    fn drop(&mut self) {
        // SAFETY: exclusive.
        let nobody = self
            .waiters
            .with_mut(|queue| unsafe { (*queue).is_empty() });
        debug_assert!(nobody, "waiters hold handles");
    }
}
