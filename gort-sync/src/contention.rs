//! What the profile of locks is told: how long those have waited whom an unlocking lets go on, and those who still wait.
//!
//! A record of whoever waits for a lock has in its `elem` since when that is to be counted, as far as it is. An unlocker takes the
//! sum over the queue and has each begin anew, so the time between two unlockings counts for the second one.

use crate::waitqueue::WaitQueue;
use gort_runtime::{kept_waiting, wait_begins};
use std::ptr;

/// In a record's `elem`: this waiter is to be handed the lock.
const STARVING: usize = 1;

/// The `elem` of a record that enters a lock's queue now. `starving`: its waiter is to be handed the lock.
#[inline]
pub(crate) fn mark(starving: bool) -> *mut () {
    mark_since(wait_begins(), starving)
}

/// Nanoseconds since the machine started are far from the top bit.
#[inline]
fn mark_since(since: u64, starving: bool) -> *mut () {
    ptr::without_provenance_mut((since as usize) << 1 | usize::from(starving))
}

/// Whether a record with this `elem` is to be handed the lock.
#[inline]
pub(crate) fn is_starving(elem: *mut ()) -> bool {
    elem.addr() & STARVING != 0
}

/// How many have waited, and how long all in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    waiters: u64,
    nanoseconds: u64,
}

impl Owed {
    /// Under the queue's lock, by an unlocker, before it takes anybody out: what is owed to those in `queue`. Nothing
    /// unless waits are recorded.
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

    /// Charges the caller. It holds no lock of ours.
    #[inline]
    pub(crate) fn charge(self) {
        if self.waiters != 0 {
            kept_waiting(self.waiters, self.nanoseconds);
        }
    }
}
