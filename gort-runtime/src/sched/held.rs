//! Goroutines on hold: what `hogs.rs` decides, and the Ms find.
//!
//! A suspect bears the number of the epoch in which it was started. One number says who is on hold
//! now: the *bar*; every suspect of its epoch or an earlier one is.
//!
//! An M that has taken such a suspect out of a queue puts it on hold under the scheduler's lock, and
//! after it has looked at the bar again there. Sysmon, which alone moves the bar, does so under the same
//! lock, and submits those whom it leaves below. So nobody stays on hold whom the bar lets pass.

use crate::base::prim::{Ordering::Relaxed, global, hint::AtomicU64};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::ptr::NonNull;

/// In `G::suspect`: none.
pub(crate) const CLEARED: u64 = 0;
/// In `G::suspect`: it has computed for long, and may come back. Only [`ALL`] holds it.
pub(crate) const HAS_COMPUTED: u64 = u64::MAX;
/// As a bar: nobody is on hold.
pub(crate) const NOBODY: u64 = 0;
/// As a bar: every suspect is on hold.
pub(crate) const ALL: u64 = u64::MAX;

/// What every M reads and sysmon rarely writes: on a line of its own.
#[repr(align(128))]
struct Words {
    bar: AtomicU64,
    epoch: AtomicU64,
}

global! {
    static WORDS: Words = Words {
        bar: AtomicU64::new(NOBODY),
        epoch: AtomicU64::new(1),
    };
}

/// Who is on hold; part of what the scheduler's lock protects.
pub(crate) struct Held {
    /// The epoch up to which all are *barred*: they stay for the whole of a hold.
    barred: u64,
    old: GQueue,
    /// Those above, who wait for a verdict, or for the hogs to become fewer.
    young: GQueue,
}

impl Held {
    pub(crate) const fn new() -> Self {
        Self {
            barred: 0,
            old: GQueue::new(),
            young: GQueue::new(),
        }
    }

    /// Puts in `gp`, a suspect of this epoch; the `coin` decides at which end of a queue.
    pub(crate) fn put(&self, gp: NonNull<G>, suspect: u64, coin: u32) {
        let queue = if suspect <= self.barred {
            &self.old
        } else {
            &self.young
        };
        if coin.is_multiple_of(2) {
            queue.push_back(gp);
        } else {
            queue.push_front(gp);
        }
    }

    /// Sysmon: moves the bar, which is [`NOBODY`] or not below `barred`, and appends to `runq` those
    /// whom it leaves: the young ones first.
    pub(crate) fn set_bar(&mut self, bar: u64, barred: u64, runq: &GQueue) {
        let before = WORDS.bar.load(Relaxed);
        self.barred = barred;
        WORDS.bar.store(bar, Relaxed);
        if bar < before {
            runq.append(&self.young);
        }
        if bar == NOBODY {
            runq.append(&self.old);
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.old.len() + self.young.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.old.is_empty() && self.young.is_empty()
    }
}

/// The present epoch. Seen late, a newcomer passes for one a little older.
#[inline]
pub(crate) fn epoch() -> u64 {
    WORDS.epoch.load(Relaxed)
}

/// Sysmon: begins an epoch.
pub(crate) fn next_epoch() {
    WORDS.epoch.store(epoch() + 1, Relaxed);
}

/// Whether a suspect is on hold. For certain only under the scheduler's lock.
pub(crate) fn holds(suspect: u64) -> bool {
    suspect != CLEARED && suspect <= WORDS.bar.load(Relaxed)
}

/// Whether anybody is on hold. Seen late, a suspect more is tried.
#[inline]
pub(crate) fn is_holding() -> bool {
    WORDS.bar.load(Relaxed) != NOBODY
}
