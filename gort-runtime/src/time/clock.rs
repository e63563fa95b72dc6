//! Time as the scheduler counts it: nanoseconds on the monotonic clock.
//!
//! 0 means "no time": the clock reads 0 at boot only, and a deadline at or before
//! now fires at once anyway, so deadlines are at least 1.
//!
//! A deadline a century and a half after the machine was started, or later, *never comes*: that is what
//! `Duration::MAX` and other ways to say "without a limit" become. Such a wait is one for ever: it arms
//! no timer (`park.rs`), so nothing is hidden from `checkdead.rs`.

use crate::os;
use std::time::{Duration, Instant};

/// Nanoseconds on the monotonic clock.
pub type Nanos = u64;

/// The first deadline that never comes: 146 years.
const NEVER_COMES: Nanos = 1 << 62;

/// Whether a wait until `deadline` is one for ever.
#[inline]
pub(crate) fn never_comes(deadline: Nanos) -> bool {
    deadline >= NEVER_COMES
}

/// The present.
#[must_use]
pub fn now() -> Nanos {
    os::now_ns()
}

/// `d` from now; durations beyond the clock's 584 years end there.
#[must_use]
pub fn deadline_after(d: Duration) -> Nanos {
    let d = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    now().saturating_add(d).max(1)
}

/// The moment that `instant` names.
#[must_use]
pub(crate) fn nanos_of(instant: Instant) -> Nanos {
    // Both clocks are CLOCK_MONOTONIC; the difference is exact up to the time
    // between the two readings, and errs on the late side.
    let reference = Instant::now();
    let now = now();
    match instant.checked_duration_since(reference) {
        Some(ahead) => now.saturating_add(u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX)),
        None => {
            let behind = reference.saturating_duration_since(instant).as_nanos();
            now.saturating_sub(u64::try_from(behind).unwrap_or(u64::MAX))
                .max(1)
        }
    }
}
