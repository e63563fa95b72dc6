//! `Semaphore`: a number of permits, given out first come, first served. Go's
//! `golang.org/x/sync/semaphore`.
//!
//! - `sema.rs`: the permits, the queue, and when the memory goes.
//! - `wait.rs`: waiting for permits.
//! - `permit.rs`: what holds permits.
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

/// What acquiring from a closed semaphore panics with.
const CLOSED: &str = "the semaphore is closed";

/// A number of permits, of which a caller acquires one or more at a time. Clones share them.
///
/// Strictly first in, first out: a request that is too large for the moment waits, and those
/// behind it wait with it, however small, so nobody starves. The exception is a request for more
/// than all permits that exist, there or out: it waits until
/// [`add_permits`](Self::add_permits) has made enough, perhaps for ever, and holds up nobody.
/// Go's `semaphore.Weighted`.
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

// SAFETY: a handle gives access to a `Sema`, which is Send and Sync, and may be the one that
// drops it.
unsafe impl Send for Semaphore {}
// SAFETY: a shared handle gives access to a `Sema`, which is Sync, and may be cloned into one that drops
// it, which is Send.
unsafe impl Sync for Semaphore {}
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

/// Why [`Semaphore::try_acquire`] or [`Semaphore::acquire_timeout`] has no permits.
///
/// ```
/// use gort::sync::{AcquireError, Semaphore};
///
/// let none = Semaphore::new(0);
/// assert_eq!(none.try_acquire(1).unwrap_err(), AcquireError::WouldBlock);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// Too few permits are there, or somebody else is waiting for them.
    WouldBlock,
    /// The time was up.
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
    /// Most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = sema::MAX;

    /// A semaphore with `n` permits.
    ///
    /// # Panics
    /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { sema: Sema::new(n) }
    }

    fn sema(&self) -> &Sema {
        // SAFETY: a `Sema` is there while it has handles, and this is one (invariant 5 in `sema.rs`).
        unsafe { self.sema.as_ref() }
    }

    /// Acquires `n` permits, waiting until they are there and everybody who came before has
    /// gone. Go's `Acquire`.
    ///
    /// # Panics
    /// If the semaphore is closed, or is being closed meanwhile.
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
        // SAFETY: `n` permits were taken above, for this: nothing was refused.
        unsafe { Permit::new(self, n) }
    }

    /// Acquires `n` permits if they are there and nobody waits for some. Go's `TryAcquire`.
    ///
    /// # Errors
    /// `WouldBlock`, or `Closed`.
    #[inline]
    #[track_caller]
    pub fn try_acquire(&self, n: usize) -> Result<Permit, AcquireError> {
        point::point("try_acquire", self.sema(), Location::caller());
        self.sema().try_acquire(n)?;
        // SAFETY: `n` permits were taken above, for this: nothing was refused.
        Ok(unsafe { Permit::new(self, n) })
    }

    /// Acquires `n` permits, waiting for at most `timeout`. A request that gives up lets those
    /// behind it go on.
    ///
    /// # Errors
    /// `Timeout`, or `Closed`.
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
        // SAFETY: `n` permits were taken above, for this: nothing was refused.
        Ok(unsafe { Permit::new(self, n) })
    }

    /// A request for `n` permits, to stand right of `<-` in `select!`: the arm's value is the
    /// [`Permit`]. It waits in the same queue as everybody else; an arm that loses has acquired
    /// nothing. A closed semaphore makes the arm ready, and panics if it is chosen.
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

    /// Makes `n` more permits.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS), there and out.
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

    /// Takes away up to `n` of the permits that are there, for good, and says how many. Permits that are out stay good; those who
    /// wait stay in their order, but who asks for more than there are left holds up nobody. tokio's `forget_permits`.
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

    /// Closes the semaphore: whoever waits, or comes later, is refused. Permits that are out
    /// stay good.
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

    /// Whether the semaphore is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        point::point_in_drop("is_closed", self.sema());
        self.sema().is_closed()
    }

    /// Permits that are there at the moment.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        point::point_in_drop("available_permits", self.sema());
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
