//! `sleep`: a timer on the sleeping goroutine's stack.

use crate::bubble::clock::{deadline_after, nanos_of, now};
use crate::bubble::home::Home;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use crate::time::Nanos;
use crate::wait::maywait::MayWait;
use crate::wait::park::Current;
use crate::wait::point;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Pauses the goroutine, or the plain thread, for at least `d`. A goroutine that sleeps for zero
/// time yields. Go's `time.Sleep`.
///
/// A goroutine that sleeps for more than a century, for example for `Duration::MAX`, waits for
/// ever: unlike in Go, it does not keep a deadlock from being reported. The same holds for all time
/// limits.
///
/// ```
/// use gort::prelude::*;
/// use gort::time::sleep;
///
/// // They all sleep at the same time, and occupy no thread.
/// let sleepers: Vec<_> = (0..100).map(|_| go!(|| sleep(Duration::from_millis(1)))).collect();
/// for sleeper in sleepers {
///     sleeper.join().unwrap();
/// }
/// ```
#[track_caller]
pub fn sleep(d: Duration) {
    if tls::getg().is_none() {
        let _ = MayWait::check(WaitReason::Sleep);
        return std::thread::sleep(d);
    }
    if d.is_zero() {
        return crate::wait::yields::yield_now();
    }
    sleep_until_nanos(deadline_after(d), Location::caller());
}

/// Pauses the goroutine, or the plain thread, until `deadline`. Returns at once if that has passed.
///
/// ```
/// use gort::time::{now, sleep_until};
/// use std::time::Duration;
///
/// // At regular times, however long the work takes.
/// let mut next = now();
/// for _ in 0..3 {
///     next += Duration::from_millis(1);
///     sleep_until(next);
///     assert!(now() >= next);
/// }
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) {
    if tls::getg().is_none() {
        let _ = MayWait::check(WaitReason::Sleep);
        return std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    }
    let deadline = nanos_of(deadline);
    if deadline > now() {
        sleep_until_nanos(deadline, Location::caller());
    }
}

fn sleep_until_nanos(deadline: Nanos, site: &'static Location<'static>) {
    point::point_of_all("sleep", site);
    let current = Current::new(WaitReason::Sleep);
    current.waits_for(Home::here());
    // SAFETY: only the timer knows the waiter, so it always wins, whenever it fires. `commit`
    // touches nothing, and `always` may be called with any argument.
    unsafe {
        current.park_until(
            || true,
            deadline,
            always,
            std::ptr::null(),
            WaitReason::Sleep,
            site,
        );
    }
}

/// Ends the wait at its deadline, which no other actor can do.
///
/// # Safety
/// Always safe to call.
unsafe fn always(_: *const ()) -> bool {
    true
}
