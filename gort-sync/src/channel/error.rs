//! The errors of channel operations: one small type per operation. A failed send gives its value
//! back.

use std::error::Error;
use std::fmt;

/// The error of a send: the channel is closed or has no receivers. Carries the value that was not
/// sent.
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(1);
/// drop(rx);
/// let error = tx.send("a value").unwrap_err();
/// assert_eq!(error, SendError("a value"));
/// assert_eq!(error.into_inner(), "a value");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// The error of [`try_send`](super::Sender::try_send). Carries the value that was not sent.
///
/// ```
/// use gort::channel::bounded;
///
/// let (tx, rx) = bounded(1);
/// tx.send(1).unwrap();
/// let error = tx.try_send(2).unwrap_err();
/// assert!(error.is_full() && !error.is_disconnected());
/// assert_eq!(error.into_inner(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel is full, or it is a rendezvous channel and no receiver waits.
    Full(T),
    /// The channel is closed or has no receivers.
    Disconnected(T),
}

/// The error of a send with a time limit. Carries the value that was not sent.
///
/// ```
/// use gort::channel::bounded;
/// use std::time::Duration;
///
/// let (tx, rx) = bounded(0);
/// let error = tx.send_timeout(1, Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_timeout());
/// drop(rx);
/// let error = tx.send_timeout(error.into_inner(), Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_disconnected());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time limit was reached.
    Timeout(T),
    /// The channel is closed or has no receivers.
    Disconnected(T),
}

/// The error of a receive: the channel is drained, and either closed or without senders.
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(1);
/// tx.send(1).unwrap();
/// tx.close();
/// assert_eq!(rx.recv(), Ok(1));
/// assert_eq!(rx.recv(), Err(RecvError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// The error of [`try_recv`](super::Receiver::try_recv).
///
/// ```
/// use gort::channel::{TryRecvError, bounded};
///
/// let (tx, rx) = bounded::<i32>(1);
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
/// assert!(rx.try_recv().unwrap_err().is_empty());
/// drop(tx);
/// assert!(rx.try_recv().unwrap_err().is_disconnected());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// The channel is empty at the moment.
    Empty,
    /// The channel is drained, and either closed or without senders.
    Disconnected,
}

/// The error of a receive with a time limit.
///
/// ```
/// use gort::channel::bounded;
/// use std::time::Duration;
///
/// let (tx, rx) = bounded::<i32>(1);
/// let error = rx.recv_timeout(Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_timeout());
/// drop(tx);
/// let error = rx.recv_timeout(Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_disconnected());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time limit was reached.
    Timeout,
    /// The channel is drained, and either closed or without senders.
    Disconnected,
}

/// The error of [`try_select`](super::Select::try_select): every operation would have to wait.
///
/// ```
/// use gort::channel::{Select, TrySelectError, bounded};
///
/// let (_tx, rx) = bounded::<i32>(1);
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.try_select().err(), Some(TrySelectError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrySelectError;

/// The error of a select with a time limit: the limit was reached before any operation was
/// possible.
///
/// ```
/// use gort::channel::{Select, SelectTimeoutError, bounded};
/// use std::time::Duration;
///
/// let (_tx, rx) = bounded::<i32>(1);
/// let mut select = Select::new();
/// select.recv(&rx);
/// let chosen = select.select_timeout(Duration::from_millis(1));
/// assert_eq!(chosen.err(), Some(SelectTimeoutError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectTimeoutError;

/// The error of [`try_ready`](super::Select::try_ready): no operation is ready now.
///
/// ```
/// use gort::channel::{Select, TryReadyError, bounded};
///
/// let (_tx, rx) = bounded::<i32>(1);
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.try_ready(), Err(TryReadyError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryReadyError;

/// The error of a `ready` call with a time limit: the limit was reached before any operation was
/// ready.
///
/// ```
/// use gort::channel::{ReadyTimeoutError, Select, bounded};
/// use std::time::Duration;
///
/// let (_tx, rx) = bounded::<i32>(1);
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.ready_timeout(Duration::from_millis(1)), Err(ReadyTimeoutError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyTimeoutError;

const CLOSED_TO_SENDS: &str = "sending on a closed or disconnected channel";
const CLOSED_TO_RECEIVES: &str = "receiving on an empty and closed or disconnected channel";

impl<T> SendError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Disconnected(value) => value,
        }
    }

    /// Returns true if there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Returns true if the channel is closed or has no receivers.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(value) | Self::Disconnected(value) => value,
        }
    }

    /// Returns true if the time limit was reached.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Returns true if the channel is closed or has no receivers.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl TryRecvError {
    /// Returns true if the channel was empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::Empty
    }

    /// Returns true if the channel is drained, and either closed or without senders.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        *self == Self::Disconnected
    }
}

impl RecvTimeoutError {
    /// Returns true if the time limit was reached.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        *self == Self::Timeout
    }

    /// Returns true if the channel is drained, and either closed or without senders.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        *self == Self::Disconnected
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED_TO_SENDS)
    }
}

impl<T> Error for SendError<T> {}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "sending on a full channel",
            Self::Disconnected(_) => CLOSED_TO_SENDS,
        })
    }
}

impl<T> Error for TrySendError<T> {}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "timed out waiting on send operation",
            Self::Disconnected(_) => CLOSED_TO_SENDS,
        })
    }
}

impl<T> Error for SendTimeoutError<T> {}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED_TO_RECEIVES)
    }
}

impl Error for RecvError {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving on an empty channel",
            Self::Disconnected => CLOSED_TO_RECEIVES,
        })
    }
}

impl Error for TryRecvError {}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out waiting on receive operation",
            Self::Disconnected => CLOSED_TO_RECEIVES,
        })
    }
}

impl Error for RecvTimeoutError {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(SendError(value): SendError<T>) -> Self {
        Self::Disconnected(value)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(SendError(value): SendError<T>) -> Self {
        Self::Disconnected(value)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(RecvError: RecvError) -> Self {
        Self::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(RecvError: RecvError) -> Self {
        Self::Disconnected
    }
}

/// Implements `Display` and `Error` for the errors of `Select`, which carry nothing.
macro_rules! plain_errors {
    ($($name:ident: $text:literal),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl Error for $name {}
    )*};
}

plain_errors!(
    TrySelectError: "all operations in select would block",
    SelectTimeoutError: "timed out waiting on select",
    TryReadyError: "all operations in select would block",
    ReadyTimeoutError: "timed out waiting on select"
);
