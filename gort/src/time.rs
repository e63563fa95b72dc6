//! Sleeping, timers, and channels that deliver a time.

use std::time::Instant;

pub use gort_runtime::{sleep, sleep_until};
pub use gort_sync::channel::{after, at};
pub use gort_sync::time::{
    Elapsed, Missed, Ticker, TickerBuilder, Timer, after_func, tick, timeout,
};

/// Returns the current time; in a bubble, the time of its clock ([`synctest`](crate::synctest)).
/// Go's `time.Now`.
///
/// ```
/// use gort::time::{now, sleep_until};
/// use std::time::Duration;
///
/// let deadline = now() + Duration::from_millis(1);
/// sleep_until(deadline);
/// assert!(now() >= deadline);
/// ```
#[must_use]
pub fn now() -> Instant {
    gort_runtime::instant_now()
}
