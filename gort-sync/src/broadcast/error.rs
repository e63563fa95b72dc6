//! The error of a receive.

use std::error::Error;
use std::fmt;

/// Why [`Receiver::recv`](super::Receiver::recv) returns no value.
///
/// ```
/// use gort::sync::broadcast::{self, RecvError};
///
/// let (tx, rx) = broadcast::channel::<i32>(1);
/// drop(tx);
/// assert_eq!(rx.recv(), Err(RecvError::Closed));
/// assert_eq!(RecvError::Lagged(2).to_string(), "too slow: 2 values were lost");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// This number of values was dropped before this receiver got them. The receiver stays
    /// subscribed, and continues with the oldest value that is kept.
    Lagged(u64),
    /// The receiver has got all values, and no sender is left.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(n) => write!(f, "too slow: {n} values were lost"),
            Self::Closed => f.write_str("all senders are gone"),
        }
    }
}

impl Error for RecvError {}
