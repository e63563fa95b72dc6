//! `after_func`: a function that is called when a time has come.
//!
//! A goroutine *attends* to a timer channel (`channel/timer.rs`), on which nobody else receives:
//! it waits for the due time and calls the function; if the timer is stopped it ends. Under the
//! channel's lock the timer knows whether somebody attends to it. So there is one such
//! goroutine at most, and always one while the timer is pending: `reset` starts it if
//! nobody attended; and the goroutine, in the same critical section in which it finds that
//! nothing is due any more, or that the time has come, says that it does not attend any longer.
//! (A `reset` between a `stop` and the end of the goroutine finds it still attending, and it
//! goes on with the new time.)

use super::timer::Timer;
use crate::channel::{Repeat, TimerChan};
use crate::mutex::Mutex;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A function and when to call it.
pub(super) struct Call {
    chan: TimerChan,
    f: Mutex<Box<dyn FnMut() + Send>>,
}

/// Calls `f` in a goroutine of its own, `d` from now. Go's `time.AfterFunc`.
///
/// [`Timer::stop`] on the result is true if it has prevented the call; [`Timer::reset`] has
/// `f` called once more, `d` from then, or moves the call that is pending. Calls of `f` do not
/// overlap: one that is due while the last still runs waits for it. Dropping the timer changes
/// nothing. A panic in `f` ends its goroutine, and nothing else.
///
/// While a call is pending a parked goroutine waits for it; it is counted and listed like any
/// other.
///
/// # Panics
/// If no stack can be had.
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
    let chan = TimerChan::new(Duration::MAX, Repeat::Once);
    let call = Arc::new(Call {
        chan,
        f: Mutex::new(Box::new(f)),
    });
    call.reset(d);
    Timer::of_call(call)
}

impl Call {
    pub(super) fn stop(&self) -> bool {
        self.chan.stop()
    }

    #[track_caller]
    pub(super) fn reset(self: &Arc<Self>, d: Duration) -> bool {
        let before = self.chan.reset_attended(d);
        if !before.attended {
            let site = Location::caller();
            let call = Arc::clone(self);
            gort_runtime::spawn(move || {
                if call.chan.attend(site) {
                    (*call.f.lock())();
                }
            });
        }
        before.pending
    }
}
