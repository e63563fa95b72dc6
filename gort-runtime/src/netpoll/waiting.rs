//! Who waits for the network, and whether somebody polls: what the scheduler asks before it does.
//!
//! Nothing here costs a program anything that has no sockets: [`has_waiters`] is one load.
//!
//! # Orderings
//! `WAITERS` and `LAST` are one side of the protocol in `sched/README.md`, "The network".

use crate::base::prim::{AtomicU32, AtomicU64, Ordering::Relaxed, global};
use crate::time::{Nanos, now};

global! {
    /// Goroutines and threads between the decision to wait and their next step.
    static WAITERS: AtomicU32 = AtomicU32::new(0);
}

global! {
    /// When somebody last polled; `BLOCKED` while an M sleeps in the poll.
    static LAST: AtomicU64 = AtomicU64::new(0);
}
const BLOCKED: u64 = u64::MAX;

/// Counts somebody that waits, until dropped.
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

/// Whether somebody waits for a descriptor.
#[inline]
pub(crate) fn has_waiters() -> bool {
    WAITERS.load(Relaxed) != 0
}

/// Whether an M sleeps in the poll, or is on its way there.
#[inline]
pub(crate) fn somebody_blocked() -> bool {
    LAST.load(Relaxed) == BLOCKED
}

/// Whether somebody waits, and nobody has polled for `period` nanoseconds.
#[inline]
pub(crate) fn overdue(now: Nanos, period: Nanos) -> bool {
    has_waiters() && now > LAST.load(Relaxed).saturating_add(period)
}

/// An M is about to block in [`poll`]. Under the scheduler's lock.
pub(crate) fn blocked() {
    LAST.store(BLOCKED, Relaxed);
}

/// It has come back. Under the scheduler's lock.
pub(crate) fn unblocked() {
    LAST.store(0, Relaxed);
}

/// Somebody is about to poll without blocking.
#[inline]
pub(super) fn looks() {
    let last = LAST.load(Relaxed);
    if last != BLOCKED {
        // If it fails, an M has gone to sleep in the poll.
        let _ = LAST.compare_exchange(last, now(), Relaxed, Relaxed);
    }
}
