//! The channel that a timer delivers to: `tick`, `Timer`, `Ticker`.
//!
//! One word says when the next message is due, under a lock. Nothing is armed until
//! somebody waits: a receiver that waits sleeps until the due time and then tries to take
//! the message. So a timer that nobody waits for costs nothing, wherever it is forgotten;
//! and since no message lies anywhere before it is taken, `stop` and `reset` leave no
//! stale one.
//!
//! # Invariants
//! 1. `due` is written under the lock.
//! 2. Whoever is in the queue sleeps until the due time at the latest (for ever if there is
//!    none), unless its own deadline comes first.
//!
//! # Why no due time is missed
//! A receiver reads the due time and enters the queue in one critical section, and lets go of
//! the lock when it sleeps. Who moves the due time nearer does so under the lock: before that
//! section, and is seen; or after it, and finds the record in the queue, takes it out, and
//! wakes its owner, who looks again. Who moves it away need not wake anybody (invariant 2 still
//! holds: the sleeper wakes too early, and looks again), and does so only if the timer is
//! stopped, so that a deadlock is noticed then and not at the time that was due.
//!
//! # In a select
//! The record of an arm carries the select's word. Who moves the due time wins the word for
//! no arm (`SelectWord::interrupt`), just as the select's own time-out does. So no arm has taken
//! place and none can, all locks are taken, all records taken out, and the select begins its
//! loop anew: it looks at every arm, and asks for every due time, again.

use super::ops::Failed;
use crate::sudog::Sudog;
use crate::waitlock::{End, Held, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason, now};
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Not due: stopped, or taken. No deadline is 0.
const NEVER: Nanos = 0;

/// What follows when a message has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing.
    Once,
    /// The first multiple of this period that is not over yet. Go's tickers.
    OnGrid(Nanos),
    /// Each multiple of this period, also those that are over.
    Each(Nanos),
    /// The next after this period; if that is over, one period from now. crossbeam's `tick`.
    Afresh(Nanos),
}

impl Repeat {
    /// What follows `due`, which is `instant`, if that message is taken so late.
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

/// A duration as a period.
pub(crate) fn period_of(d: Duration) -> Nanos {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// Messages that become due.
pub(crate) struct TimerChan {
    /// When the next message is due, or `NEVER`. Others than the lock's holder may take it for
    /// a hint; nothing is published by it.
    due: AtomicU64,
    state: WaitLock<TimerState>,
}

/// What the lock protects.
pub(crate) struct TimerState {
    /// What the message says: the same moment as `due` (it is not looked at if the clock
    /// cannot tell the time).
    instant: Instant,
    repeat: Repeat,
    waiters: WaitQueue,
}

impl TimerChan {
    /// A first message `d` from now.
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

    /// Where it was made, on whose clock it is due.
    pub(crate) fn home(&self) -> Home {
        self.state.home()
    }

    /// When it is worth trying: `None` if nothing is going to be due.
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

    /// The same under the lock.
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

    /// As [`try_take`](Self::try_take), for an arm of a select.
    ///
    /// # Safety
    /// The select holds the lock.
    pub(crate) unsafe fn try_take_locked(&self) -> Option<Instant> {
        // SAFETY: caller's clause: the lock is held. The reference is used here only.
        self.take(unsafe { self.state.held() })
    }

    /// # Safety
    /// The select holds the lock, found nothing due under it, and sleeps until the due time at the
    /// latest. The record, which carries its word, is in no queue; both stay in place until `dequeue`.
    pub(crate) unsafe fn enqueue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses: the lock is held; the record is in no queue, and stays in place with its
        // word. The reference is used here only.
        unsafe { self.state.held().waiters.push_back(sg) };
    }

    /// # Safety
    /// The select holds the lock; the record is in the queue or in none.
    pub(crate) unsafe fn dequeue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses: the lock is held; the record is in this queue or in none. The reference
        // is used here only.
        unsafe { self.state.held().waiters.remove(sg) };
    }

    /// Takes a message, waiting until `deadline` at most, if there is one.
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

    /// Waits until then, or until the due time has moved. The caller has found nothing due under the
    /// lock, which is released for the wait.
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

    /// Nothing is due any more. True if something was.
    pub(crate) fn stop(&self) -> bool {
        self.set(NEVER, None)
    }

    /// The next message is due `d` from now; what follows is `repeat`.
    pub(crate) fn reset(&self, d: Duration, repeat: Repeat) -> bool {
        let (due, instant) = self.home().moment(d);
        self.set(due, Some((instant, repeat)))
    }

    /// True if a message was due, now or later.
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
