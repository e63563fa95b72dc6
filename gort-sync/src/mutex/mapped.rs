//! Holding a mutex for a part of what it is around.

use super::wait::RawMutex;
use super::{Mutex, MutexGuard};
use gort_runtime::point;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Holds a [`Mutex`] until dropped, and gives a part of its value: [`MutexGuard::map`] makes it. Such a guard cannot wait for a
/// [`Condvar`](crate::Condvar), whose other users see all of the value.
///
/// ```
/// use gort::sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// fn first(list: &Mutex<Vec<i32>>) -> MappedMutexGuard<'_, i32> {
///     MutexGuard::map(list.lock(), |list| &mut list[0])
/// }
///
/// let list = Mutex::new(vec![1, 2]);
/// *first(&list) += 10;
/// assert_eq!(*list.lock(), [11, 2]);
/// ```
#[must_use = "the mutex is unlocked as soon as the guard is dropped"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    /// A part of the value of the mutex to which `raw` belongs, which is borrowed for `'a`.
    data: NonNull<T>,
    raw: &'a RawMutex,
    _data: PhantomData<&'a mut T>,
}

// SAFETY: it is a `&mut T`, and the duty to unlock, which whoever has it may do, on whatever thread.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: a shared guard gives `&T`, no more.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for MappedMutexGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MappedMutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Holds the lock for the part of the value that `f` picks. Called as `MutexGuard::map(guard, f)`. If `f`
    /// panics the mutex is unlocked.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut word = MutexGuard::map(pair.lock(), |pair| &mut pair.1);
    /// *word = "eins";
    /// assert!(pair.try_lock().is_err(), "it is held");
    /// drop(word);
    /// assert_eq!(*pair.lock(), (1, "eins"));
    /// ```
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut this));
        // From here on the new guard has the lock.
        let this = ManuallyDrop::new(this);
        let mutex: &'a Mutex<T> = this.mutex;
        MappedMutexGuard {
            data,
            raw: &mutex.raw,
            _data: PhantomData,
        }
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// As [`MutexGuard::map`], of a part.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// let nested = Mutex::new((1, (2, 3)));
    /// let inner = MutexGuard::map(nested.lock(), |all| &mut all.1);
    /// let three = MappedMutexGuard::map(inner, |inner| &mut inner.1);
    /// assert_eq!(*three, 3);
    /// ```
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut this));
        let this = ManuallyDrop::new(this);
        MappedMutexGuard {
            data,
            raw: this.raw,
            _data: PhantomData,
        }
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: it was borrowed from a guard whose lock this one holds until it is dropped; so nobody else reaches the
        // data, and while this one is borrowed nobody writes. The data lies in the mutex, which is borrowed for longer than `self`,
        // or in what the value owns or borrows, which stays as the value is not touched.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and it is borrowed exclusively.
        unsafe { self.data.as_mut() }
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        point::point_in_drop("unlock", self.raw);
        self.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
