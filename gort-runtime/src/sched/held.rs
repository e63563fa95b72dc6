//! Goroutines on hold: `hogs.rs` decides the policy, and the Ms apply it.
//!
//! An *untested* goroutine may turn out to be a hog. It carries the number of the epoch in which it
//! was started. One number, the *bar*, decides which goroutines are on hold now: every untested
//! goroutine of that epoch or an earlier one.
//!
//! An M that has taken such a goroutine out of a queue puts it on hold under the scheduler's lock,
//! after it has checked the bar again there. Only sysmon moves the bar. It does so under the same
//! lock, and submits every goroutine that the new bar lets pass. So no goroutine stays on hold when
//! the bar lets it pass.

use crate::base::prim::{Ordering::Relaxed, global, hint::AtomicU64};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::ptr::NonNull;

/// Value of `G::hog_epoch`: the goroutine is not untested.
pub(crate) const TESTED: u64 = 0;
/// Value of `G::hog_epoch`: the goroutine has already computed for long, and may do so again. It is
/// on hold only while the bar is [`ALL`].
pub(crate) const HAS_COMPUTED: u64 = u64::MAX;
/// Value of the bar: no goroutine is on hold.
pub(crate) const NONE: u64 = 0;
/// Value of the bar: every untested goroutine is on hold.
pub(crate) const ALL: u64 = u64::MAX;

/// Words that every M reads and sysmon rarely writes, so they have a cache line of their own.
#[repr(align(128))]
struct Words {
    bar: AtomicU64,
    epoch: AtomicU64,
}

global! {
    static WORDS: Words = Words {
        bar: AtomicU64::new(NONE),
        epoch: AtomicU64::new(1),
    };
}

/// The goroutines on hold. Protected by the scheduler's lock.
pub(crate) struct Held {
    /// Goroutines of this epoch or an earlier one are *old*: they stay on hold until the bar
    /// becomes [`NONE`].
    old_epoch: u64,
    old: GQueue,
    /// Goroutines of later epochs. They wait until sysmon has classified an undecided thread, or
    /// until there are fewer hogs.
    new: GQueue,
}

impl Held {
    pub(crate) const fn new() -> Self {
        Self {
            old_epoch: 0,
            old: GQueue::new(),
            new: GQueue::new(),
        }
    }

    /// Adds `gp`, an untested goroutine of `epoch`. The low bit of `coin`, a random number, decides
    /// to which end of the queue `gp` goes.
    pub(crate) fn put(&self, gp: NonNull<G>, epoch: u64, coin: u32) {
        let queue = if epoch <= self.old_epoch {
            &self.old
        } else {
            &self.new
        };
        if coin.is_multiple_of(2) {
            queue.push_back(gp);
        } else {
            queue.push_front(gp);
        }
    }

    /// Moves the bar, and appends to `runq` the goroutines that are no longer on hold, the new ones
    /// first. Only sysmon calls this. The new bar is [`NONE`] or at least `old_epoch`.
    pub(crate) fn set_bar(&mut self, bar: u64, old_epoch: u64, runq: &GQueue) {
        let before = WORDS.bar.load(Relaxed);
        self.old_epoch = old_epoch;
        WORDS.bar.store(bar, Relaxed);
        if bar < before {
            runq.append(&self.new);
        }
        if bar == NONE {
            runq.append(&self.old);
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.old.len() + self.new.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.old.is_empty() && self.new.is_empty()
    }
}

/// Returns the current epoch. If the caller sees a new epoch late, the goroutine that it starts
/// gets the epoch before.
#[inline]
pub(crate) fn epoch() -> u64 {
    WORDS.epoch.load(Relaxed)
}

/// Begins a new epoch. Only sysmon calls this.
pub(crate) fn next_epoch() {
    WORDS.epoch.store(epoch() + 1, Relaxed);
}

/// Returns whether a goroutine with this `hog_epoch` must be on hold. The answer is reliable only
/// under the scheduler's lock.
pub(crate) fn holds(epoch: u64) -> bool {
    epoch != TESTED && epoch <= WORDS.bar.load(Relaxed)
}

/// Returns whether the bar puts any goroutines on hold. If the caller sees a new bar late, one more
/// untested goroutine runs.
#[inline]
pub(crate) fn is_holding() -> bool {
    WORDS.bar.load(Relaxed) != NONE
}
