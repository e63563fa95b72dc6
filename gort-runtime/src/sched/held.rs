//! Goroutines on hold: `hogs.rs` decides the policy, and the Ms apply it.
//!
//! A suspect carries the number of the epoch in which it was started. One number, the *bar*,
//! decides which goroutines are on hold now: every suspect of that epoch or an earlier one.
//!
//! An M that has taken such a suspect out of a queue puts it on hold under the scheduler's lock,
//! after it has checked the bar again there. Only sysmon moves the bar. It does so under the same
//! lock, and submits every suspect that is no longer covered. So no goroutine stays on hold when
//! the bar lets it pass.

use crate::base::prim::{Ordering::Relaxed, global, hint::AtomicU64};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::ptr::NonNull;

/// Value of `G::suspect`: not a suspect.
pub(crate) const CLEARED: u64 = 0;
/// Value of `G::suspect`: the goroutine has already computed for long, and may do so again. It is
/// on hold only while the bar is [`ALL`].
pub(crate) const HAS_COMPUTED: u64 = u64::MAX;
/// Value of the bar: no goroutine is on hold.
pub(crate) const NOBODY: u64 = 0;
/// Value of the bar: every suspect is on hold.
pub(crate) const ALL: u64 = u64::MAX;

/// Words that every M reads and sysmon rarely writes, so they have a cache line of their own.
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

/// The goroutines on hold. Protected by the scheduler's lock.
pub(crate) struct Held {
    /// Suspects of this epoch or an earlier one are *barred*: they stay on hold until the bar
    /// becomes [`NOBODY`].
    barred: u64,
    old: GQueue,
    /// Suspects of later epochs, which wait for a verdict or for the number of hogs to fall.
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

    /// Adds `gp`, a suspect of epoch `suspect`. The low bit of `coin`, a random number, decides at
    /// which end of the queue `gp` goes.
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

    /// Moves the bar, and appends to `runq` the goroutines that it no longer holds, the young ones
    /// first. Only sysmon calls this. The new bar is [`NOBODY`] or at least `barred`.
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

/// Returns the current epoch. If a new epoch is seen late, a goroutine started now gets a slightly
/// older one.
#[inline]
pub(crate) fn epoch() -> u64 {
    WORDS.epoch.load(Relaxed)
}

/// Begins a new epoch. Only sysmon calls this.
pub(crate) fn next_epoch() {
    WORDS.epoch.store(epoch() + 1, Relaxed);
}

/// Returns whether a suspect is on hold. The answer is reliable only under the scheduler's lock.
pub(crate) fn holds(suspect: u64) -> bool {
    suspect != CLEARED && suspect <= WORDS.bar.load(Relaxed)
}

/// Returns whether any goroutine is on hold. If a new bar is seen late, one more suspect runs.
#[inline]
pub(crate) fn is_holding() -> bool {
    WORDS.bar.load(Relaxed) != NOBODY
}
