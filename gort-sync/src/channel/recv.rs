//! The receiving side of a channel.

use super::at::At;
use super::counter::{Receiving, Share};
use super::done::DoneEvent;
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::hchan::Hchan;
use super::membership::RECEIVE;
use super::ops::Failed;
use super::timer::TimerChan;
use gort_runtime::{
    Current, Home, Nanos, WaitReason, deadline_after, nanos_of, point, wait_for_ever,
};
use std::fmt;
use std::mem;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Receives values from a channel. Go's `<-chan T`.
///
/// Clones share the channel: each value goes to one of them. When the last receiver is dropped,
/// what is buffered is dropped and sends fail.
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(3);
/// for n in 1..=3 {
///     tx.send(n).unwrap();
/// }
/// assert_eq!((rx.len(), rx.capacity()), (3, Some(3)));
/// assert!(rx.is_full());
/// drop(tx);
///
/// let another = rx.clone();
/// assert!(another.same_channel(&rx));
/// assert_eq!(rx.recv(), Ok(1));
/// assert_eq!(another.try_recv(), Ok(2));
/// assert_eq!(rx.iter().collect::<Vec<_>>(), [3]);
/// assert!(rx.is_empty());
/// assert_eq!(rx.recv(), Err(RecvError));
/// ```
pub struct Receiver<T> {
    flavor: Flavor<T>,
}

/// The kind of channel.
enum Flavor<T> {
    Chan(Share<T, Receiving>),
    /// `T` is `Instant`: only [`Receiver::at`] makes these.
    At(Arc<At>),
    /// `T` is `Instant`: only [`Receiver::timer`] makes these.
    Timer(Arc<TimerChan>),
    /// `T` is `()`: only [`Receiver::done`] makes these.
    Done(Arc<DoneEvent>),
    Never,
}

/// What a select needs to know about a receiver.
pub(crate) enum Source<'a, T> {
    Chan(&'a Hchan<T>),
    At(&'a At),
    Timer(&'a TimerChan),
    Done(&'a DoneEvent),
    Never,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl Receiver<Instant> {
    pub(super) fn at(instant: Instant) -> Self {
        Self {
            flavor: Flavor::At(Arc::new(At::new(instant))),
        }
    }

    pub(crate) fn timer(chan: TimerChan) -> Self {
        Self {
            flavor: Flavor::Timer(Arc::new(chan)),
        }
    }
}

impl Receiver<()> {
    /// Creates a receiver of a context's channel.
    pub(crate) fn done(event: Arc<DoneEvent>) -> Self {
        Self {
            flavor: Flavor::Done(event),
        }
    }
}

impl<T> Receiver<T> {
    pub(super) fn new(share: Share<T, Receiving>) -> Self {
        Self {
            flavor: Flavor::Chan(share),
        }
    }

    pub(crate) const fn never() -> Self {
        Self {
            flavor: Flavor::Never,
        }
    }

    pub(crate) fn source(&self) -> Source<'_, T> {
        match &self.flavor {
            Flavor::Chan(share) => Source::Chan(share.chan()),
            Flavor::At(at) => Source::At(at),
            Flavor::Timer(chan) => Source::Timer(chan),
            Flavor::Done(event) => Source::Done(event),
            Flavor::Never => Source::Never,
        }
    }

    /// Receives a value, waiting for one. Go's `<-ch`.
    ///
    /// # Errors
    /// Returns an error if the channel is drained, and either closed or without senders.
    #[track_caller]
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        let site = Location::caller();
        match &self.flavor {
            Flavor::Chan(share) => share.chan().recv(None, site).map_err(|_| RecvError),
            Flavor::Done(event) => {
                self.check_home();
                point::point_of_all("chan receive", site);
                event.wait(None, site);
                Err(RecvError)
            }
            _ => self.recv_timed(None, site).map_err(|_| RecvError),
        }
    }

    /// Panics if only goroutines of another bubble may use this channel. (An ordinary channel
    /// checks that when it takes its lock: `ops.rs`.)
    #[track_caller]
    fn check_home(&self) {
        match &self.flavor {
            Flavor::At(at) => at.home().check(RECEIVE),
            Flavor::Timer(chan) => chan.home().check(RECEIVE),
            Flavor::Done(event) => event.home().check(RECEIVE),
            Flavor::Chan(_) | Flavor::Never => {}
        }
    }

    /// Receives a value if one is there. Go's `select` with a `default`.
    ///
    /// # Errors
    /// Returns `Empty` if no value is there now, and `Disconnected` if none will ever come.
    #[inline]
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.flavor {
            Flavor::Chan(share) => share.chan().try_recv().map_err(|closed| {
                if closed {
                    TryRecvError::Disconnected
                } else {
                    TryRecvError::Empty
                }
            }),
            _ => self.try_recv_timed(),
        }
    }

    #[track_caller]
    fn try_recv_timed(&self) -> Result<T, TryRecvError> {
        self.check_home();
        point::point_of_all("chan receive", Location::caller());
        match &self.flavor {
            Flavor::At(at) => match at.try_take() {
                Some(instant) => Ok(instant_as(instant)),
                None => Err(TryRecvError::Empty),
            },
            Flavor::Timer(chan) => {
                let taken = chan.try_take().map(instant_as);
                taken.ok_or(TryRecvError::Empty)
            }
            Flavor::Done(event) => Err(match event.how() {
                Some(_) => TryRecvError::Disconnected,
                None => TryRecvError::Empty,
            }),
            Flavor::Chan(_) | Flavor::Never => Err(TryRecvError::Empty),
        }
    }

    /// Receives a value, waiting for at most `timeout`.
    ///
    /// # Errors
    /// Returns `Timeout` if no value came in time, or `Disconnected` as [`recv`](Self::recv) does.
    ///
    /// # Examples
    /// ```
    /// use gort::channel::{RecvTimeoutError, bounded};
    /// use std::time::{Duration, Instant};
    ///
    /// let (tx, rx) = bounded(1);
    /// let limit = Duration::from_millis(1);
    /// assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.recv_deadline(Instant::now() + limit), Ok(1));
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(deadline_after(timeout), Location::caller())
    }

    /// Receives a value, waiting until `deadline` at most. A value that is already there is
    /// received even if the deadline has passed.
    ///
    /// # Errors
    /// Returns the errors of [`recv_timeout`](Self::recv_timeout).
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(nanos_of(deadline), Location::caller())
    }

    #[track_caller]
    fn recv_until(
        &self,
        deadline: Nanos,
        site: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        let received = match &self.flavor {
            Flavor::Chan(share) => share.chan().recv(Some(deadline), site),
            Flavor::Done(event) => {
                self.check_home();
                point::point_of_all("chan receive", site);
                Err(event.wait(Some(deadline), site))
            }
            _ => self.recv_timed(Some(deadline), site),
        };
        received.map_err(|failed| match failed {
            Failed::Timeout => RecvTimeoutError::Timeout,
            Failed::Closed | Failed::Exiting | Failed::Refused | Failed::Foreign => {
                RecvTimeoutError::Disconnected
            }
        })
    }

    /// Receives from a kind of channel that has no sender: waits for the clock.
    #[track_caller]
    fn recv_timed(
        &self,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<T, Failed> {
        self.check_home();
        point::point_of_all("chan receive", site);
        let at = match &self.flavor {
            Flavor::At(at) => Some(at),
            Flavor::Timer(chan) => return chan.recv(deadline, site).map(instant_as),
            _ => None,
        };
        loop {
            if let Some(instant) = at.and_then(|at| at.try_take()) {
                return Ok(instant_as(instant));
            }
            if deadline.is_some_and(|deadline| gort_runtime::now() >= deadline) {
                return Err(Failed::Timeout);
            }
            let due = at.and_then(|at| at.due());
            let (home, reason) = match at {
                Some(at) if due.is_some() => (at.home(), WaitReason::ChanReceive),
                // Nothing will ever come, so the channel's home does not matter.
                _ => (Home::here(), WaitReason::ChanReceiveNil),
            };
            let (home, until) = home.limit(due, deadline);
            let Some(until) = until else {
                wait_for_ever(reason)
            };
            let current = Current::new(reason);
            current.waits_for(home);
            // SAFETY: only the timer knows the waiter. It wakes the waiter once, after `always` has
            // told it that it has won. `commit` has nothing to release, and uses nothing.
            unsafe {
                current.park_until(|| true, until, always, std::ptr::null(), reason, site);
            }
        }
    }

    /// Receives a value, waiting for one, and then every further value that is already there, up to
    /// `limit` values in all. Appends them to `into` in the order in which they were sent, and
    /// returns their number. tokio's `recv_many`.
    ///
    /// Returns 0 only if the channel is drained, and either closed or without senders, or if
    /// `limit` is 0, in which case it never waits. `into` is then unchanged.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    ///
    /// let (tx, rx) = bounded(8);
    /// for n in 1..=5 {
    ///     tx.send(n)?;
    /// }
    /// let mut batch = Vec::new();
    /// assert_eq!(rx.recv_many(&mut batch, 3), 3);
    /// assert_eq!(rx.recv_many(&mut batch, 100), 2); // Does not wait for 100.
    /// assert_eq!(batch, [1, 2, 3, 4, 5]);
    /// tx.close();
    /// assert_eq!(rx.recv_many(&mut batch, 100), 0);
    /// # Ok::<(), SendError<i32>>(())
    /// ```
    #[track_caller]
    pub fn recv_many(&self, into: &mut Vec<T>, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        let Ok(first) = self.recv() else { return 0 };
        into.push(first);
        let mut n = 1;
        while n < limit
            && let Ok(value) = self.try_recv()
        {
            into.push(value);
            n += 1;
        }
        n
    }

    /// Closes the channel for all its handles. Senders that wait get their values back, and later
    /// sends fail; what is in the buffer can still be received. So a receiver can stop without
    /// losing a value: each value is either received or given back to its sender. tokio's `close`;
    /// Go has none.
    ///
    /// Returns false if the channel was closed before, by either side, or has lost its senders.
    /// Also returns false for a channel that a clock or a context sends into, which cannot be
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    ///
    /// let (tx, rx) = bounded(2);
    /// tx.send(1)?;
    /// assert!(rx.close());
    /// assert_eq!(tx.send(2), Err(SendError(2)));
    /// assert!(rx.is_closed() && tx.is_closed());
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert_eq!(rx.recv(), Err(RecvError));
    /// # Ok::<(), SendError<i32>>(())
    /// ```
    #[track_caller]
    pub fn close(&self) -> bool {
        match &self.flavor {
            Flavor::Chan(share) => {
                share.chan().home().check("close of a channel");
                point::point("chan close", share.chan(), Location::caller());
                share.chan().close()
            }
            Flavor::At(_) | Flavor::Timer(_) | Flavor::Done(_) | Flavor::Never => false,
        }
    }

    /// Returns true if no value will be sent any more: the channel was closed, by either side, or
    /// has no senders. There may still be values to receive. For a context's channel, returns true
    /// if the context is done.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        point::point_in_drop("is_closed", self);
        point::touch(point::EVERYTHING);
        match &self.flavor {
            Flavor::Chan(share) => share.chan().is_closed(),
            Flavor::Done(event) => event.how().is_some(),
            Flavor::At(_) | Flavor::Timer(_) | Flavor::Never => false,
        }
    }

    /// Returns true if the buffer is empty. This is always true for a rendezvous channel and for a
    /// timer channel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the buffer is full. This is always true for a rendezvous channel and for a
    /// timer channel.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// Returns the number of values in the buffer. Go's `len`.
    #[must_use]
    pub fn len(&self) -> usize {
        point::point_in_drop("len", self);
        point::touch(point::EVERYTHING);
        match &self.flavor {
            Flavor::Chan(share) => share.chan().len(),
            Flavor::At(_) | Flavor::Timer(_) | Flavor::Done(_) | Flavor::Never => 0,
        }
    }

    /// Returns the buffer's capacity, or `None` if the channel is unbounded. Go's `cap`.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            Flavor::Chan(share) => share.chan().capacity(),
            Flavor::At(_) | Flavor::Timer(_) | Flavor::Done(_) | Flavor::Never => Some(0),
        }
    }

    /// Returns true if both receive from the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.flavor, &other.flavor) {
            (Flavor::Chan(a), Flavor::Chan(b)) => a.same(b),
            (Flavor::At(a), Flavor::At(b)) => Arc::ptr_eq(a, b),
            (Flavor::Timer(a), Flavor::Timer(b)) => Arc::ptr_eq(a, b),
            (Flavor::Done(a), Flavor::Done(b)) => Arc::ptr_eq(a, b),
            (Flavor::Never, Flavor::Never) => true,
            _ => false,
        }
    }
}

/// Returns the message of a timer channel, whose `T` is `Instant`.
pub(crate) fn instant_as<T>(instant: Instant) -> T {
    // SAFETY: this is called only for the messages of `Flavor::At` and `Flavor::Timer`, which exist
    // only in a `Receiver<Instant>`. So `T` is `Instant`, which is `Copy`. The sizes are compared
    // in order to make a mistake here visible.
    unsafe {
        assert!(size_of::<T>() == size_of::<Instant>());
        mem::transmute_copy(&instant)
    }
}

/// Tells the timer of a wait that it has won: nothing else ends the wait.
unsafe fn always(_: *const ()) -> bool {
    true
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let flavor = match &self.flavor {
            Flavor::Chan(share) => Flavor::Chan(share.clone()),
            Flavor::At(at) => Flavor::At(Arc::clone(at)),
            Flavor::Timer(chan) => Flavor::Timer(Arc::clone(chan)),
            Flavor::Done(event) => Flavor::Done(Arc::clone(event)),
            Flavor::Never => Flavor::Never,
        };
        Self { flavor }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}
