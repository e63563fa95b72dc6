//! The sending side of a channel.

use super::counter::{Sending, Share};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::hchan::Hchan;
use super::ops::Failed;
use gort_runtime::{Nanos, deadline_after, nanos_of, point};
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// Sends values into a channel. Go's `chan<- T`.
///
/// Clones share the channel. When the last sender is dropped, receivers drain what is buffered and
/// then see the end, as after [`close`](Self::close).
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(2);
/// let another = tx.clone();
/// assert!(another.same_channel(&tx));
/// tx.send(1)?;
/// another.send(2)?;
/// assert!(tx.try_send(3).is_err(), "nobody has received, and there is room for two");
/// assert_eq!((tx.len(), tx.capacity()), (2, Some(2)));
/// assert!(tx.is_full() && !tx.is_empty());
///
/// tx.close();
/// assert_eq!(another.send(3), Err(SendError(3)));
/// assert_eq!(rx.iter().collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), SendError<i32>>(())
/// ```
pub struct Sender<T> {
    share: Share<T, Sending>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    pub(super) fn new(share: Share<T, Sending>) -> Self {
        Self { share }
    }

    pub(crate) fn chan(&self) -> &Hchan<T> {
        self.share.chan()
    }

    /// Sends `value`, waiting for room or, on a rendezvous channel, for a receiver.
    /// Go's `ch <- value`.
    ///
    /// # Errors
    /// Returns an error if the channel is closed or has no receivers, or if either happens while
    /// the call waits. The error carries the value. (Go panics.)
    #[track_caller]
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.chan()
            .send(value, Location::caller())
            .map_err(SendError)
    }

    /// Sends `value` if that is possible without waiting. Go's `select` with a `default`.
    ///
    /// # Errors
    /// Returns `Full` if the call would have to wait, or `Disconnected` if the channel is closed or
    /// has no receivers. Both carry the value.
    #[inline]
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.chan().try_send(value).map_err(|(value, closed)| {
            if closed {
                TrySendError::Disconnected(value)
            } else {
                TrySendError::Full(value)
            }
        })
    }

    /// Sends `value`, waiting for at most `timeout`.
    ///
    /// # Errors
    /// Returns `Timeout` if the value could not be sent in time, or `Disconnected` as
    /// [`send`](Self::send) does. Both carry the value.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use std::time::Instant;
    ///
    /// let (tx, _rx) = bounded(1);
    /// let limit = Duration::from_millis(1);
    /// assert!(tx.send_timeout(1, limit).is_ok());
    /// assert!(tx.send_timeout(2, limit).unwrap_err().is_timeout());
    /// assert!(tx.send_deadline(2, Instant::now() + limit).is_err());
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(value, deadline_after(timeout), Location::caller())
    }

    /// Sends `value`, waiting until `deadline` at most.
    ///
    /// # Errors
    /// Returns the errors of [`send_timeout`](Self::send_timeout).
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(value, nanos_of(deadline), Location::caller())
    }

    fn send_until(
        &self,
        value: T,
        deadline: Nanos,
        site: &'static Location<'static>,
    ) -> Result<(), SendTimeoutError<T>> {
        self.chan()
            .send_until(value, deadline, site)
            .map_err(|(value, failed)| match failed {
                Failed::Timeout => SendTimeoutError::Timeout(value),
                Failed::Closed | Failed::Exiting | Failed::Refused | Failed::Foreign => {
                    SendTimeoutError::Disconnected(value)
                }
            })
    }

    /// Closes the channel for all its handles. Sends that wait fail, and so do later ones.
    /// Receivers drain what is buffered and then see the end. Go's `close`. A receiver can do the
    /// same with [`Receiver::close`](super::Receiver::close).
    ///
    /// Returns false if the channel was closed before, by either side, or has lost its receivers.
    /// (Go panics.)
    ///
    /// ```
    /// use gort::prelude::*;
    ///
    /// let (tx, rx) = bounded::<()>(0);
    /// let waits = go!(clone [rx]; { rx.recv() });
    /// assert!(tx.close(), "wakes all who receive");
    /// assert_eq!(waits.join().unwrap(), Err(RecvError));
    /// assert!(!tx.close(), "it is closed");
    /// ```
    #[track_caller]
    pub fn close(&self) -> bool {
        self.chan().home().check("close of a channel");
        point::point("chan close", self.chan(), Location::caller());
        self.chan().close()
    }

    /// Returns true if sends fail for good: the channel was closed, by either side, or has no
    /// receivers.
    ///
    /// ```
    /// use gort::prelude::*;
    ///
    /// let (tx, rx) = bounded(1);
    /// let another = rx.clone();
    /// drop(rx);
    /// assert!(!tx.is_closed(), "there is another receiver");
    /// drop(another);
    /// assert!(tx.is_closed());
    /// # tx.try_send(1).unwrap_err();
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        point::point_in_drop("is_closed", self.chan());
        self.chan().is_closed()
    }

    /// Returns true if the buffer is empty. This is always true for a rendezvous channel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the buffer is full. This is always true for a rendezvous channel.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// Returns the number of values in the buffer. Go's `len`.
    #[must_use]
    pub fn len(&self) -> usize {
        point::point_in_drop("len", self.chan());
        self.chan().len()
    }

    /// Returns the buffer's capacity, or `None` if the channel is unbounded. Go's `cap`.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.chan().capacity()
    }

    /// Returns true if both send into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.share.same(&other.share)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            share: self.share.clone(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}
