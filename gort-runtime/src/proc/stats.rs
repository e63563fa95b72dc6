//! What a P counts while it runs goroutines, for `metrics.rs`.
//!
//! Only the holder of the P writes, so counting is a load and a store, and others may look at
//! any time; what happens on a thread without a P is rare and counted in [`OUTSIDE`] by
//! read-modify-writes.
//!
//! # Latency from runnable to running
//! Reading the clock costs more than a switch, so it is done for a sample: one in
//! [`SAMPLE_EVERY`] goroutines that a P makes runnable gets a stamp, and whoever runs it counts
//! the difference. A prime, so that goroutines which take turns are all sampled.

use crate::base::prim::{
    Ordering::Relaxed,
    global,
    hint::{AtomicU32, AtomicU64},
};
use crate::os;
use std::cell::Cell;

/// Goroutines made runnable for each one that is timed.
const SAMPLE_EVERY: u32 = 251;
/// Bucket `i` counts latencies of less than 2^i ns that the one before does not; the last
/// one all others (half a minute and more).
pub(crate) const BUCKETS: usize = 36;

/// A number that one thread at a time increments and all may read.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(crate) fn increment(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counts of one P.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Goroutines that began to wait.
    pub(crate) parks: Count,
    /// Times that it took goroutines from another P's queue.
    pub(crate) steals: Count,
    pub(crate) latency: [Count; BUCKETS],
    /// Goroutines to be made runnable until the next sample.
    until_sample: Cell<u32>,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            parks: Count::new(),
            steals: Count::new(),
            latency: [const { Count::new() }; BUCKETS],
            until_sample: Cell::new(SAMPLE_EVERY),
        }
    }

    /// The holder of the P has made a goroutine runnable; true if that one is timed.
    #[inline(always)]
    pub(crate) fn samples(&self) -> bool {
        let left = self.until_sample.get() - 1;
        self.until_sample
            .set(if left == 0 { SAMPLE_EVERY } else { left });
        left == 0
    }

    /// The holder of the P runs a goroutine that is timed, and was made runnable at `since`.
    #[cold]
    pub(crate) fn ran(&self, since: u64) {
        self.latency[bucket(os::now_ns().saturating_sub(since))].increment();
    }
}

/// What threads without a P count.
pub(crate) struct Outside {
    parks: AtomicU64,
    runnable: AtomicU32,
}

global! {
    pub(crate) static OUTSIDE: Outside = Outside {
        parks: AtomicU64::new(0),
        runnable: AtomicU32::new(0),
    };
}

impl Outside {
    pub(crate) fn parks(&self) -> u64 {
        self.parks.load(Relaxed)
    }

    /// A goroutine begins to wait.
    pub(crate) fn park(&self) {
        self.parks.fetch_add(1, Relaxed);
    }

    /// A goroutine has been made runnable; true if it is timed.
    pub(crate) fn samples(&self) -> bool {
        self.runnable
            .fetch_add(1, Relaxed)
            .is_multiple_of(SAMPLE_EVERY)
    }
}

fn bucket(ns: u64) -> usize {
    ((u64::BITS - ns.leading_zeros()) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_less_than_its_power_of_two() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(1), 1);
        for i in 1..BUCKETS - 1 {
            assert_eq!(bucket((1 << i) - 1), i);
            assert_eq!(bucket(1 << i), i + 1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
