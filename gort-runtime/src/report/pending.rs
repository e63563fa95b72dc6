//! Pending calls: functions that timers are going to call, and that are not goroutines yet.

use crate::api::goroutine::GoroutineId;
use crate::os;
use crate::sched::state::SCHED;
use std::panic::Location;
use std::time::Duration;

/// A function that a timer is going to call in a goroutine of its own.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PendingCall {
    /// The root of the goroutine that armed the timer: its oldest ancestor, or the goroutine itself
    /// if no goroutine started it. `None` if a plain thread armed the timer.
    pub root: Option<GoroutineId>,
    /// Time from now until the call is due.
    pub due_in: Duration,
    /// Where the timer was armed.
    pub armed_at: &'static Location<'static>,
}

/// Returns the pending calls on the real clock, the next one first.
#[doc(hidden)]
#[must_use]
pub fn pending_calls() -> Vec<PendingCall> {
    let now = os::now_ns();
    let mut calls = Vec::new();
    for timers in SCHED.all_timers() {
        timers.each_start(|when, start| {
            calls.push(PendingCall {
                root: start.root.map(GoroutineId::new),
                due_in: Duration::from_nanos(when.saturating_sub(now)),
                armed_at: start.site,
            });
        });
    }
    calls.sort_by_key(|call| call.due_in);
    calls
}
