//! `broadcast`: every receiver gets every value, unless it is too slow. tokio's `sync::broadcast`.
//!
//! - `kept.rs`: the protocol: the values that are kept, and how many receivers have yet to get
//!   them.
//! - `error.rs`: the error of a receive.

mod error;
mod kept;

pub use error::RecvError;
pub use kept::{Got, NextLook};

use crate::channel::SendError;
use crate::lookout::{LookArm, wait_for};
use crate::prim::{Arc, AtomicU64};
use crate::select::Selectable;
use gort_runtime::point;
use kept::Shared;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

/// Creates a channel in which each receiver gets a clone of every value that was sent since it
/// subscribed. The channel keeps the last `cap` values for receivers that have not got them yet. A
/// receiver that is slower than that loses values, and is told how many. tokio's
/// `broadcast::channel`, except that the capacity is exact.
///
/// # Panics
/// Panics if `cap` is 0.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::broadcast;
///
/// let (tx, rx) = broadcast::channel(16);
/// let (one, other) = (tx.subscribe(), rx);
/// let counts = [one, other].map(|rx| go! {
///     let mut sum = 0;
///     while let Ok(n) = rx.recv() {
///         sum += n;
///     }
///     sum
/// });
/// for n in 1..=3 {
///     assert_eq!(tx.send(n), Ok(2));
/// }
/// drop(tx);
/// assert_eq!(counts.map(|handle| handle.join().unwrap()), [6, 6]);
/// ```
#[must_use]
pub fn channel<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        cap != 0,
        "a broadcast channel needs a capacity of at least 1"
    );
    let shared = Arc::new(Shared::new(cap));
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        next: AtomicU64::new(0),
    };
    (Sender { shared }, receiver)
}

/// Sends to all receivers of a [`channel`]. Clones share the channel. When the last sender is
/// dropped, receivers get what is kept for them, and then [`RecvError::Closed`].
///
/// ```
/// use gort::sync::broadcast;
///
/// let (tx, rx) = broadcast::channel(1);
/// let another: broadcast::Sender<i32> = tx.clone();
/// assert_eq!(another.send(1), Ok(1));
/// assert_eq!(rx.recv(), Ok(1));
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// Sends `value` to all present receivers, and returns their number. Never waits: if the
    /// channel is full, the oldest value is dropped, and receivers that have not got it lose it.
    ///
    /// # Errors
    /// Returns an error if there are no receivers; the error carries the value. Sending is possible
    /// again after a [`subscribe`](Self::subscribe).
    ///
    /// # Examples
    /// ```
    /// use gort::channel::SendError;
    /// use gort::sync::broadcast;
    ///
    /// let (tx, rx) = broadcast::channel(1);
    /// assert_eq!(tx.send("to one"), Ok(1));
    /// drop(rx);
    /// assert_eq!(tx.send("to nobody"), Err(SendError("to nobody")));
    /// ```
    #[track_caller]
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        point::point_of_all("broadcast send", Location::caller());
        self.shared.send(value).map_err(SendError)
    }

    /// Creates a receiver that gets all values sent from now on.
    ///
    /// ```
    /// use gort::sync::broadcast;
    ///
    /// let (tx, early) = broadcast::channel(2);
    /// tx.send(1)?;
    /// let late = tx.subscribe();
    /// tx.send(2)?;
    /// assert_eq!((early.recv(), early.recv()), (Ok(1), Ok(2)));
    /// assert_eq!(late.recv(), Ok(2));
    /// # Ok::<(), gort::channel::SendError<i32>>(())
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            next: AtomicU64::new(self.shared.one_more_receiver()),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.one_more_sender();
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.sender_gone();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}

/// Receives all values of a [`channel`], with [`recv`](Self::recv) or with `<-rx` in `select!`,
/// which return the same. All receivers see the values in the same order.
///
/// Two receivers may clone one value at the same time, so the value is shared between threads.
/// Hence receivers can move to other goroutines only if `T: Sync`.
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::broadcast;
///
/// let (tx, rx) = broadcast::channel(1);
/// tx.send(1).unwrap();
/// select! {
///     n = <-rx => assert_eq!(n, Ok(1)),
///     default => unreachable!(),
/// }
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the receiver's next value. It changes under the channel's lock, and publishes
    /// nothing.
    next: AtomicU64,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T: Clone> Receiver<T> {
    /// Receives the next value, waiting for it. If `T::clone` panics, this receiver loses the
    /// value; others do not.
    ///
    /// # Errors
    /// Returns [`Lagged`](RecvError::Lagged) if values were dropped before this receiver got them.
    /// The error says how many; after it, the receiver continues with the oldest value that is
    /// kept. Returns [`Closed`](RecvError::Closed) if the receiver has got all values and no sender
    /// is left.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::broadcast::{self, RecvError};
    ///
    /// let (tx, rx) = broadcast::channel(2);
    /// for n in 1..=5 {
    ///     tx.send(n)?;
    /// }
    /// drop(tx);
    /// assert_eq!(rx.recv(), Err(RecvError::Lagged(3)));
    /// assert_eq!((rx.recv(), rx.recv()), (Ok(4), Ok(5)));
    /// assert_eq!(rx.recv(), Err(RecvError::Closed));
    /// # Ok::<(), gort::channel::SendError<i32>>(())
    /// ```
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        let got = wait_for(&self.look(), None, Location::caller());
        got.unwrap_or(Err(RecvError::Closed)).map(Got::cloned)
    }
}

impl<T> Receiver<T> {
    fn look(&self) -> NextLook<'_, T> {
        NextLook::new(&self.shared, &self.next)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        point::touch(point::EVERYTHING);
        self.shared.receiver_gone(&self.next);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

impl<T: Clone> Selectable for Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm<'a>
        = LookArm<NextLook<'a, T>, Result<Got<T>, RecvError>>
    where
        Self: 'a;

    fn arm(&self) -> Self::Arm<'_> {
        LookArm::new(self.look())
    }

    fn take<'a>(arm: &mut Self::Arm<'a>) -> Result<T, RecvError>
    where
        Self: 'a,
    {
        let got = arm.seen().unwrap_or(Err(RecvError::Closed));
        got.map(Got::cloned)
    }
}
