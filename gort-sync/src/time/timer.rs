//! `Timer`: one message, or one call of a function, that can be rescheduled or cancelled.

use super::callback::Callback;
use crate::channel::{Receiver, RecvError, Repeat, Source, TimerChan, TryRecvError, never};
use crate::select::{ChanRecvArm, Selectable};
use gort_runtime::{Home, Timed, point};
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Delivers its due time once, unless it is stopped before. Go's `time.Timer`.
///
/// In `select!`, `<-timer` receives from the timer's channel. The channel has no buffer (`len` and
/// `capacity` are 0, as in Go since 1.23): a message that was not taken is gone after `stop` or
/// `reset`. A timer without a waiting receiver runs nothing, so one that is dropped or forgotten
/// costs nothing.
///
/// ```
/// use gort::time::Timer;
/// use std::time::{Duration, Instant};
///
/// let timer = Timer::new(Duration::from_secs(3600));
/// assert!(timer.reset(Duration::from_millis(1)));
/// let due = timer.recv()?;
/// assert!(due <= Instant::now());
/// assert!(!timer.stop(), "it is over");
/// # Ok::<(), gort::channel::RecvError>(())
/// ```
pub struct Timer {
    receiver: Receiver<Instant>,
    /// Set by `after_func`. The receiver is then never ready.
    call: Option<Arc<Timed<Callback>>>,
}

/// What a timer does when it is due.
enum Kind<'a> {
    Deliver(&'a TimerChan),
    Call(&'a Arc<Timed<Callback>>),
}

impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl Timer {
    /// Creates a timer that is due `d` from now. Go's `time.NewTimer`.
    #[must_use]
    pub fn new(d: Duration) -> Self {
        Self {
            receiver: Receiver::timer(TimerChan::new(d, Repeat::Once)),
            call: None,
        }
    }

    /// Returns the home in which the timer was made. The timer is due on that home's clock.
    fn home(&self) -> Home {
        match self.kind() {
            Kind::Deliver(chan) => chan.home(),
            Kind::Call(call) => call.home(),
        }
    }

    fn kind(&self) -> Kind<'_> {
        match (&self.call, self.receiver.source()) {
            (Some(call), _) => Kind::Call(call),
            (None, Source::Timer(chan)) => Kind::Deliver(chan),
            _ => unreachable!("made by `new` or `after_func`"),
        }
    }

    /// Stops the timer: until it is reset, nothing is received from it, and the function of
    /// [`after_func`](super::after_func) is not called. Go's `Timer.Stop`.
    ///
    /// Returns true if that changes anything: the timer was pending, or it was due and its message
    /// was not taken. Returns false if the message was taken, the function has been started, or the
    /// timer was stopped before. Does not wait for a function that is running.
    #[expect(clippy::must_use_candidate, reason = "mostly called for what it does")]
    #[track_caller]
    pub fn stop(&self) -> bool {
        self.home().check("stop of a timer");
        point::point_of_all("timer stop", Location::caller());
        match self.kind() {
            Kind::Deliver(chan) => chan.stop(),
            Kind::Call(call) => call.cancel(),
        }
    }

    /// Makes the timer due `d` from now, whatever its state was. Go's `Timer.Reset`.
    ///
    /// Returns what [`stop`](Self::stop) would have returned: whether the timer was active.
    /// Receivers that wait for the timer continue to wait, for the new time.
    #[track_caller]
    pub fn reset(&self, d: Duration) -> bool {
        let home = self.home();
        home.check("reset of a timer");
        point::point_of_all("timer reset", Location::caller());
        match self.kind() {
            Kind::Deliver(chan) => chan.reset(d, Repeat::Once),
            Kind::Call(call) => {
                call.inherit();
                call.arm(home.moment(d).0)
            }
        }
    }

    /// Returns the channel that delivers the due time. For a timer of
    /// [`after_func`](super::after_func), the channel never delivers anything. Go's field `C`.
    ///
    /// ```
    /// use gort::prelude::*;
    /// use gort::time::Timer;
    ///
    /// let timer = Timer::new(Duration::from_millis(1));
    /// let due = timer.receiver().clone();
    /// let waits = go!(move || due.recv());
    /// assert!(waits.join().unwrap().is_ok());
    /// assert!(timer.try_recv().is_err(), "the time was taken");
    /// ```
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Waits for the due time. Waits for ever if the timer is stopped or its message was taken.
    ///
    /// # Errors
    /// Never returns an error: the channel is never closed.
    #[track_caller]
    pub fn recv(&self) -> Result<Instant, RecvError> {
        self.receiver.recv()
    }

    /// Takes the message if the timer is due.
    ///
    /// # Errors
    /// Returns `Empty` if it is not due, or if the message was taken.
    pub fn try_recv(&self) -> Result<Instant, TryRecvError> {
        self.receiver.try_recv()
    }
}

/// Calls `f` in a goroutine of its own, `d` from now. Go's `time.AfterFunc`.
///
/// [`Timer::stop`] on the result returns true if it has prevented the call. [`Timer::reset`]
/// schedules another call of `f` for `d` after the reset, or moves the pending call there. Calls of
/// `f` do not overlap: one that is due while the previous one is running waits for it. Dropping the
/// timer changes nothing. A panic in `f` ends only its goroutine.
///
/// A pending call has no goroutine. If the system has no room for the goroutine's stack when the
/// call is due, the call is made as soon as there is room.
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
    let call = Callback::new(Box::new(f));
    call.arm(call.home().moment(d).0);
    Timer {
        receiver: never(),
        call: Some(call),
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timer { .. }")
    }
}

/// Receives from the timer's channel.
impl Selectable for Timer {
    type Output = Result<Instant, RecvError>;
    type Arm<'a> = ChanRecvArm<'a, Instant>;

    fn arm(&self) -> ChanRecvArm<'_, Instant> {
        self.receiver.arm()
    }

    fn take<'a>(arm: &mut ChanRecvArm<'a, Instant>) -> Self::Output
    where
        Self: 'a,
    {
        <Receiver<Instant> as Selectable>::take(arm)
    }
}
