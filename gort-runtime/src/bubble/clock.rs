//! The caller's clock: the real clock, or that of its bubble.
//!
//! Both clocks count from the same moment, so an [`Instant`] corresponds to one number of
//! nanoseconds. For bubbles, this correspondence is measured only once, so all times inside a
//! bubble are exact.

use crate::bubble::home::{Home, bubble};
use crate::os;
use crate::time::{self, Nanos};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A moment in both representations.
#[derive(Clone, Copy)]
struct Anchor {
    nanos: Nanos,
    instant: Instant,
}

static ANCHOR: OnceLock<Anchor> = OnceLock::new();

/// Number of times the two clocks are read. The pair that was read in the shortest time is kept.
const READINGS: u32 = 16;

impl Anchor {
    fn get() -> Self {
        *ANCHOR.get_or_init(|| {
            let reading = |_| {
                // `Instant` is read after the number, so it is late rather than early, and no
                // bubble begins in the past.
                let nanos = os::now_ns();
                let instant = Instant::now();
                (os::now_ns() - nanos, Self { nanos, instant })
            };
            let best = (0..READINGS).map(reading).min_by_key(|(took, _)| *took);
            best.map_or_else(|| reading(0).1, |(_, anchor)| anchor)
        })
    }

    fn instant_of(self, nanos: Nanos) -> Instant {
        let passed = |from: Nanos, to| Duration::from_nanos(to - from);
        let instant = if nanos >= self.nanos {
            self.instant.checked_add(passed(self.nanos, nanos))
        } else {
            self.instant.checked_sub(passed(nanos, self.nanos))
        };
        instant.unwrap_or(self.instant)
    }

    fn nanos_of(self, instant: Instant) -> Nanos {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        match instant.checked_duration_since(self.instant) {
            Some(ahead) => self.nanos.saturating_add(nanos(ahead)),
            None => {
                let behind = nanos(self.instant.saturating_duration_since(instant));
                self.nanos.saturating_sub(behind).max(1)
            }
        }
    }
}

/// Returns the current time, at which a bubble begins.
pub(crate) fn begin() -> Nanos {
    Anchor::get();
    os::now_ns()
}

/// Returns the current time on the caller's clock.
#[must_use]
#[inline]
pub fn now() -> Nanos {
    bubble().map_or_else(os::now_ns, |bubble| bubble.now())
}

/// Returns the current time on the caller's clock, as an `Instant`.
#[must_use]
#[inline]
pub fn instant_now() -> Instant {
    match bubble() {
        None => Instant::now(),
        Some(bubble) => Anchor::get().instant_of(bubble.now()),
    }
}

/// Returns the time `d` from now, or the end of the clock (584 years) if that is earlier.
#[must_use]
#[inline]
pub fn deadline_after(d: Duration) -> Nanos {
    let d = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    now().saturating_add(d).max(1)
}

/// Converts `instant` into a time on the caller's clock.
#[must_use]
pub fn nanos_of(instant: Instant) -> Nanos {
    if bubble().is_none() {
        return time::nanos_of(instant);
    }
    Anchor::get().nanos_of(instant)
}

impl Home {
    /// Returns the time `d` from now on this home's clock, in both representations.
    #[must_use]
    pub fn moment(self, d: Duration) -> (Nanos, Instant) {
        let (nanos, instant) = if self == Self::OUTSIDE {
            // `Instant` is read first, so that the scheduler's time is never before the `Instant`
            // that the user sees.
            let instant = Instant::now();
            (os::now_ns(), instant)
        } else {
            let now = self.now();
            (now, Anchor::get().instant_of(now))
        };
        let ahead = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        // If the time is beyond the range of `Instant`, only the number is right: it is the end of
        // the clock, which never comes.
        (
            nanos.saturating_add(ahead).max(1),
            instant.checked_add(d).unwrap_or(instant),
        )
    }
}

/// The real clock, for waits in the kernel. In a bubble, a deadline on the bubble's clock is
/// converted so that it is as far from the real present as from the bubble's.
pub mod real {
    use super::bubble;
    use crate::os;
    use crate::time::Nanos;
    use std::time::Instant;

    pub use crate::time::{deadline_after, now};

    /// Converts `instant`, a time on the caller's clock, into the time on the real clock that is
    /// equally far from now.
    #[must_use]
    pub fn nanos_of(instant: Instant) -> Nanos {
        let nanos = super::nanos_of(instant);
        match bubble() {
            None => nanos,
            Some(bubble) => {
                let now = os::now_ns();
                let ahead = nanos.saturating_sub(bubble.now());
                let behind = bubble.now().saturating_sub(nanos);
                now.saturating_add(ahead).saturating_sub(behind).max(1)
            }
        }
    }
}
