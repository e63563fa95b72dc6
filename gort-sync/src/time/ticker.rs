//! `Ticker`: messages at regular times.

use crate::channel::{
    Receiver, RecvError, Repeat, Source, TimerChan, TryRecvError, never, period_of,
};
use crate::select::{ChanRecvArm, Selectable};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// Delivers the time at regular intervals, until it is stopped. Go's `time.Ticker`.
///
/// A receiver that is too slow misses ticks: it finds the first that it has not taken,
/// and then the next that is still to come. Several receivers share the ticks. In `select!` a
/// ticker stands for its channel: `<-ticker => …`. As with a [`Timer`](super::Timer), nothing
/// runs on behalf of a ticker that nobody waits for.
///
/// ```
/// use gort::time::Ticker;
/// use std::time::Duration;
///
/// let ticker = Ticker::new(Duration::from_millis(1));
/// for _ in 0..3 {
///     println!("{:?}", ticker.recv()?);
/// }
/// ticker.stop();
/// assert!(ticker.try_recv().is_err());
/// # Ok::<(), gort::channel::RecvError>(())
/// ```
pub struct Ticker {
    receiver: Receiver<Instant>,
}

impl UnwindSafe for Ticker {}
impl RefUnwindSafe for Ticker {}

impl Ticker {
    /// A ticker whose first tick is due `d` from now. Go's `time.NewTicker`.
    ///
    /// # Panics
    /// "non-positive interval for NewTicker", Go's words, if `d` is 0.
    #[must_use]
    #[track_caller]
    pub fn new(d: Duration) -> Self {
        assert!(!d.is_zero(), "non-positive interval for NewTicker");
        Self { receiver: ticks(d) }
    }

    fn chan(&self) -> &TimerChan {
        match self.receiver.source() {
            Source::Timer(chan) => chan,
            _ => unreachable!("made by `ticks`"),
        }
    }

    /// Stops the ticker: no tick is received from now on, also none that was due. Does not
    /// close the channel: whoever waits for a tick waits for ever, or until the ticker is
    /// reset. Go's `Ticker.Stop`.
    pub fn stop(&self) {
        self.chan().stop();
    }

    /// Ticks every `d`, the first time `d` from now; a tick that was due and not taken is gone.
    /// Go's `Ticker.Reset`.
    ///
    /// # Panics
    /// "non-positive interval for Ticker.Reset", Go's words, if `d` is 0.
    ///
    /// # Examples
    /// ```
    /// use gort::time::Ticker;
    /// use std::time::Duration;
    ///
    /// let ticker = Ticker::new(Duration::from_secs(3600));
    /// ticker.reset(Duration::from_millis(1));
    /// let first = ticker.recv()?;
    /// // Its channel may go to somebody else.
    /// let ticks = ticker.receiver().clone();
    /// assert!(ticks.recv()? > first);
    /// # Ok::<(), gort::channel::RecvError>(())
    /// ```
    #[track_caller]
    pub fn reset(&self, d: Duration) {
        assert!(!d.is_zero(), "non-positive interval for Ticker.Reset");
        self.chan().reset(d, Repeat::OnGrid(period_of(d)));
    }

    /// The channel that the ticks come from. Go's field `C`.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Waits for a tick, and gives the time at which it was due.
    ///
    /// # Errors
    /// None: the channel is never closed.
    #[track_caller]
    pub fn recv(&self) -> Result<Instant, RecvError> {
        self.receiver.recv()
    }

    /// Takes a tick if one is due.
    ///
    /// # Errors
    /// `Empty` if none is.
    pub fn try_recv(&self) -> Result<Instant, TryRecvError> {
        self.receiver.try_recv()
    }
}

/// The channel of a [`Ticker`] that cannot be stopped; one that nothing comes from if `d` is 0.
/// Go's `time.Tick`.
///
/// [`channel::tick`](crate::channel::tick) is crossbeam's: there 0 means "always", and a
/// tick that was taken late delays the next.
///
/// ```
/// use gort::time::tick;
/// use std::time::Duration;
///
/// for due in tick(Duration::from_millis(1)).iter().take(3) {
///     println!("{due:?}");
/// }
/// ```
#[must_use]
pub fn tick(d: Duration) -> Receiver<Instant> {
    if d.is_zero() {
        return never();
    }
    ticks(d)
}

fn ticks(d: Duration) -> Receiver<Instant> {
    Receiver::timer(TimerChan::new(d, Repeat::OnGrid(period_of(d))))
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticker { .. }")
    }
}

/// Stands for its channel.
impl Selectable for Ticker {
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
