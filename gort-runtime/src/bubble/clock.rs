//! The caller's clock: the real one, or its bubble's.
//!
//! Both count from the same moment, so an [`Instant`] stands for one number. Which pairs of the two belong together is
//! measured once, for bubbles: there everything is exact.

use crate::bubble::home::{Home, bubble};
use crate::os;
use crate::time::{self, Nanos};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A moment in both notations.
#[derive(Clone, Copy)]
struct Anchor {
    nanos: Nanos,
    instant: Instant,
}

static ANCHOR: OnceLock<Anchor> = OnceLock::new();

/// How often the two clocks are read, of which the pair counts that was read in the shortest time.
const READINGS: u32 = 16;

impl Anchor {
    fn get() -> Self {
        *ANCHOR.get_or_init(|| {
            let reading = |_| {
                // In this order the instant is rather too late than too early, so no bubble begins in the past.
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

/// The present, at which a bubble begins.
pub(crate) fn begin() -> Nanos {
    Anchor::get();
    os::now_ns()
}

/// The present.
#[must_use]
#[inline]
pub fn now() -> Nanos {
    bubble().map_or_else(os::now_ns, |bubble| bubble.now())
}

/// The present, as an instant.
#[must_use]
#[inline]
pub fn instant_now() -> Instant {
    match bubble() {
        None => Instant::now(),
        Some(bubble) => Anchor::get().instant_of(bubble.now()),
    }
}

/// `d` from now; durations beyond the clock's 584 years end there.
#[must_use]
#[inline]
pub fn deadline_after(d: Duration) -> Nanos {
    let d = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    now().saturating_add(d).max(1)
}

/// The moment that `instant` names.
#[must_use]
pub fn nanos_of(instant: Instant) -> Nanos {
    if bubble().is_none() {
        return time::nanos_of(instant);
    }
    Anchor::get().nanos_of(instant)
}

impl Home {
    /// `d` from now on its clock, in both notations.
    #[must_use]
    pub fn moment(self, d: Duration) -> (Nanos, Instant) {
        let (nanos, instant) = if self == Self::OUTSIDE {
            // In this order it is never earlier for the scheduler than for the user.
            let instant = Instant::now();
            (os::now_ns(), instant)
        } else {
            let now = self.now();
            (now, Anchor::get().instant_of(now))
        };
        let ahead = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        // Beyond what an `Instant` can tell, the number says "at the end of time".
        (
            nanos.saturating_add(ahead).max(1),
            instant.checked_add(d).unwrap_or(instant),
        )
    }
}

/// The real clock, for who waits for the kernel. In a bubble a deadline that its clock gave is as far
/// from the real present as from the bubble's.
pub mod real {
    use super::bubble;
    use crate::os;
    use crate::time::Nanos;
    use std::time::Instant;

    pub use crate::time::{deadline_after, now};

    /// The moment at which as much time has passed as until `instant` on the caller's clock.
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
