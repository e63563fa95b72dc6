//! Whether other Ps usually steal the goroutines that this P wakes.
//!
//! A woken goroutine enters `runnext`, because the goroutine that woke it is likely to park in a
//! moment. If that goroutine continues to compute instead, another P steals `runnext`. The thief
//! watches it for 3 µs first, and then needs a barrier that takes some 5 µs and interrupts this P
//! (`sched/steal.rs`). A sender and a receiver that both work on each value, for 1 µs, spend half
//! their time in this way.
//!
//! Therefore, when `runnext` has been stolen three times in a row, the P leaves the next sixteen
//! goroutines that it wakes to Ps that want work, in the global queue. Then it tries `runnext`
//! again. If that is stolen too, sixteen more follow; if it runs here, the count begins anew.
//!
//! (`gort-bench run grid P 100000 channel,770,770,2`: on 2 Ps from 1,690 to 940 ns a value, on 8
//! from 1,570 to 880. Counting from the first theft: 1.2 times as long for `channel,77,770,8`.)
//!
//! All of this is a hint: the counter is neither exact nor ordered with the queue.

use crate::base::prim::Ordering::Relaxed;
use crate::base::prim::hint::AtomicU32;

/// After this many thefts in a row, the P leaves goroutines to others.
const ENOUGH: u32 = 3;
/// How many goroutines it then leaves to others before it tries `runnext` again.
const LEFT_TO_OTHERS: u32 = 16;

/// Counts thefts up to `ENOUGH`. Above that, counts the goroutines that are still to be left to
/// others.
#[derive(Debug)]
pub(crate) struct StolenNext(AtomicU32);

impl StolenNext {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Records that `runnext` was stolen. The thief calls this.
    pub(crate) fn stolen(&self) {
        let n = self.0.load(Relaxed);
        let next = if n < ENOUGH {
            n + 1
        } else {
            ENOUGH + LEFT_TO_OTHERS
        };
        self.0.store(next, Relaxed);
    }

    /// Records that the P has run its `runnext`. The P's holder calls this.
    #[inline]
    pub(crate) fn runs_here(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    /// Returns whether a goroutine that this P wakes should enter `runnext`. If not, it should be
    /// left to other Ps, if they want work. The P's holder calls this.
    #[inline]
    pub(crate) fn stays_here(&self) -> bool {
        let n = self.0.load(Relaxed);
        n <= ENOUGH || self.leave_one(n)
    }

    #[cold]
    fn leave_one(&self, n: u32) -> bool {
        self.0.store(n - 1, Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goroutines_are_left_to_others_after_three_thefts_in_a_row() {
        let next = StolenNext::new();
        next.stolen();
        next.stolen();
        next.runs_here();
        for _ in 0..ENOUGH {
            assert!(next.stays_here());
            next.stolen();
        }
        // The next theft decides.
        assert!(next.stays_here());
        for _ in 0..2 {
            next.stolen();
            assert!((0..LEFT_TO_OTHERS).all(|_| !next.stays_here()));
            assert!(next.stays_here());
        }
        next.runs_here();
        next.stolen();
        assert!(next.stays_here());
    }
}
