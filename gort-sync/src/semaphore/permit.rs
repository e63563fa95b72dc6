//! The guard that holds permits until it is dropped.

use super::Semaphore;
use super::sema::Sema;
use gort_runtime::point;
use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Holds permits of a [`Semaphore`], and gives them back when dropped (Go's `Release`). A `Permit`
/// borrows nothing: it may move to another goroutine, and outlive the semaphore's handles.
///
/// A `Permit` that holds no permits (from `acquire(0)` or `split(0)`, or after all were split off)
/// belongs to no semaphore.
///
/// ```
/// use gort::sync::Semaphore;
///
/// let semaphore = Semaphore::new(3);
/// let mut permit = semaphore.acquire(3);
/// let one = permit.split(1).unwrap();
/// drop(permit);
/// assert_eq!(semaphore.available_permits(), 2);
/// one.forget();
/// assert_eq!(semaphore.available_permits(), 2);
/// ```
#[must_use = "the permits are given back as soon as this is dropped"]
pub struct Permit {
    /// If `n` is 0, the pointer is meaningless and must not be used: only permits that are out keep
    /// the `Sema` alive, so the `Sema` may have been freed, and another one may have its address.
    sema: NonNull<Sema>,
    n: usize,
}

// SAFETY: a permit gives access only to the `Sema`, which is `Sync`. Dropping the permit may drop
// the `Sema`, which is `Send`.
unsafe impl Send for Permit {}
// SAFETY: a shared reference to a permit gives access only to `n`.
unsafe impl Sync for Permit {}
impl UnwindSafe for Permit {}
impl RefUnwindSafe for Permit {}

impl Permit {
    /// Makes a guard for permits that were taken.
    ///
    /// # Safety
    /// `n` permits of `semaphore` have been taken for this guard.
    #[inline]
    pub(super) unsafe fn new(semaphore: &Semaphore, n: usize) -> Self {
        Self {
            sema: semaphore.sema,
            n,
        }
    }

    /// Returns the number of permits that this guard holds.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.n
    }

    /// Drops the guard without giving its permits back. The semaphore has that many fewer permits
    /// from now on.
    pub fn forget(self) {
        let this = ManuallyDrop::new(self);
        if this.n != 0 {
            // SAFETY: `n` permits, at least one, are out for this `Permit`, which is not dropped
            // and not used again.
            unsafe { Sema::forget(this.sema, this.n) };
        }
    }

    /// Moves `n` of the permits to a `Permit` of their own. Returns `None` if there are fewer.
    #[must_use = "the permits that were split off are given back as soon as this is dropped"]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.n = self.n.checked_sub(n)?;
        Some(Self { sema: self.sema, n })
    }

    /// Moves the permits of `other` to this `Permit`. If this one holds none, it belongs to
    /// `other`'s semaphore afterwards.
    ///
    /// # Panics
    /// Panics if both hold permits, and their semaphores are different.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let mut all = semaphore.acquire(0);
    /// all.merge(semaphore.acquire(1));
    /// all.merge(semaphore.acquire(2));
    /// assert_eq!(all.num_permits(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        if self.n == 0 {
            // Swaps both fields, since only `other`'s pointer may be used.
            return mem::swap(self, &mut other);
        }
        assert!(
            other.n == 0 || self.sema == other.sema,
            "merging permits of different semaphores"
        );
        self.n += mem::take(&mut other.n);
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.n != 0 {
            // SAFETY: a `Sema` exists while permits of it are out.
            point::point_in_drop("release", unsafe { self.sema.as_ref() });
            // SAFETY: `n` permits, at least one, are out for this `Permit`, which ends here.
            unsafe { Sema::give_back(self.sema, self.n) };
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("num_permits", &self.n)
            .finish()
    }
}
