//! What timers are going to start: functions that are to be called, which are no goroutines yet.

use crate::api::goroutine::GoroutineId;
use crate::os;
use crate::sched::state::SCHED;
use std::panic::Location;
use std::time::Duration;

/// A function that a timer is going to call, in a goroutine that it starts for it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PendingCall {
    /// The goroutine, started from a plain thread, from which the one descends that armed the timer; none: that was a plain
    /// thread.
    pub root: Option<GoroutineId>,
    /// When it is due, from now on.
    pub due_in: Duration,
    /// Where the timer was armed.
    pub armed_at: &'static Location<'static>,
}

/// Those on the real clock, the next first.
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
