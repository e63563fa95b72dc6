//! The channel that a timer delivers to: `tick`, `Timer`, `Ticker`.
//!
//! One word, under a lock, says when the next message is due. No timer of the runtime is armed
//! until a receiver waits. The receiver sleeps until the due time and then tries to take the
//! message. So a timer without a waiting receiver costs nothing, even if it is forgotten. And since
//! a message is not stored anywhere before it is taken, `stop` and `reset` leave no stale one.
//!
//! # Invariants
//! 1. `due` is written under the lock.
//! 2. A receiver in the queue sleeps until the due time at the latest (for ever if there is none),
//!    unless its own deadline comes first.
//!
//! # Why no due time is missed
//! A receiver reads the due time and enters the queue in one critical section, and releases the
//! lock when it is asleep. A caller that makes the due time earlier does so under the lock. If it
//! does so before that section, the receiver sees the new time. If it does so after the section, it
//! finds the receiver's record in the queue, removes it, and wakes the receiver, which looks again.
//! A caller that makes the due time later need not wake the receiver: the receiver wakes too early,
//! and looks again, so invariant 2 still holds. Such a caller wakes the receiver only if it stops
//! the timer, so that a deadlock is noticed then and not at the time that was due before.
//!
//! # In a select
//! The record of an arm carries the select's word. A caller that makes the due time earlier wins
//! the word for no arm (`SelectWord::interrupt`), just as the select's own time-out does. So no arm
//! has taken place and none can any more. The select then takes all its locks, removes all its
//! records, and starts its loop again: it tries every arm, and asks for every due time, again.

use super::ops::Failed;
use crate::sudog::Sudog;
use crate::waitlock::{End, Held, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason, now};
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The `due` of a timer without a next message: it was stopped, or its message was taken. No
/// message is due at the time 0.
const NEVER: Nanos = 0;

/// What happens to the due time when a message has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// No message follows.
    Once,
    /// The next message is due at the first multiple of this period that has not passed yet. Go's
    /// tickers.
    OnGrid(Nanos),
    /// A message is due at each multiple of this period, including those that have passed.
    Each(Nanos),
    /// The next message is due one period after the last one was due or, if that has passed, one
    /// period from now. crossbeam's `tick`.
    Afresh(Nanos),
}

impl Repeat {
    /// Returns when the next message is due and what it says, if the message for `due` and
    /// `instant` is taken `late` after its time.
    fn next(self, due: Nanos, instant: Instant, late: Nanos, home: Home) -> (Nanos, Instant) {
        let by = match self {
            Self::Once => return (NEVER, instant),
            Self::OnGrid(period) => {
                let period = period.max(1);
                period.saturating_mul(late / period + 1)
            }
            Self::Each(period) => period.max(1),
            Self::Afresh(period) if late < period => period,
            Self::Afresh(period) => return home.moment(Duration::from_nanos(period)),
        };
        let later = instant.checked_add(Duration::from_nanos(by));
        (due.saturating_add(by), later.unwrap_or(instant))
    }
}

/// Returns the duration as a period in nanoseconds.
pub(crate) fn period_of(d: Duration) -> Nanos {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// A series of messages that become due.
pub(crate) struct TimerChan {
    /// When the next message is due, or `NEVER`. Code without the lock may use it as a hint;
    /// nothing is published through it.
    due: AtomicU64,
    state: WaitLock<TimerState>,
}

/// What the lock protects.
pub(crate) struct TimerState {
    /// What the next message says: the same moment as `due`. (This value is not used if the clock
    /// cannot represent the time.)
    instant: Instant,
    repeat: Repeat,
    waiters: WaitQueue,
}

impl TimerChan {
    /// Creates a channel whose first message is due `d` from now.
    pub(crate) fn new(d: Duration, repeat: Repeat) -> Self {
        let home = Home::here();
        let (due, instant) = home.moment(d);
        Self {
            due: AtomicU64::new(due),
            state: WaitLock::new(
                home,
                TimerState {
                    instant,
                    repeat,
                    waiters: WaitQueue::new(),
                },
            ),
        }
    }

    pub(crate) fn raw_lock(&self) -> &RawLock {
        self.state.raw()
    }

    /// Returns the home in which the channel was made. The channel is due on that home's clock.
    pub(crate) fn home(&self) -> Home {
        self.state.home()
    }

    /// Returns the time from which a message can be taken, or `None` if no message will become due.
    pub(crate) fn due(&self) -> Option<Nanos> {
        Some(self.due.load(Relaxed)).filter(|&due| due != NEVER)
    }

    /// Takes the message if one is due.
    pub(crate) fn try_take(&self) -> Option<Instant> {
        if self.due().is_none_or(|due| self.home().now() < due) {
            return None;
        }
        self.take(&mut self.state.lock())
    }

    /// Takes the message if one is due, under the lock.
    fn take(&self, state: &mut TimerState) -> Option<Instant> {
        let due = self.due()?;
        let home = self.home();
        let late = home.now().checked_sub(due)?;
        let instant = state.instant;
        let (due, next) = state.repeat.next(due, instant, late, home);
        self.due.store(due, Relaxed);
        state.instant = next;
        Some(instant)
    }

    /// Like [`try_take`](Self::try_take), for an arm of a select.
    ///
    /// # Safety
    /// The select holds the lock.
    pub(crate) unsafe fn try_take_locked(&self) -> Option<Instant> {
        // SAFETY: the caller guarantees that the lock is held. The reference is used only here.
        self.take(unsafe { self.state.held() })
    }

    /// Adds the record of a select's arm to the waiters.
    ///
    /// # Safety
    /// The select holds the lock, has found no message due under it, and sleeps until the due time
    /// at the latest. The record carries the select's word and is in no queue. Record and word stay
    /// in place until `dequeue`.
    pub(crate) unsafe fn enqueue(&self, sg: &Sudog) {
        // SAFETY: the caller guarantees that the lock is held, and that the record is in no queue
        // and stays in place together with its word. The reference is used only here.
        unsafe { self.state.held().waiters.push_back(sg) };
    }

    /// Removes the record of a select's arm, if it is still queued.
    ///
    /// # Safety
    /// The select holds the lock. The record is in the queue or in none.
    pub(crate) unsafe fn dequeue(&self, sg: &Sudog) {
        // SAFETY: the caller guarantees that the lock is held, and that the record is in this queue
        // or in none. The reference is used only here.
        unsafe { self.state.held().waiters.remove(sg) };
    }

    /// Takes a message, waiting until `deadline` at most if there is one.
    pub(super) fn recv(
        &self,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<Instant, Failed> {
        if let Some(instant) = self.try_take() {
            return Ok(instant);
        }
        let current = Current::new(WaitReason::ChanReceive);
        let mut state = self.state.lock();
        loop {
            let taken = self.take(&mut state);
            let time_is_up = deadline.is_some_and(|deadline| now() >= deadline);
            if taken.is_some() || time_is_up {
                return taken.ok_or(Failed::Timeout);
            }
            state = self.wait(state, &current, deadline, site);
        }
    }

    /// Waits until the due time or the deadline, or until the due time has changed. The caller has
    /// found no message due under the lock, which is released for the wait.
    fn wait<'a>(
        &'a self,
        state: Held<'a, TimerState>,
        current: &Current,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Held<'a, TimerState> {
        let (home, until) = self.home().limit(self.due(), deadline);
        let wait = Wait {
            current,
            home,
            until,
            reason: WaitReason::ChanReceive,
            site,
        };
        let waited = state.wait(wait, |state| &mut state.waiters, End::Back, ptr::null_mut());
        match waited {
            Waited::Woken(_) => self.state.lock(),
            Waited::Expired(state) => state,
        }
    }

    /// Stops the timer. Returns true if a message was due already, or would have become due.
    pub(crate) fn stop(&self) -> bool {
        self.set(NEVER, None)
    }

    /// Makes the next message due `d` from now, with `repeat` from then on. Returns true if a
    /// message was due already, or would have become due.
    pub(crate) fn reset(&self, d: Duration, repeat: Repeat) -> bool {
        let (due, instant) = self.home().moment(d);
        self.set(due, Some((instant, repeat)))
    }

    /// Changes the due time, and what the message says. Returns true if a message was due already,
    /// or would have become due.
    fn set(&self, due: Nanos, says: Option<(Instant, Repeat)>) -> bool {
        let woken = Wakes::new();
        let mut state = self.state.lock();
        let was_due = self.due.load(Relaxed);
        self.due.store(due, Relaxed);
        if let Some(says) = says {
            (state.instant, state.repeat) = says;
        }
        let later = was_due != NEVER && due >= was_due;
        if !later {
            while let Some(won) = state.waiters.dequeue_to_look_again() {
                woken.push(won);
            }
        }
        drop(state);
        woken.wake_all();
        was_due != NEVER
    }
}
