//! What the profile of locks records: how long the waiters of a lock have waited when it is
//! unlocked.
//!
//! Each waiter has a record in the lock's queue. While waits are recorded, the `elem` of this
//! record holds the time from which the wait is to be counted. An unlocker adds up the waits of the
//! whole queue, and restarts each of them at the present time. So the time between two unlockings
//! is charged to the second one.

use crate::waitqueue::WaitQueue;
use gort_runtime::{kept_waiting, wait_begins};
use std::ptr;

/// A bit of a record's `elem`: the lock is to be handed to this waiter.
const STARVING: usize = 1;

/// Returns the `elem` for a record that enters a lock's queue now. `starving` says that the lock is
/// to be handed to the record's waiter.
#[inline]
pub(crate) fn mark(starving: bool) -> *mut () {
    mark_since(wait_begins(), starving)
}

/// Returns the `elem` for a wait that is to be counted from `since`. The shift loses nothing:
/// nanoseconds since the machine started are far below the top bit.
#[inline]
fn mark_since(since: u64, starving: bool) -> *mut () {
    ptr::without_provenance_mut((since as usize) << 1 | usize::from(starving))
}

/// Returns whether the lock is to be handed to the waiter of a record with this `elem`.
#[inline]
pub(crate) fn is_starving(elem: *mut ()) -> bool {
    elem.addr() & STARVING != 0
}

/// The number of waiters that an unlocker is charged with, and the sum of their waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    waiters: u64,
    nanoseconds: u64,
}

impl Owed {
    /// Returns what an unlocker owes to the waiters in `queue`, or nothing unless waits are
    /// recorded. The unlocker calls this under the queue's lock, before it takes a waiter out.
    #[inline]
    pub(crate) fn to(queue: &WaitQueue) -> Self {
        match wait_begins() {
            0 => Self::default(),
            now => Self::until(now, queue),
        }
    }

    #[cold]
    fn until(now: u64, queue: &WaitQueue) -> Self {
        let mut owed = Self::default();
        for record in queue.iter() {
            let elem = record.elem.get();
            let since = (elem.addr() >> 1) as u64;
            if since != 0 {
                owed.waiters += 1;
                owed.nanoseconds += now.saturating_sub(since);
                record.elem.set(mark_since(now, is_starving(elem)));
            }
        }
        owed
    }

    /// Charges the calling goroutine, which must hold no lock of this crate.
    #[inline]
    pub(crate) fn charge(self) {
        if self.waiters != 0 {
            kept_waiting(self.waiters, self.nanoseconds);
        }
    }
}
