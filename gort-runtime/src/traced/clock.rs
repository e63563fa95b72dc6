//! The clock that stamps events: the processor's cycle counter if it is reliable, otherwise the
//! monotonic clock.
//!
//! Where this was measured, reading `CLOCK_MONOTONIC` took 24 ns, and a whole switch took 20 ns. A
//! read of the counter took 8.5 ns right after another read, and 2 to 4 ns between other
//! instructions, which the processor executes at the same time. On x86_64 the counter is used if
//! the kernel itself keeps time by it. The kernel does so only if the counters of all cores agree
//! and never change their rate. If the counter is not used, ticks are nanoseconds.

#[cfg(not(loom))]
use crate::base::prim::hint::{AtomicBool, Ordering::Relaxed};
use crate::os;

/// Minimum number of ticks between two events of one goroutine: at least a nanosecond if the
/// counter runs at 8 GHz or less.
pub(crate) const STEP: u64 = 8;

#[cfg(not(loom))]
static USES_COUNTER: AtomicBool = AtomicBool::new(false);

/// Chooses the clock. Must be called before the first event.
#[cfg(not(loom))]
pub(crate) fn choose() {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let good = cfg!(all(target_arch = "x86_64", not(miri)))
        && std::fs::read_to_string(SOURCE).is_ok_and(|source| source.trim() == "tsc");
    USES_COUNTER.store(good, Relaxed);
}

/// Returns the time in ticks.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    if USES_COUNTER.load(Relaxed) {
        // SAFETY: the instruction has no preconditions; every x86_64 processor has it.
        unsafe { std::arch::x86_64::_rdtsc() }
    } else {
        os::now_ns()
    }
}

/// Returns the time in ticks.
#[cfg(not(all(target_arch = "x86_64", not(loom))))]
pub(crate) fn ticks() -> u64 {
    os::now_ns()
}

/// Converts ticks to nanoseconds: the line through two readings of both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    ticks: u64,
    ns: u64,
    /// Nanoseconds in 2^32 ticks.
    scale: u64,
}

impl Rate {
    /// Creates the line through the reading `(ticks, ns)` and a later one.
    pub(crate) fn through((ticks, ns): (u64, u64), (later_ticks, later_ns): (u64, u64)) -> Self {
        let passed = u128::from(later_ticks.saturating_sub(ticks).max(1));
        let ns_passed = u128::from(later_ns.saturating_sub(ns));
        Self {
            ticks,
            ns,
            scale: u64::try_from((ns_passed << 32).div_ceil(passed)).unwrap_or(u64::MAX),
        }
    }

    /// Returns the number of ticks in `ns` nanoseconds.
    pub(crate) fn ticks_in(&self, ns: u64) -> u64 {
        let ticks = (u128::from(ns) << 32) / u128::from(self.scale.max(1));
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Returns the nanoseconds at `ticks`, or those at the first reading if `ticks` is before it.
    pub(crate) fn ns(&self, ticks: u64) -> u64 {
        let passed = u128::from(ticks.saturating_sub(self.ticks)) * u128::from(self.scale);
        self.ns + (passed >> 32) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_nanosecond_up_to_8_ghz() {
        for ghz in 1..=8 {
            let rate = Rate::through((1000, 50), (1000 + ghz * 10_000_000, 50 + 10_000_000));
            let mut ticks = 1000;
            for _ in 0..1000 {
                assert!(rate.ns(ticks) < rate.ns(ticks + STEP), "at {ghz} GHz");
                ticks += STEP;
            }
            assert_eq!(rate.ns(1000 + ghz * 7_000_000), 50 + 7_000_000);
            assert!(rate.ticks_in(7_000).abs_diff(ghz * 7_000) <= 1);
        }
    }

    #[test]
    fn what_came_before_the_first_reading_is_at_its_time() {
        let rate = Rate::through((1000, 50), (2000, 1050));
        assert_eq!((rate.ns(0), rate.ns(1000), rate.ns(1500)), (50, 50, 550));
    }
}
