//! `Ticker`: messages at regular intervals.

use crate::channel::{
    Receiver, RecvError, Repeat, Source, TimerChan, TryRecvError, never, period_of,
};
use crate::select::{ChanRecvArm, Selectable};
use gort_runtime::point;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// Delivers the time at regular intervals, until it is stopped. Go's `time.Ticker`.
///
/// A receiver that is too slow misses ticks: it gets the oldest tick that it has missed, and not
/// the other ones. The next tick is due at the next multiple of the interval.
/// [`builder`](Ticker::builder) can set another behaviour ([`Missed`]). Several receivers share the
/// ticks. In `select!`, `<-ticker` receives from the ticker's channel. As with a
/// [`Timer`](super::Timer), no code runs for a ticker while no receiver waits.
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
    missed: Missed,
}

/// What a ticker does about ticks that were not taken in time. Modelled on tokio's
/// `MissedTickBehavior`.
///
/// A tick is late if a whole interval has passed since it was due.
///
/// ```
/// use gort::time::{Missed, Ticker};
/// use std::thread;
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let ticker = Ticker::builder(ms(2)).missed(Missed::Burst).start();
/// thread::sleep(ms(7));
/// let first = ticker.recv()?;
/// assert_eq!(ticker.recv()?, first + ms(2)); // Both were due.
/// # Ok::<(), gort::channel::RecvError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missed {
    /// The late tick is delivered. Other ticks that were due are not, and the next one is due at
    /// the next multiple of the interval. Go's behaviour.
    #[default]
    Skip,
    /// The interval begins again when the late tick is received: the next tick is due a whole
    /// interval after that.
    Delay,
    /// Every tick is delivered, each with the time at which it was due. Ticks that were missed are
    /// delivered at once.
    Burst,
}

impl Missed {
    fn repeat(self, d: Duration) -> Repeat {
        let period = period_of(d);
        match self {
            Self::Skip => Repeat::OnGrid(period),
            Self::Delay => Repeat::Afresh(period),
            Self::Burst => Repeat::Each(period),
        }
    }
}

/// The settings of a [`Ticker`], made by [`Ticker::builder`].
///
/// ```
/// use gort::time::{Missed, Ticker, TickerBuilder};
/// use std::time::Duration;
///
/// let hourly: TickerBuilder = Ticker::builder(Duration::from_secs(3600)).first_now();
/// let ticker = hourly.missed(Missed::Delay).start();
/// ticker.recv()?; // At once.
/// assert!(ticker.try_recv().is_err());
/// # Ok::<(), gort::channel::RecvError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing ticks before `start`"]
pub struct TickerBuilder {
    interval: Duration,
    missed: Missed,
    first_now: bool,
}

impl TickerBuilder {
    /// Sets what happens to missed ticks. The default is [`Missed::Skip`].
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// Makes the first tick due at the start, not an interval after it.
    pub fn first_now(mut self) -> Self {
        self.first_now = true;
        self
    }

    /// Starts the ticker. The first interval begins now.
    ///
    /// # Panics
    /// Panics with Go's message, "non-positive interval for NewTicker", if the interval is 0.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Ticker {
        assert!(
            !self.interval.is_zero(),
            "non-positive interval for NewTicker"
        );
        let first = if self.first_now {
            Duration::ZERO
        } else {
            self.interval
        };
        let chan = TimerChan::new(first, self.missed.repeat(self.interval));
        Ticker {
            receiver: Receiver::timer(chan),
            missed: self.missed,
        }
    }
}

impl UnwindSafe for Ticker {}
impl RefUnwindSafe for Ticker {}

impl Ticker {
    /// Creates a ticker whose first tick is due `d` from now. Go's `time.NewTicker`.
    ///
    /// # Panics
    /// Panics with Go's message, "non-positive interval for NewTicker", if `d` is 0.
    #[must_use]
    #[track_caller]
    pub fn new(d: Duration) -> Self {
        Self::builder(d).start()
    }

    /// Returns a builder for a ticker with an interval of `d`. Use it to make the first tick due at
    /// once, or to choose what happens to missed ticks. If the interval is 0,
    /// [`start`](TickerBuilder::start) panics.
    ///
    /// # Examples
    /// ```
    /// use gort::time::{Missed, Ticker};
    /// use std::time::Duration;
    ///
    /// let builder = Ticker::builder(Duration::from_millis(1));
    /// let ticker = builder.missed(Missed::Delay).first_now().start();
    /// let first = ticker.recv()?;
    /// assert!(ticker.recv()? >= first + Duration::from_millis(1));
    /// # Ok::<(), gort::channel::RecvError>(())
    /// ```
    pub fn builder(d: Duration) -> TickerBuilder {
        TickerBuilder {
            interval: d,
            missed: Missed::Skip,
            first_now: false,
        }
    }

    fn chan(&self) -> &TimerChan {
        match self.receiver.source() {
            Source::Timer(chan) => chan,
            _ => unreachable!("made by `start`"),
        }
    }

    /// Stops the ticker: from now on no tick is received, not even one that was already due. Does
    /// not close the channel: a receiver that waits for a tick waits for ever, or until the ticker
    /// is reset. Go's `Ticker.Stop`.
    #[track_caller]
    pub fn stop(&self) {
        self.chan().home().check("stop of a ticker");
        point::point_of_all("ticker stop", Location::caller());
        self.chan().stop();
    }

    /// Makes the ticker tick every `d`, the first time `d` from now. If a tick was due and has not
    /// been received, it is lost. Go's `Ticker.Reset`.
    ///
    /// # Panics
    /// Panics with Go's message, "non-positive interval for Ticker.Reset", if `d` is 0.
    ///
    /// # Examples
    /// ```
    /// use gort::time::Ticker;
    /// use std::time::Duration;
    ///
    /// let ticker = Ticker::new(Duration::from_secs(3600));
    /// ticker.reset(Duration::from_millis(1));
    /// let first = ticker.recv()?;
    /// // The channel may be given to another goroutine.
    /// let ticks = ticker.receiver().clone();
    /// assert!(ticks.recv()? > first);
    /// # Ok::<(), gort::channel::RecvError>(())
    /// ```
    #[track_caller]
    pub fn reset(&self, d: Duration) {
        assert!(!d.is_zero(), "non-positive interval for Ticker.Reset");
        self.chan().home().check("reset of a ticker");
        point::point_of_all("ticker reset", Location::caller());
        self.chan().reset(d, self.missed.repeat(d));
    }

    /// Returns the channel that delivers the ticks. Go's field `C`.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Waits for a tick, and returns the time at which it was due.
    ///
    /// # Errors
    /// Never returns an error: the channel is never closed.
    #[track_caller]
    pub fn recv(&self) -> Result<Instant, RecvError> {
        self.receiver.recv()
    }

    /// Takes a tick if one is due.
    ///
    /// # Errors
    /// Returns `Empty` if no tick is due.
    pub fn try_recv(&self) -> Result<Instant, TryRecvError> {
        self.receiver.try_recv()
    }
}

/// Returns the channel of a [`Ticker`] that cannot be stopped. If `d` is 0, the channel never
/// delivers anything. Go's `time.Tick`.
///
/// [`channel::tick`](crate::channel::tick) is crossbeam's: there, 0 means "always", and a tick that
/// was taken late delays the next one.
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
    Receiver::timer(TimerChan::new(d, Missed::Skip.repeat(d)))
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticker { .. }")
    }
}

/// Receives from the ticker's channel.
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
