//! How often writers may revoke the bias of a readers-writer lock (`bias.rs`).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// The time that revocations may take for each biased reader, in nanoseconds. (A reader saves 5 on
/// one P, and 8 to 11 on two. But a revocation also makes readers wait.)
const SAVED_NS: u64 = 2;
/// Revocations may take this part of the time in addition.
const PART_OF_TIME: u64 = 40;
/// The most time that can be saved up for revocations, in nanoseconds.
const MOST_SAVED: i64 = 1_000_000;
/// The time that must be saved up before the first bias, in nanoseconds: one revocation.
const FIRST: i64 = if cfg!(loom) { 0 } else { 10_000 };

/// The time that writers may spend on revocations: some for each biased reader, and a part of all
/// time. Nothing but speed depends on it, so threads that change it at the same time may
/// overwrite each other's changes.
#[derive(Debug)]
pub(super) struct Budget {
    /// In nanoseconds. Negative if revocations have taken too long.
    left: AtomicI64,
    /// The time up to which time has been added.
    until: AtomicU64,
    /// The number of biased readers for which time has been added.
    entered: AtomicU64,
}

impl Budget {
    pub(super) fn new(now: u64) -> Self {
        Self {
            left: AtomicI64::new(-FIRST),
            until: AtomicU64::new(now),
            entered: AtomicU64::new(0),
        }
    }

    /// Adds time, given the time and the number of biased readers that have entered. Returns
    /// whether there is something to spend.
    pub(super) fn add(&self, now: u64, entered: u64) -> bool {
        let time = now.saturating_sub(self.until.load(Relaxed)) / PART_OF_TIME;
        let readers = entered.wrapping_sub(self.entered.load(Relaxed));
        let more = time.saturating_add(readers.saturating_mul(SAVED_NS));
        let left = (self.left.load(Relaxed)).saturating_add_unsigned(more);
        self.left.store(left.min(MOST_SAVED), Relaxed);
        self.until.store(now, Relaxed);
        self.entered.store(entered, Relaxed);
        left >= 0
    }

    /// Subtracts this many nanoseconds.
    pub(super) fn spend(&self, took: u64) {
        let left = (self.left.load(Relaxed)).saturating_sub_unsigned(took);
        self.left.store(left, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The time of a revocation.
    const TOOK: u64 = FIRST as u64;

    #[test]
    fn the_first_bias_comes_after_a_while() {
        let budget = Budget::new(1_000);
        assert!(!budget.add(1_000, 0));
        assert!(!budget.add(1_000 + (TOOK - 1) * PART_OF_TIME, 0));
        assert!(budget.add(1_000 + (TOOK + 1) * PART_OF_TIME, 0));
    }

    #[test]
    fn a_bias_begins_again_after_enough_readers_or_enough_time() {
        let (mut now, mut entered) = (TOOK * PART_OF_TIME, 0);
        let budget = Budget::new(0);
        assert!(budget.add(now, entered));
        for (half_the_readers, half_the_time) in
            [(TOOK / SAVED_NS / 2, 0), (0, TOOK * PART_OF_TIME / 2)]
        {
            budget.spend(TOOK);
            for enough in [false, true] {
                now += half_the_time;
                entered += half_the_readers;
                assert_eq!(budget.add(now, entered), enough, "{budget:?}");
            }
        }
    }

    #[test]
    fn no_more_than_a_millisecond_is_saved_up() {
        let budget = Budget::new(0);
        assert!(budget.add(u64::MAX, u64::MAX / 2));
        budget.spend(MOST_SAVED as u64);
        assert!(budget.add(u64::MAX, u64::MAX / 2));
        budget.spend(1);
        assert!(!budget.add(u64::MAX, u64::MAX / 2));
    }
}
