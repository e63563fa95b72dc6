//! `watch`: the latest value, and receivers that learn when it changes. tokio's `sync::watch`.
//!
//! - `value.rs`: the protocol: the value, its readers and its writer.
//! - `borrow.rs`: borrowing the value.

mod borrow;
mod value;

pub use borrow::Ref;
pub use value::ChangedLook;

use crate::channel::RecvError;
use crate::lookout::{LookArm, wait_for};
use crate::prim::{Arc, AtomicU64, Ordering::Relaxed};
use crate::select::Selectable;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use value::Watched;

/// Creates a channel that holds one value, the latest. Each receiver learns that the value has
/// changed, but not how often. This is tokio's `watch::channel`. A Go program uses a mutex and a
/// channel that is closed at each change instead.
///
/// The first value counts as seen.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::watch;
///
/// let (tx, rx) = watch::channel("starting");
/// let watcher = go! {
///     let mut seen = vec![*rx.borrow()];
///     while rx.changed().is_ok() {
///         seen.push(*rx.borrow());
///     }
///     seen
/// };
/// tx.send("running"); // Perhaps no receiver sees this one.
/// tx.send("stopped");
/// drop(tx);
/// assert_eq!(watcher.join().unwrap().last(), Some(&"stopped"));
/// ```
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let watched = Arc::new(Watched::new(value));
    let receiver = Receiver {
        watched: Arc::clone(&watched),
        seen: AtomicU64::new(0),
    };
    (Sender { watched }, receiver)
}

/// Sets the value of a [`channel`]. Clones share the channel. When the last sender is dropped,
/// [`Receiver::changed`] fails.
///
/// ```
/// use gort::sync::watch;
///
/// let (tx, rx) = watch::channel(1);
/// let another: watch::Sender<i32> = tx.clone();
/// another.send(2);
/// assert_eq!((*tx.borrow(), *rx.borrow()), (2, 2));
/// ```
pub struct Sender<T> {
    watched: Arc<Watched<T>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// Replaces the value, and tells all receivers. If there are none, the value is kept for
    /// receivers that [`subscribe`](Self::subscribe) later.
    ///
    /// Waits while the value is borrowed ([`borrow`](Self::borrow)). The old value is dropped after
    /// the new one is in place, without a lock.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::watch;
    ///
    /// let (tx, rx) = watch::channel(1);
    /// drop(rx);
    /// tx.send(2);
    /// assert_eq!(*tx.subscribe().borrow(), 2);
    /// ```
    #[track_caller]
    pub fn send(&self, value: T) {
        let old = self.watched.write(Location::caller()).replace(value);
        drop(old);
    }

    /// Lets `f` change the value in place, and tells all receivers. Waits as [`send`](Self::send)
    /// does. Other users of the channel wait until `f` has ended; if `f` itself looks at the
    /// channel, it waits for ever.
    ///
    /// # Panics
    /// Panics if `f` panics. The value then keeps what `f` has changed, and receivers are not told.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::watch;
    ///
    /// let (tx, rx) = watch::channel(vec![1]);
    /// tx.send_modify(|list| list.push(2));
    /// assert!(rx.changed().is_ok());
    /// assert_eq!(*rx.borrow(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn send_modify(&self, f: impl FnOnce(&mut T)) {
        self.watched.write(Location::caller()).modify(f);
    }

    /// Borrows the value. While the borrow is held, sends wait, but there may be other borrows.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(&self.watched, Location::caller())
    }

    /// Creates a receiver that has seen the present value.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            watched: Arc::clone(&self.watched),
            seen: AtomicU64::new(self.watched.version()),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.watched.one_more_sender();
        Self {
            watched: Arc::clone(&self.watched),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.watched.sender_gone();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}

/// Borrows the value of a [`channel`], and learns when it changes: with [`changed`](Self::changed),
/// or with `<-rx` in `select!`, which returns the same. An arm that is not chosen marks nothing as
/// seen.
///
/// A clone has seen what its source has seen.
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::watch;
///
/// let (tx, rx) = watch::channel(1);
/// tx.send(2);
/// let another = rx.clone();
/// select! {
///     changed = <-rx => assert!(changed.is_ok()),
///     after(Duration::from_secs(10)) => panic!("too slow"),
/// }
/// assert!(another.changed().is_ok(), "it has a mark of its own");
/// ```
pub struct Receiver<T> {
    watched: Arc<Watched<T>>,
    /// The version that the receiver has seen. Changed under the channel's lock; it publishes
    /// nothing.
    seen: AtomicU64,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    /// Borrows the value, without marking it as seen. A loop of `changed` and `borrow` may
    /// therefore see a value twice, but never misses the last one. While the borrow is held, sends
    /// wait, but there may be other borrows.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(&self.watched, Location::caller())
    }

    /// Waits until there is a value that this receiver has not seen, and marks it as seen. Several
    /// new values are one change.
    ///
    /// # Errors
    /// Returns an error if there is no such value and no sender is left. The last value can still
    /// be borrowed.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::watch;
    ///
    /// let (tx, rx) = watch::channel(1);
    /// tx.send(2);
    /// drop(tx);
    /// assert_eq!(rx.changed(), Ok(()));
    /// assert_eq!(rx.changed(), Err(RecvError));
    /// assert_eq!(*rx.borrow(), 2);
    /// ```
    #[track_caller]
    pub fn changed(&self) -> Result<(), RecvError> {
        wait_for(&self.look(), None, Location::caller()).unwrap_or(Err(RecvError))
    }

    fn look(&self) -> ChangedLook<'_, T> {
        ChangedLook::new(&self.watched, &self.seen)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            watched: Arc::clone(&self.watched),
            seen: AtomicU64::new(self.seen.load(Relaxed)),
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

impl<T> Selectable for Receiver<T> {
    type Output = Result<(), RecvError>;
    type Arm<'a>
        = LookArm<ChangedLook<'a, T>, Result<(), RecvError>>
    where
        Self: 'a;

    fn arm(&self) -> Self::Arm<'_> {
        LookArm::new(self.look())
    }

    fn take<'a>(arm: &mut Self::Arm<'a>) -> Result<(), RecvError>
    where
        Self: 'a,
    {
        arm.seen().unwrap_or(Err(RecvError))
    }
}
