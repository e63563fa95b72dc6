//! What holds permits until it is dropped.

use super::Semaphore;
use super::sema::Sema;
use gort_runtime::point;
use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Permits of a [`Semaphore`], given back when dropped (Go's `Release`). It borrows nothing: it may
/// go to another goroutine, and outlive the semaphore's handles.
///
/// One that holds no permits (`acquire(0)`, `split(0)`, what is left when all were split off) belongs
/// to no semaphore.
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
    /// Means nothing if `n` is 0, and is not looked at: only permits that are out keep the `Sema`,
    /// so it may be gone, and another may have its address.
    sema: NonNull<Sema>,
    n: usize,
}

// SAFETY: only the `Sema` is reached through it, which is Send and Sync, and may be dropped through it.
unsafe impl Send for Permit {}
// SAFETY: a shared permit only tells its number.
unsafe impl Sync for Permit {}
impl UnwindSafe for Permit {}
impl RefUnwindSafe for Permit {}

impl Permit {
    /// # Safety
    /// `n` permits of `semaphore` have been taken, for this.
    #[inline]
    pub(super) unsafe fn new(semaphore: &Semaphore, n: usize) -> Self {
        Self {
            sema: semaphore.sema,
            n,
        }
    }

    /// How many permits it holds.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.n
    }

    /// Never gives the permits back: the semaphore has so many less from now on.
    pub fn forget(self) {
        let this = ManuallyDrop::new(self);
        if this.n != 0 {
            // SAFETY: `n` permits, at least one, are out for this `Permit`, which is not dropped and not used
            // again.
            unsafe { Sema::forget(this.sema, this.n) };
        }
    }

    /// Moves `n` of the permits to a permit of their own; `None` if there are fewer.
    #[must_use = "the permits that were split off are given back as soon as this is dropped"]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.n = self.n.checked_sub(n)?;
        Some(Self { sema: self.sema, n })
    }

    /// Moves the permits of `other` to this one. If this one holds none, it then belongs to
    /// `other`'s semaphore, whatever it belonged to before.
    ///
    /// # Panics
    /// If both hold permits, and of different semaphores.
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
            // Not the address alone: `other`'s pointer is the one that may be used.
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
            // SAFETY: a `Sema` is there while permits of it are out.
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
