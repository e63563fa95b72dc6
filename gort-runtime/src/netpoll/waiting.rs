//! Records whether something waits for the network, and whether some thread polls. The scheduler
//! reads this before it polls.
//!
//! A program without sockets pays nothing: [`has_waiters`] is one load.
//!
//! # Orderings
//! `WAITERS` and `LAST` take part in the protocol of `sched/README.md`, "The network".

use crate::base::prim::{AtomicU32, AtomicU64, Ordering::Relaxed, global};
use crate::time::{Nanos, now};

global! {
    /// Number of goroutines and threads that have decided to wait for a descriptor and have not yet
    /// continued.
    static WAITERS: AtomicU32 = AtomicU32::new(0);
}

global! {
    /// `BLOCKED` while an M sleeps in the poll. Otherwise the time of the last poll that did not
    /// block, or 0 if no poll has followed the M's return.
    static LAST: AtomicU64 = AtomicU64::new(0);
}
const BLOCKED: u64 = u64::MAX;

/// Counts one waiter until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(());

impl Waiting {
    pub(crate) fn new() -> Self {
        WAITERS.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITERS.fetch_sub(1, Relaxed);
    }
}

/// Returns whether any goroutine or thread waits for a descriptor.
#[inline]
pub(crate) fn has_waiters() -> bool {
    WAITERS.load(Relaxed) != 0
}

/// Returns whether an M sleeps in the poll, or is on its way there.
#[inline]
pub(crate) fn has_blocked_poller() -> bool {
    LAST.load(Relaxed) == BLOCKED
}

/// Returns whether something waits and no thread has polled for `period` nanoseconds.
#[inline]
pub(crate) fn overdue(now: Nanos, period: Nanos) -> bool {
    has_waiters() && now > LAST.load(Relaxed).saturating_add(period)
}

/// Records that an M is about to block in [`poll`](super::poll()). Called under the scheduler's
/// lock.
pub(crate) fn blocked() {
    LAST.store(BLOCKED, Relaxed);
}

/// Records that the M has returned from the poll. Called under the scheduler's lock.
pub(crate) fn unblocked() {
    LAST.store(0, Relaxed);
}

/// Records that a thread is about to poll without blocking.
#[inline]
pub(super) fn record_poll() {
    let last = LAST.load(Relaxed);
    if last != BLOCKED {
        // If the exchange fails, an M has gone to sleep in the poll.
        let _ = LAST.compare_exchange(last, now(), Relaxed, Relaxed);
    }
}
