//! Signals that the system or another process sends. Go's `os/signal`.
//!
//! A signal that the program does not ask for acts as in any other program. SIGINT, SIGTERM,
//! SIGHUP, SIGUSR1 and SIGUSR2 end the process. SIGCHLD and SIGWINCH do nothing. SIGQUIT prints all
//! goroutines and ends the process with status 2. If the program asks for a signal, by [`notify`],
//! [`ctrl_c`] or [`notify_context`], it receives the signal instead. When the last receiver is
//! stopped or dropped, the signal acts as before.
//!
//! If the program had installed a handler of its own before, that handler is still called as well.
//! A signal that was blocked when the process started is unblocked while the program asks for it.
//! SIGHUP and SIGINT stay ignored if they were ignored when the process started and the program
//! does not ask for them. All other signals are handled as if they had not been ignored (Go's
//! rule).
//!
//! # Examples
//! A server that shuts down cleanly:
//!
//! ```standalone_crate
//! use gort::context::Context;
//! use gort::prelude::*;
//! use gort::signal::{Signal, notify_context};
//!
//! fn serve(ctx: &Context) -> u32 {
//!     let mut ticks = 0;
//!     loop {
//!         select! {
//!             <-ctx => return ticks,
//!             after(Duration::from_millis(1)) => ticks += 1,
//!         }
//!     }
//! }
//!
//! let (ctx, stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
//! # unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
//! serve(&ctx);
//! assert_eq!(ctx.cause().unwrap().to_string(), "SIGTERM");
//! stop.cancel(); // From here on a second Ctrl-C ends the process.
//! ```
//!
//! - `name.rs`: [`Signal`].
//! - `registry.rs`: the protocol: who has asked for what, what has arrived, who waits.
//! - `arm.rs`: `s = <-signals` in a select.

pub(crate) mod arm;
mod name;
mod registry;

pub use name::Signal;

use crate::channel::{RecvError, RecvTimeoutError, TryRecvError};
use crate::context::{Cancel, Context};
use crate::waitlock::{End, Wait, Waited};
use gort_runtime::{Current, Nanos, WaitReason, WaitsOutside, real};
use registry::{NextSignal, REGISTRY};
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// Makes the program receive these signals instead of letting them act, until the last clone of the
/// result is dropped or the receiver is [`stop`]ped. If `signals` is empty, this applies to all
/// signals in [`Signal`]. Go's `signal.Notify`.
///
/// From the moment at which this returns, no such signal is lost. If there are several receivers,
/// each of them gets each signal. A receiver that is not read keeps one signal of each kind, like
/// the system.
///
/// # Examples
/// ```standalone_crate
/// use gort::signal::{Signal, notify};
///
/// let signals = notify(&[Signal::SIGHUP, Signal::SIGUSR1]);
/// # unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
/// match signals.recv()? {
///     Signal::SIGHUP => println!("reading the configuration again"),
///     other => println!("{other}"),
/// }
/// # Ok::<(), gort::channel::RecvError>(())
/// ```
#[must_use = "the signals act by default again when the receiver is dropped"]
pub fn notify(signals: &[Signal]) -> Signals {
    Signals {
        inbox: Arc::new(OpenInbox(registry::open_inbox(signals))),
    }
}

/// Makes the program receive Ctrl-C (SIGINT) instead of being ended by it: [`notify`] for this
/// signal only.
///
/// # Examples
/// ```standalone_crate
/// use gort::prelude::*;
/// use gort::signal::ctrl_c;
///
/// let ctrl_c = ctrl_c();
/// # unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
/// select! {
///     _ = <-ctrl_c => println!("shutting down"),
///     after(Duration::from_secs(10)) => println!("done"),
/// }
/// ```
#[must_use = "Ctrl-C ends the process again when the receiver is dropped"]
pub fn ctrl_c() -> Signals {
    notify(&[Signal::SIGINT])
}

/// Ends the registration of a receiver and of its clones. When this returns, signals that only this
/// receiver has asked for act as they did before. Go's `signal.Stop`.
///
/// A signal that arrives at the same time is either in the receiver, or acts as before; none is
/// lost. Signals that are in the receiver can still be received. After them every receive returns
/// an error, even one that is already waiting. A second call does nothing.
///
/// # Examples
/// ```standalone_crate
/// use gort::signal::{Signal, notify, stop};
///
/// let signals = notify(&[Signal::SIGTERM]);
/// stop(&signals);
/// assert!(signals.recv().is_err());
/// // From here on SIGTERM ends the process.
/// ```
pub fn stop(signals: &Signals) {
    registry::leave(signals.id());
}

/// Creates a context that is done when one of these signals arrives, when it is cancelled, or when
/// `ctx` is done. If `signals` is empty, this applies to all signals in [`Signal`]. Go's
/// `signal.NotifyContext`.
///
/// The context's cause is the [`Signal`], which displays its name. Further signals do nothing until
/// [`Cancel::cancel`] is called; after that they act as before. So call `cancel` as soon as a
/// second Ctrl-C should end the program.
///
/// # Examples
/// ```standalone_crate
/// use gort::context::Context;
/// use gort::signal::{Signal, notify_context};
///
/// let (ctx, cancel) = notify_context(&Context::background(), &[Signal::SIGINT]);
/// assert!(ctx.err().is_none());
/// # unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
/// ctx.done().recv().unwrap_err();
/// assert_eq!(ctx.cause().unwrap().downcast_ref(), Some(&Signal::SIGINT));
/// cancel.cancel();
/// ```
pub fn notify_context(ctx: &Context, signals: &[Signal]) -> (Context, Cancel) {
    ctx.until_ended_by_signal(|ender| {
        let id = registry::enter_context(signals, ender);
        Box::new(move || registry::leave(id))
    })
}

/// Receives signals. Returned by [`notify`] and [`ctrl_c`]. Clones are the same receiver: each
/// signal goes to one of them. In `select!`, `s = <-signals` returns what [`recv`](Self::recv)
/// returns. Go's channel of `os.Signal`s.
///
/// A goroutine that waits for a signal, even among other things in a `select!`, is never reported
/// as part of a deadlock. All methods also work on plain threads.
///
/// # Examples
/// ```standalone_crate
/// use gort::prelude::*;
/// use gort::signal::{Signal, notify};
///
/// let (jobs, queue) = bounded(1);
/// jobs.send("a job").unwrap();
/// let signals = notify(&[Signal::SIGTERM]);
/// # unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
/// loop {
///     select! {
///         signal = <-signals => break println!("{}: no more jobs", signal.unwrap()),
///         job = <-queue => println!("{}", job.unwrap()),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Signals {
    inbox: Arc<OpenInbox>,
}

/// The registry's inbox, which the last handle closes.
struct OpenInbox(u64);

impl Drop for OpenInbox {
    fn drop(&mut self) {
        registry::close_inbox(self.0);
    }
}

impl Signals {
    fn id(&self) -> u64 {
        self.inbox.0
    }

    /// Receives a signal, waiting for one.
    ///
    /// # Errors
    /// Returns an error if the receiver is stopped and all signals that arrived before have been
    /// received.
    ///
    /// # Panics
    /// Panics in `on_system_stack`, where nothing may wait.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use gort::signal::{Signal, notify};
    ///
    /// let signals = notify(&[Signal::SIGUSR1]);
    /// # unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
    /// assert_eq!(signals.recv(), Ok(Signal::SIGUSR1));
    /// ```
    #[track_caller]
    pub fn recv(&self) -> Result<Signal, RecvError> {
        self.recv_until(None, Location::caller())
            .map_err(|_| RecvError)
    }

    /// Returns a signal that has arrived, if there is one. Does not wait. Of several signals,
    /// returns the one with the lowest number.
    ///
    /// # Errors
    /// Returns `Empty` if no signal has arrived, or `Disconnected` as [`recv`](Self::recv) does.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use gort::channel::TryRecvError;
    /// use gort::signal::ctrl_c;
    ///
    /// let ctrl_c = ctrl_c();
    /// for step in 0..1_000 {
    ///     if ctrl_c.try_recv().is_ok() {
    ///         println!("interrupted at step {step}");
    ///         break;
    ///     }
    /// }
    /// assert_eq!(ctrl_c.try_recv(), Err(TryRecvError::Empty));
    /// ```
    pub fn try_recv(&self) -> Result<Signal, TryRecvError> {
        match REGISTRY.lock().take(self.id()) {
            NextSignal::Signal(signal) => Ok(signal),
            NextSignal::NotYet => Err(TryRecvError::Empty),
            NextSignal::Never => Err(TryRecvError::Disconnected),
        }
    }

    /// Receives a signal, waiting for at most `timeout`.
    ///
    /// # Errors
    /// Returns `Timeout` if no signal has arrived in time, or `Disconnected` as
    /// [`recv`](Self::recv) does.
    ///
    /// # Panics
    /// Panics in `on_system_stack`, where nothing may wait.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use gort::channel::RecvTimeoutError;
    /// use gort::signal::ctrl_c;
    /// use std::time::Duration;
    ///
    /// let came = ctrl_c().recv_timeout(Duration::from_millis(1));
    /// assert_eq!(came, Err(RecvTimeoutError::Timeout));
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Signal, RecvTimeoutError> {
        self.recv_until(Some(real::deadline_after(timeout)), Location::caller())
    }

    fn recv_until(
        &self,
        until: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<Signal, RecvTimeoutError> {
        let current = Current::new(WaitReason::ChanReceive);
        let wait = Wait {
            current: &current,
            until,
            home: REGISTRY.home(),
            reason: WaitReason::ChanReceive,
            site,
        };
        let id = self.id();
        let mut end = End::Back;
        loop {
            let mut registry = REGISTRY.lock();
            match registry.take(id) {
                NextSignal::Signal(signal) => return Ok(signal),
                NextSignal::Never => return Err(RecvTimeoutError::Disconnected),
                NextSignal::NotYet => {}
            }
            let _waits = WaitsOutside::new();
            let waited = registry.wait(wait, |registry| registry.waiters(id), end, ptr::null_mut());
            match waited {
                Waited::Woken(_) => end = End::Front,
                Waited::Expired(_) => return Err(RecvTimeoutError::Timeout),
            }
        }
    }

    /// Returns an iterator that receives signals until the receiver is stopped, waiting for each.
    /// Go's `range`.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use gort::prelude::*;
    /// use gort::signal::{Signal, notify, stop};
    ///
    /// let signals = notify(&[Signal::SIGHUP]);
    /// let reader = go!(clone [signals]; { signals.iter().count() });
    /// stop(&signals);
    /// println!("{} times", reader.join().unwrap());
    /// ```
    pub fn iter(&self) -> SignalsIter<'_> {
        SignalsIter { signals: self }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals { .. }")
    }
}

impl<'a> IntoIterator for &'a Signals {
    type Item = Signal;
    type IntoIter = SignalsIter<'a>;

    fn into_iter(self) -> SignalsIter<'a> {
        self.iter()
    }
}

/// An iterator that receives signals until the receiver is stopped. Returned by [`Signals::iter`].
///
/// ```standalone_crate
/// use gort::signal::{Signal, notify, stop};
///
/// let signals = notify(&[Signal::SIGWINCH]);
/// stop(&signals);
/// for signal in &signals {
///     println!("{signal} came before `stop`");
/// }
/// ```
#[derive(Debug)]
pub struct SignalsIter<'a> {
    signals: &'a Signals,
}

impl Iterator for SignalsIter<'_> {
    type Item = Signal;

    #[track_caller]
    fn next(&mut self) -> Option<Signal> {
        self.signals.recv().ok()
    }
}
