//! `Semaphore`: a number of permits, given out in the order of the requests. Go's
//! `golang.org/x/sync/semaphore`.
//!
//! - `sema.rs`: the permits, the queue, and when the memory is freed.
//! - `wait.rs`: waiting for permits.
//! - `permit.rs`: the guard that holds permits.
//! - `arm.rs`: acquiring in a `select!`.

mod arm;
mod permit;
mod sema;
mod wait;

pub use arm::{AcquireArm, AcquireRequest};
pub use permit::Permit;

use gort_runtime::{deadline_after, point};
use sema::{Refused, Sema};
use std::error::Error;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::time::Duration;

/// The message of the panic when a caller acquires from a closed semaphore.
const CLOSED: &str = "the semaphore is closed";

/// A number of permits. A caller acquires one or more at a time. Clones share the permits.
///
/// Requests are served strictly in their order. If too few permits are available for a request, it
/// waits, and all requests behind it wait too, however small they are. So no request starves. There
/// is one exception: a request for more permits than exist (available and out together) does not
/// make other requests wait. It waits until [`add_permits`](Self::add_permits) has created enough,
/// perhaps for ever. Go's `semaphore.Weighted`.
///
/// ```
/// use gort::sync::Semaphore;
///
/// let semaphore = Semaphore::new(3);
/// let two = semaphore.acquire(2);
/// assert!(semaphore.try_acquire(2).is_err());
/// drop(two);
/// assert_eq!(semaphore.available_permits(), 3);
/// ```
pub struct Semaphore {
    sema: NonNull<Sema>,
}

// SAFETY: a handle gives access to a `Sema`, which is Send and Sync, and may be the handle that
// drops it.
unsafe impl Send for Semaphore {}
// SAFETY: a shared handle gives access to a `Sema`, which is Sync. It can also be cloned into a
// handle that drops the `Sema`, which is Send.
unsafe impl Sync for Semaphore {}
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

/// The error of [`Semaphore::try_acquire`] and [`Semaphore::acquire_timeout`].
///
/// ```
/// use gort::sync::{AcquireError, Semaphore};
///
/// let none = Semaphore::new(0);
/// assert_eq!(none.try_acquire(1).unwrap_err(), AcquireError::WouldBlock);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// Too few permits are available, or other requests wait for them.
    WouldBlock,
    /// The time limit was reached.
    Timeout,
    /// The semaphore is closed.
    Closed,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldBlock => "too few permits are available",
            Self::Timeout => "timed out waiting for permits",
            Self::Closed => CLOSED,
        })
    }
}

impl Error for AcquireError {}

impl From<Refused> for AcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotNow => Self::WouldBlock,
            Refused::Timeout => Self::Timeout,
            Refused::Closed => Self::Closed,
        }
    }
}

impl Semaphore {
    /// The maximum number of permits of a semaphore.
    pub const MAX_PERMITS: usize = sema::MAX;

    /// Creates a semaphore with `n` permits.
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { sema: Sema::new(n) }
    }

    fn sema(&self) -> &Sema {
        // SAFETY: a `Sema` exists while it has handles, and this is one (invariant 5 in `sema.rs`).
        unsafe { self.sema.as_ref() }
    }

    /// Acquires `n` permits, waiting until they are available and all earlier requests have been
    /// served. Go's `Acquire`.
    ///
    /// # Panics
    /// Panics if the semaphore is closed, or is closed while the call waits.
    #[track_caller]
    #[inline]
    pub fn acquire(&self, n: usize) -> Permit {
        let sema = self.sema();
        point::point("semacquire", sema, Location::caller());
        if !sema.try_take(n)
            && let Err(refused) = sema.acquire_slow(n, None, Location::caller())
        {
            panic!("{}", AcquireError::from(refused));
        }
        // SAFETY: `n` permits were taken above for this `Permit`, since nothing was refused.
        unsafe { Permit::new(self, n) }
    }

    /// Acquires `n` permits if they are available and no other request waits. Go's `TryAcquire`.
    ///
    /// # Errors
    /// Returns `WouldBlock` or `Closed`.
    #[inline]
    #[track_caller]
    pub fn try_acquire(&self, n: usize) -> Result<Permit, AcquireError> {
        point::point("try_acquire", self.sema(), Location::caller());
        self.sema().try_acquire(n)?;
        // SAFETY: `n` permits were taken above for this `Permit`, since nothing was refused.
        Ok(unsafe { Permit::new(self, n) })
    }

    /// Acquires `n` permits, waiting for at most `timeout`. After a request has given up, the
    /// requests behind it no longer wait for it.
    ///
    /// # Errors
    /// Returns `Timeout` or `Closed`.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{AcquireError, Semaphore};
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(1);
    /// let _one = semaphore.acquire(1);
    /// let another = semaphore.acquire_timeout(1, Duration::from_millis(1));
    /// assert_eq!(another.unwrap_err(), AcquireError::Timeout);
    /// ```
    #[track_caller]
    pub fn acquire_timeout(&self, n: usize, timeout: Duration) -> Result<Permit, AcquireError> {
        let sema = self.sema();
        point::point_of_all("semacquire", Location::caller());
        if !sema.try_take(n) {
            sema.acquire_slow(n, Some(deadline_after(timeout)), Location::caller())?;
        }
        // SAFETY: `n` permits were taken above for this `Permit`, since nothing was refused.
        Ok(unsafe { Permit::new(self, n) })
    }

    /// Returns a request for `n` permits, to be used to the right of `<-` in `select!`. The arm's
    /// value is the [`Permit`]. The arm waits in the same queue as all other requests. An arm that
    /// is not chosen has acquired nothing. If the semaphore is closed, the arm is ready, and
    /// choosing it panics.
    ///
    /// ```
    /// use gort::context::Context;
    /// use gort::prelude::*;
    /// use gort::sync::{Permit, Semaphore};
    ///
    /// fn acquire(ctx: &Context, semaphore: &Semaphore) -> Option<Permit> {
    ///     select! {
    ///         permit = <-semaphore.acquire_request(1) => Some(permit),
    ///         <-ctx => None,
    ///     }
    /// }
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel();
    /// assert!(acquire(&ctx, &Semaphore::new(0)).is_none());
    /// ```
    pub fn acquire_request(&self, n: usize) -> AcquireRequest<'_> {
        AcquireRequest::new(self, n)
    }

    /// Creates `n` more permits.
    ///
    /// # Panics
    /// Panics if there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS) permits, available and
    /// out.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::Semaphore;
    ///
    /// let ready = Semaphore::new(0);
    /// let waits = go!(clone [ready]; { ready.acquire(2).forget() });
    /// ready.add_permits(2);
    /// waits.join().unwrap();
    /// assert_eq!(ready.available_permits(), 0);
    /// ```
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        point::point("add_permits", self.sema(), Location::caller());
        assert!(
            self.sema().add(n),
            "{n} more permits: too many for a semaphore"
        );
    }

    /// Removes up to `n` of the available permits for good, and returns their number. Permits that
    /// are out stay valid. Waiting requests keep their order, but a request for more permits than
    /// are left holds up no other request. tokio's `forget_permits`.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let permit = semaphore.acquire(2);
    /// assert_eq!(semaphore.forget_permits(5), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    #[track_caller]
    pub fn forget_permits(&self, n: usize) -> usize {
        point::point("forget_permits", self.sema(), Location::caller());
        self.sema().take_away(n)
    }

    /// Closes the semaphore: all waiting and later requests are refused. Permits that are out stay
    /// valid.
    ///
    /// ```
    /// use gort::sync::{AcquireError, Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire(1);
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// drop(permit);
    /// assert_eq!(semaphore.try_acquire(1).unwrap_err(), AcquireError::Closed);
    /// ```
    #[track_caller]
    pub fn close(&self) {
        point::point("semaphore close", self.sema(), Location::caller());
        self.sema().close();
    }

    /// Returns true if the semaphore is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        point::point_in_drop("is_closed", self.sema());
        self.sema().is_closed()
    }

    /// Returns the number of permits that are available at the moment.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        point::point_in_drop("available_permits", self.sema());
        self.available_now()
    }

    /// Returns the same as [`available_permits`](Self::available_permits), but without a point at
    /// which an explored schedule may change goroutines. So the caller may hold a lock.
    pub(crate) fn available_now(&self) -> usize {
        self.sema().available()
    }
}

impl Clone for Semaphore {
    fn clone(&self) -> Self {
        self.sema().another_handle();
        Self { sema: self.sema }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: this handle was counted, by `new` or `clone`, and ends here.
        unsafe { Sema::handle_gone(self.sema) };
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available_permits())
            .finish_non_exhaustive()
    }
}
