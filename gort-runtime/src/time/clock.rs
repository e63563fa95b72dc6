//! Time as the scheduler counts it: nanoseconds on the monotonic clock.
//!
//! 0 means "no time". The clock reads 0 only at boot, and a deadline that has passed fires at once
//! anyway, so deadlines are at least 1.
//!
//! A deadline 146 years or more after the machine was started *never comes*. `Duration::MAX` and
//! other ways to say "without a limit" become such a deadline. A wait until then is a wait for
//! ever: it arms no timer (`park.rs`), so `checkdead.rs` can see that the waiter is never woken.

use crate::os;
use std::time::{Duration, Instant};

/// Nanoseconds on the monotonic clock.
pub type Nanos = u64;

/// The first deadline that never comes: 146 years.
const NEVER_COMES: Nanos = 1 << 62;

/// Returns whether a wait until `deadline` is a wait for ever.
#[inline]
pub(crate) fn never_comes(deadline: Nanos) -> bool {
    deadline >= NEVER_COMES
}

/// Returns the current time.
#[must_use]
pub fn now() -> Nanos {
    os::now_ns()
}

/// Returns the time `d` from now. A `d` that exceeds the clock's 584 years gives the clock's last
/// moment.
#[must_use]
pub fn deadline_after(d: Duration) -> Nanos {
    let d = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    now().saturating_add(d).max(1)
}

/// Returns the time that `instant` names.
#[must_use]
pub(crate) fn nanos_of(instant: Instant) -> Nanos {
    // Both clocks are CLOCK_MONOTONIC. The result is exact up to the time between the two readings,
    // and errs on the late side.
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
