//! The counters of a P, for `metrics.rs`.
//!
//! Only the holder of the P writes them, so counting is a load and a store, and other threads may
//! read them at any time. Events on threads without a P are rare. They are counted in [`OUTSIDE`],
//! by read-modify-writes.
//!
//! # Latency from runnable to running
//! Reading the clock costs more than a switch, so only a sample is measured. One in
//! [`SAMPLE_EVERY`] goroutines that a P makes runnable gets a time stamp, and the P that runs it
//! counts the difference. The number is a prime, so that goroutines that take turns are all
//! sampled.

use crate::base::prim::{
    Ordering::Relaxed,
    global,
    hint::{AtomicU32, AtomicU64},
};
use crate::os;
use std::cell::Cell;

/// One in this many goroutines that become runnable is timed.
const SAMPLE_EVERY: u32 = 251;
/// Number of buckets. Bucket `i` counts latencies of less than 2^i ns that the bucket before does
/// not count. The last one counts all others (17 s and more).
pub(crate) const BUCKETS: usize = 36;

/// A counter that one thread at a time increments and that all threads may read.
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
    /// Number of times that a goroutine began to wait.
    pub(crate) parks: Count,
    /// Number of times that this P took goroutines from another P's queue.
    pub(crate) steals: Count,
    /// Number of times that an M took this P because another M had lent it.
    pub(crate) borrows: Count,
    pub(crate) latency: [Count; BUCKETS],
    /// Number of goroutines that will be made runnable before the next sample is taken.
    until_sample: Cell<u32>,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            parks: Count::new(),
            steals: Count::new(),
            borrows: Count::new(),
            latency: [const { Count::new() }; BUCKETS],
            until_sample: Cell::new(SAMPLE_EVERY),
        }
    }

    /// Counts a goroutine that the P's holder has made runnable. Returns `true` if it is timed.
    #[inline(always)]
    pub(crate) fn samples(&self) -> bool {
        let left = self.until_sample.get() - 1;
        self.until_sample
            .set(if left == 0 { SAMPLE_EVERY } else { left });
        left == 0
    }

    /// Counts the latency of a timed goroutine that was made runnable at `since`. The P's holder is
    /// about to run it.
    #[cold]
    pub(crate) fn ran(&self, since: u64) {
        self.latency[bucket(os::now_ns().saturating_sub(since))].increment();
    }
}

/// The counters of threads without a P.
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

    /// Counts a goroutine that begins to wait.
    pub(crate) fn park(&self) {
        self.parks.fetch_add(1, Relaxed);
    }

    /// Counts a goroutine that has been made runnable. Returns `true` if it is timed.
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
