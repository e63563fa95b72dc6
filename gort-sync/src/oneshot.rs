//! `oneshot`: a channel for one value. tokio's `sync::oneshot`.
//!
//! Everything is under one lock (`waitlock.rs`). The waiting is done by `lookout.rs`.
//!
//! # Invariants
//! 1. The channel begins as `Open`. The sender's last act changes that to `Sent`, or to `Ended` if
//!    the sender is dropped without sending. If the receiver has `Left`, that act changes nothing.
//! 2. `Sent` contains the value; the receive that takes the value out leaves `Ended`.
//! 3. `Left` is set only by the drop of the receiver, which takes the value with it. So a value
//!    that `send` reported as sent is dropped on the receiver's side, and never in `send`.
//! 4. No waiter is queued unless the channel is `Open`.
//!
//! # Why a send and the drop of the receiver do not lose the value
//! Both take the lock. If the send is first, the drop finds the value, and drops it after releasing
//! the lock. If the drop is first, the send finds `Left`, and gives the value back.

use crate::channel::{RecvError, SendError};
use crate::lookout::{LookArm, Lookout, wait_for};
use crate::prim::Arc;
use crate::select::Selectable;
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Home, WaitReason, point};
use std::fmt;
use std::mem;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

/// Creates a channel for one value. Sending never waits. This is tokio's `oneshot::channel`. A Go
/// program uses `make(chan T, 1)` instead.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::oneshot;
///
/// let (tx, rx) = oneshot::channel();
/// go! { tx.send("done").unwrap() };
/// assert_eq!(rx.recv(), Ok("done"));
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(OneshotShared {
        state: WaitLock::new(
            Home::here(),
            Oneshot {
                progress: Progress::Open,
                waiters: WaitQueue::new(),
            },
        ),
    });
    let sender = Sender {
        shared: Some(Arc::clone(&shared)),
    };
    (sender, Receiver { shared })
}

/// The progress of the channel.
enum Progress<T> {
    /// Nothing has been sent.
    Open,
    Sent(T),
    /// No value will come: it was received, or the sender was dropped without sending.
    Ended,
    /// The receiver was dropped.
    Left,
}

/// What the lock protects.
pub(crate) struct Oneshot<T> {
    progress: Progress<T>,
    waiters: WaitQueue,
}

struct OneshotShared<T> {
    state: WaitLock<Oneshot<T>>,
}

impl<T> OneshotShared<T> {
    /// Ends the sender's side by storing `with`, if the channel is still open. Otherwise gives
    /// `with` back.
    fn end(&self, with: Progress<T>) -> Result<(), Progress<T>> {
        let wakes = Wakes::new();
        let mut inside = self.state.lock();
        if !matches!(inside.progress, Progress::Open) {
            return Err(with);
        }
        inside.progress = with;
        inside.waiters.take_all(&wakes);
        drop(inside);
        wakes.wake_all();
        Ok(())
    }
}

/// Sends the one value.
///
/// If the sender is dropped without sending, even by a panic or `goexit`, the receiver is woken
/// with an error.
///
/// ```
/// use gort::channel::RecvError;
/// use gort::sync::oneshot;
///
/// let (tx, rx) = oneshot::channel::<i32>();
/// drop(tx);
/// assert_eq!(rx.recv(), Err(RecvError));
/// ```
pub struct Sender<T> {
    /// `None` once the sender has sent.
    shared: Option<Arc<OneshotShared<T>>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// Sends `value`. Never waits, whether or not the receiver already waits.
    ///
    /// # Errors
    /// Returns an error if the receiver was dropped; the error carries the value. After `Ok` the
    /// value belongs to the receiver, which also drops it.
    ///
    /// # Examples
    /// ```
    /// use gort::channel::SendError;
    /// use gort::sync::oneshot;
    ///
    /// let (tx, rx) = oneshot::channel();
    /// drop(rx);
    /// assert_eq!(tx.send(1), Err(SendError(1)));
    /// ```
    #[track_caller]
    pub fn send(mut self, value: T) -> Result<(), SendError<T>> {
        point::point_of_all("oneshot send", Location::caller());
        let Some(shared) = self.shared.take() else {
            unreachable!("`send` takes the sender")
        };
        match shared.end(Progress::Sent(value)) {
            Err(Progress::Sent(value)) => Err(SendError(value)),
            _ => Ok(()),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            point::touch(point::EVERYTHING);
            // `end` fails if the receiver was dropped. Then there is no receiver to wake.
            drop(shared.end(Progress::Ended));
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}

/// Receives the one value, with [`recv`](Self::recv) or with `<-rx` in `select!`.
///
/// An arm takes the receiver by reference, so that a receiver whose arm was not chosen can be used
/// again. Once the value has been received, the arm is ready with [`RecvError`].
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::oneshot;
///
/// let (tx, rx) = oneshot::channel();
/// let early = select! { v = <-rx => v.ok(), default => None };
/// assert_eq!(early, None);
/// tx.send(1).unwrap();
/// assert_eq!(select! { v = <-rx => v }, Ok(1));
/// assert_eq!(select! { v = <-rx => v }, Err(RecvError));
/// ```
pub struct Receiver<T> {
    shared: Arc<OneshotShared<T>>,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    /// Receives the value, waiting for it.
    ///
    /// # Errors
    /// Returns an error if the sender was dropped without sending, or if a `select!` has received
    /// the value.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::oneshot;
    ///
    /// let (tx, rx) = oneshot::channel();
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.recv(), Ok(1));
    /// ```
    #[track_caller]
    pub fn recv(self) -> Result<T, RecvError> {
        let seen = wait_for(&OneshotLook(&self.shared), None, Location::caller());
        seen.unwrap_or(Err(RecvError))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        point::touch(point::EVERYTHING);
        let left = mem::replace(&mut self.shared.state.lock().progress, Progress::Left);
        // This is dropped after the lock is released: the value's destructor is user code.
        drop(left);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

/// Looks for the value.
pub struct OneshotLook<'a, T>(&'a OneshotShared<T>);

impl<T> fmt::Debug for OneshotLook<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneshotLook { .. }")
    }
}

impl<T> Lookout for OneshotLook<'_, T> {
    type Inside = Oneshot<T>;
    type Seen = Result<T, RecvError>;

    const REASON: WaitReason = WaitReason::OneshotReceive;

    fn state(&self) -> &WaitLock<Oneshot<T>> {
        &self.0.state
    }

    fn queue(inside: &mut Oneshot<T>) -> &mut WaitQueue {
        &mut inside.waiters
    }

    fn look(&self, inside: &mut Oneshot<T>) -> Option<Result<T, RecvError>> {
        match mem::replace(&mut inside.progress, Progress::Ended) {
            Progress::Sent(value) => Some(Ok(value)),
            Progress::Open => {
                inside.progress = Progress::Open;
                None
            }
            Progress::Ended | Progress::Left => Some(Err(RecvError)),
        }
    }
}

impl<T> Selectable for Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm<'a>
        = LookArm<OneshotLook<'a, T>, Result<T, RecvError>>
    where
        Self: 'a;

    fn arm(&self) -> Self::Arm<'_> {
        LookArm::new(OneshotLook(&self.shared))
    }

    fn take<'a>(arm: &mut Self::Arm<'a>) -> Result<T, RecvError>
    where
        Self: 'a,
    {
        arm.seen().unwrap_or(Err(RecvError))
    }
}
