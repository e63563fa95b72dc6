//! `watch`: the latest value, and who wants to know when it changes. tokio's `sync::watch`.
//!
//! - `value.rs`: the value, who looks at it and who changes it: the protocol.
//! - `borrow.rs`: looking at it.

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

/// A channel that holds one value, the latest. Each receiver learns that it has changed, not how often. tokio's
/// `watch::channel`; in Go, a mutex and a channel that is closed at each change.
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
/// tx.send("running"); // Perhaps nobody sees that one.
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

/// Sets the value of a [`channel`]. Clones share it; when the last one is gone, [`Receiver::changed`] fails.
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
    /// Replaces the value, and tells all receivers. Without any it is kept for those that will
    /// [`subscribe`](Self::subscribe).
    ///
    /// Waits while somebody looks at the value ([`borrow`](Self::borrow)). The old value is dropped when the new one is there, under
    /// no lock.
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

    /// Has `f` change the value where it is, and tells all receivers. Waits as [`send`](Self::send) does, and others
    /// wait until `f` has ended; if `f` itself looks at the channel it waits for ever.
    ///
    /// # Panics
    /// If `f` does: what it has changed stays changed, and nobody is told.
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

    /// Looks at the value. While the result is held sends wait; others may look as well.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(&self.watched, Location::caller())
    }

    /// One more receiver, which has seen the value that is there now.
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

/// Looks at the value of a [`channel`], and learns when it changes: by [`changed`](Self::changed), or by `<-rx` in
/// `select!`, which gives the same. An arm that is not chosen marks nothing as seen.
///
/// A clone has seen what its source has.
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
    /// The version that it has seen. Changed under the channel's lock; it publishes nothing.
    seen: AtomicU64,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    /// Looks at the value, without marking it as seen: a loop of `changed` and `borrow` may see one value twice, and
    /// never misses the last. While the result is held sends wait; others may look as well.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(&self.watched, Location::caller())
    }

    /// Waits until there is a value that this receiver has not seen, and marks it as seen. However many there were, this is
    /// one change.
    ///
    /// # Errors
    /// If there is none and all senders are gone. The last value can still be looked at.
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
