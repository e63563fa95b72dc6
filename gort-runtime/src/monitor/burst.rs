//! Bursts of blocking calls: how soon sysmon asks whether a thread sleeps.
//!
//! A goroutine that blocks without having announced it loses its P when sysmon learns from the
//! kernel that its thread sleeps. To ask costs some 10 µs, so whoever is busy is asked about after
//! [`ASLEEP_NS`] for the first time. But if many block together, each lets the next one run only
//! after that time, and whoever is behind all of them waits for a second.
//!
//! So each sleeper found makes it likelier that the next one sleeps as well: after [`STEPS`] of them
//! in a row sysmon asks as soon as it sees somebody new, and naps no longer than 20 µs in between.
//! About one that is not asleep then, it asks again after twice the time, and so on. It also keeps some idle
//! threads in store, since each P that it takes needs one, and starting it takes longer than waking it.
//!
//! A burst ends when none was found for [`BURST_NS`], and when those found do not sleep for long:
//! whoever came back before [`STEPS`] more had been found would better have kept its P. Short blocking calls
//! therefore cannot keep up a burst that long ones began.

use crate::base::prim::Ordering::Relaxed;
use crate::proc::m::M;

/// How long the first one may sleep.
const ASLEEP_NS: u64 = 1_000_000;
/// The same after one more each has been found.
const STEPS: usize = 4;
const ASK_AFTER_NS: [u64; STEPS] = [100_000, 50_000, 20_000, 0];
/// How long after the last sleeper sysmon does not nap, and naps no longer than it means to.
const HOT_NS: u64 = 100_000;
const PRECISE_NS: u64 = 2_000_000;
/// How long a burst goes on without a sleeper.
const BURST_NS: u64 = 20_000_000;

/// How sysmon passes the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// In naps that the kernel may make up to 50 µs longer.
    Normal,
    /// In naps that end in time.
    Precise,
    /// Without: the next sleeper is expected any moment.
    Hot,
}

/// Sysmon's view of it.
#[derive(Default)]
pub(crate) struct Burst {
    /// Sleepers found in a row.
    found: usize,
    found_at: u64,
    /// The last ones, and how often their Ps had been taken.
    last: [Option<(&'static M, u32)>; STEPS],
}

impl Burst {
    /// Whether many seem to block at once.
    fn is_on(&self) -> bool {
        self.found > 0
    }

    /// Whether to ask about a thread as soon as it runs another goroutine.
    pub(crate) fn asks_at_once(&self) -> bool {
        self.found >= STEPS
    }

    /// How to pass the time until the next look.
    pub(crate) fn pace(&self, now: u64) -> Pace {
        let quiet_ns = now - self.found_at;
        if !self.is_on() || quiet_ns >= PRECISE_NS {
            Pace::Normal
        } else if self.asks_at_once() && quiet_ns < HOT_NS {
            Pace::Hot
        } else {
            Pace::Precise
        }
    }

    /// How long after the last question to ask about a thread whose goroutine has run for so long.
    pub(crate) fn ask_after(&self, running_ns: u64) -> u64 {
        match self.found.min(STEPS) {
            0 => ASLEEP_NS,
            n => ASK_AFTER_NS[n - 1].max(running_ns / 2).min(ASLEEP_NS),
        }
    }

    /// A P was taken from `m`, which sleeps.
    pub(crate) fn found_asleep(&mut self, m: &'static M, now: u64) {
        let place = &mut self.last[self.found % STEPS];
        let earlier = place.replace((m, m.times_taken.load(Relaxed)));
        let is_back =
            |(m, times): (&M, u32)| !m.ownership.is_taken() || m.times_taken.load(Relaxed) != times;
        if earlier.is_some_and(|(m, times)| is_back((m, times))) {
            self.end();
        } else {
            self.found += 1;
            self.found_at = now;
        }
    }

    /// Ends the burst if it is time to.
    pub(crate) fn ends_some_time(&mut self, now: u64) {
        if self.is_on() && now - self.found_at >= BURST_NS {
            self.end();
        }
    }

    fn end(&mut self) {
        *self = Self::default();
    }
}
