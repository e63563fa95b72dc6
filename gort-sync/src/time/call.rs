//! `after_func`: a function that is called when a time has come.
//!
//! Until then it is no goroutine, but a timer of the runtime's (`Timed`), which starts one that
//! calls the function. Of the goroutines that `reset` may have brought about meanwhile, one at a
//! time calls it: the function is behind a lock.

use super::timer::Timer;
use crate::mutex::Mutex;
use gort_runtime::{Timed, TimedCall, deadline_after};
use std::sync::Arc;
use std::time::Duration;

/// A function, to be called now and then.
pub(super) struct Call {
    f: Mutex<Box<dyn FnMut() + Send>>,
}

impl TimedCall for Call {
    fn call(this: &Arc<Timed<Self>>) {
        (*this.f.lock())();
    }
}

/// Calls `f` in a goroutine of its own, `d` from now. Go's `time.AfterFunc`.
///
/// [`Timer::stop`] on the result is true if it has prevented the call; [`Timer::reset`] has
/// `f` called once more, `d` from then, or moves the call that is pending. Calls of `f` do not
/// overlap: one that is due while the last still runs waits for it. Dropping the timer changes
/// nothing. A panic in `f` ends its goroutine, and nothing else.
///
/// A call that is pending is no goroutine. If no stack can be had for one when it is due, it is
/// made as soon as one can.
///
/// # Examples
/// ```
/// use gort::time::after_func;
/// use std::time::Duration;
///
/// let watchdog = after_func(Duration::from_secs(3600), || eprintln!("still at it"));
/// // … the work …
/// assert!(watchdog.stop(), "it never barked");
/// ```
#[track_caller]
pub fn after_func<F: FnMut() + Send + 'static>(d: Duration, f: F) -> Timer {
    let call = Timed::new(Call {
        f: Mutex::new(Box::new(f)),
    });
    call.arm(deadline_after(d));
    Timer::of_call(call)
}
