//! Bursts of blocking calls: how soon sysmon asks whether a thread sleeps.
//!
//! A goroutine that blocks without having announced it loses its P when sysmon learns from the
//! kernel that its thread sleeps. Asking costs some 10 µs, so sysmon asks about a busy thread for
//! the first time after [`ASLEEP_NS`]. But if many goroutines block together, each lets the next
//! one run only after that time, and a goroutine queued behind a thousand of them waits for a
//! second.
//!
//! Sysmon therefore takes each sleeper as a sign that the next goroutine will sleep as well. After
//! [`STEPS`] sleepers in a row, sysmon asks as soon as it sees another goroutine, and naps no
//! longer than 20 µs in between. If a thread turns out to be awake, sysmon asks about it again
//! after twice the time, and so on. During a burst sysmon also keeps some idle threads ready: each
//! P that it takes needs one, and starting a thread takes longer than waking one.
//!
//! A burst ends when no sleeper was found for [`BURST_NS`]. It also ends when the sleepers do not
//! sleep for long: a goroutine that came back before [`STEPS`] more sleepers had been found should
//! have kept its P. Short blocking calls therefore cannot prolong a burst that long ones began.

use crate::base::prim::Ordering::Relaxed;
use crate::proc::m::M;

/// How long the first sleeper may sleep before sysmon asks, in nanoseconds: a hundred times what
/// asking costs. So asking about a busy thread takes at most a hundredth of a core.
const ASLEEP_NS: u64 = 1_000_000;
/// Number of sleepers after which sysmon asks immediately. One sleeper alone may be chance.
const STEPS: usize = 4;
/// How long sysmon waits before it asks, in nanoseconds, after 1, 2, 3 and 4 sleepers.
const ASK_AFTER_NS: [u64; STEPS] = [100_000, 50_000, 20_000, 0];
/// For this long after the last sleeper, in nanoseconds, sysmon does not nap: a nap of 20 µs would
/// take as long as the next goroutine needs to fall asleep.
const HOT_NS: u64 = 100_000;
/// For this long after the last sleeper, in nanoseconds, sysmon's naps end on time. Otherwise the
/// kernel would prolong them by up to 50 µs.
const PRECISE_NS: u64 = 2_000_000;
/// A burst ends if no sleeper was found for this long, in nanoseconds: two time slices.
const BURST_NS: u64 = 20_000_000;

/// How sysmon passes the time until its next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Naps that the kernel may prolong by up to 50 µs.
    Normal,
    /// Naps that end on time.
    Precise,
    /// No naps: the next sleeper is expected at any moment.
    Hot,
}

/// Sysmon's state of the current burst.
#[derive(Default)]
pub(crate) struct Burst {
    /// Number of sleepers found in a row.
    found: usize,
    /// When the last of them was found, on the monotonic clock.
    found_at: u64,
    /// The last sleepers, and how many times their Ps had been taken.
    last: [Option<(&'static M, u32)>; STEPS],
}

impl Burst {
    /// Returns whether a burst may have begun: a sleeper was found, and the burst has not been
    /// ended since.
    fn is_on(&self) -> bool {
        self.found > 0
    }

    /// Returns whether to ask about a thread as soon as it runs another goroutine.
    pub(crate) fn asks_immediately(&self) -> bool {
        self.found >= STEPS
    }

    /// Returns how to pass the time until the next round.
    pub(crate) fn pace(&self, now: u64) -> Pace {
        let quiet_ns = now - self.found_at;
        if !self.is_on() || quiet_ns >= PRECISE_NS {
            Pace::Normal
        } else if self.asks_immediately() && quiet_ns < HOT_NS {
            Pace::Hot
        } else {
            Pace::Precise
        }
    }

    /// Returns how long sysmon waits after its last question about a thread before it asks again.
    /// The thread's goroutine has run for `running_ns`.
    pub(crate) fn ask_after(&self, running_ns: u64) -> u64 {
        match self.found.min(STEPS) {
            0 => ASLEEP_NS,
            n => ASK_AFTER_NS[n - 1].max(running_ns / 2).min(ASLEEP_NS),
        }
    }

    /// Records that a P was taken from `m`, which sleeps.
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

    /// Ends the burst if sysmon has found no sleeper for [`BURST_NS`].
    pub(crate) fn end_if_over(&mut self, now: u64) {
        if self.is_on() && now - self.found_at >= BURST_NS {
            self.end();
        }
    }

    /// Ends the burst.
    fn end(&mut self) {
        *self = Self::default();
    }
}
