//! A guard that holds a mutex and gives access to a part of its value.

use super::wait::RawMutex;
use super::{Mutex, MutexGuard};
use gort_runtime::point;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Holds a [`Mutex`] until it is dropped, and gives access to a part of its value. Made by
/// [`MutexGuard::map`]. Such a guard cannot wait on a [`Condvar`](crate::Condvar), whose other
/// users see the whole value.
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
    /// Points to a part of the value of the mutex that `raw` belongs to, which is borrowed for
    /// `'a`.
    data: NonNull<T>,
    raw: &'a RawMutex,
    _data: PhantomData<&'a mut T>,
}

// SAFETY: the guard is a `&mut T` and the duty to unlock, which any thread may perform.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: a shared guard gives only `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for MappedMutexGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MappedMutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Makes a guard for the part of the value that `f` returns. The lock stays held. Called as
    /// `MutexGuard::map(guard, f)`. If `f` panics, the mutex is unlocked.
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
        // From here on the new guard holds the lock.
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
    /// Like [`MutexGuard::map`], for a part of a part.
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
        // SAFETY: the data was borrowed from a guard whose lock this guard holds until it is
        // dropped. So nothing else accesses the data, and nothing writes while this guard is
        // borrowed. The data is in the mutex, which is borrowed for longer than `self`, or in
        // something that the value owns or borrows, which stays in place since the value is not
        // touched.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the same as for `deref`; in addition, the guard is borrowed exclusively.
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
