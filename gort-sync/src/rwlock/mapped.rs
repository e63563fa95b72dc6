//! What readers and writers hold for a part of the value.
//!
//! As in `guard.rs` the guard of a reader is covariant, and that of a writer is not.

use super::wait::RawRwLock;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Shares a [`RwLock`](super::RwLock) until dropped, and gives a part of its value:
/// [`RwLockReadGuard::map`](super::RwLockReadGuard::map) makes it.
///
/// ```
/// use gort::sync::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
///
/// fn first(list: &RwLock<Vec<i32>>) -> MappedRwLockReadGuard<'_, i32> {
///     RwLockReadGuard::map(list.read(), |list| &list[0])
/// }
///
/// let list = RwLock::new(vec![1, 2]);
/// assert_eq!(*first(&list), 1);
/// ```
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct MappedRwLockReadGuard<'a, T: ?Sized> {
    /// A part of the value of the lock to which `raw` belongs, which is borrowed for `'a`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
}

/// Holds a [`RwLock`](super::RwLock) alone until dropped, and gives a part of its value:
/// [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map) makes it. It cannot be downgraded: what it was mapped by
/// may hold only for who writes.
///
/// ```
/// use gort::sync::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
///
/// fn first(list: &RwLock<Vec<i32>>) -> MappedRwLockWriteGuard<'_, i32> {
///     RwLockWriteGuard::map(list.write(), |list| &mut list[0])
/// }
///
/// let list = RwLock::new(vec![1, 2]);
/// *first(&list) += 10;
/// assert_eq!(*list.read(), [11, 2]);
/// ```
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct MappedRwLockWriteGuard<'a, T: ?Sized> {
    /// A part of the value of the lock to which `raw` belongs, which is borrowed for `'a`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
    _data: PhantomData<&'a mut T>,
}

// SAFETY: it is a `&T` and a share of the lock, which may be used and given up on any thread.
unsafe impl<T: ?Sized + Send + Sync> Send for MappedRwLockReadGuard<'_, T> {}
// SAFETY: through a shared guard there is a `&T` to be had, and nothing else.
unsafe impl<T: ?Sized + Send + Sync> Sync for MappedRwLockReadGuard<'_, T> {}
// SAFETY: it is a `&mut T`, and the duty to unlock, which whoever has it may do, on whatever thread.
unsafe impl<T: ?Sized + Send + Sync> Send for MappedRwLockWriteGuard<'_, T> {}
// SAFETY: through a shared guard there is a `&T` to be had, and nothing else.
unsafe impl<T: ?Sized + Send + Sync> Sync for MappedRwLockWriteGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for MappedRwLockReadGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MappedRwLockReadGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for MappedRwLockWriteGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MappedRwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> MappedRwLockReadGuard<'a, T> {
    /// # Safety
    /// The caller is a reader inside `raw`'s lock, and gives that up to this. `data` was borrowed through its guard.
    pub(super) unsafe fn new(data: NonNull<T>, raw: &'a RawRwLock) -> Self {
        Self { data, raw }
    }

    /// As [`RwLockReadGuard::map`](super::RwLockReadGuard::map), of a part.
    pub fn map<U: ?Sized, F>(this: Self, f: F) -> MappedRwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&this));
        let raw = ManuallyDrop::new(this).raw;
        MappedRwLockReadGuard { data, raw }
    }
}

impl<'a, T: ?Sized> MappedRwLockWriteGuard<'a, T> {
    /// # Safety
    /// The caller is the writer inside `raw`'s lock, and gives that up to this. `data` was borrowed through its guard.
    pub(super) unsafe fn new(data: NonNull<T>, raw: &'a RawRwLock) -> Self {
        Self {
            data,
            raw,
            _data: PhantomData,
        }
    }

    /// As [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map), of a part.
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedRwLockWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut this));
        let raw = ManuallyDrop::new(this).raw;
        MappedRwLockWriteGuard {
            data,
            raw,
            _data: PhantomData,
        }
    }
}

impl<T: ?Sized> Deref for MappedRwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new`'s clauses: this counts as a reader that is inside until it is dropped, so no writer is. The data was borrowed from
        // the value, which lies in the lock, and that is borrowed for longer than `self`; it stays while nobody writes.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for MappedRwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new`'s clauses: this is the writer that is inside, alone, until it is dropped; and while it is borrowed it does not
        // write. The data was borrowed from the value, which lies in the lock, and that is borrowed for longer than `self`.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedRwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and it is borrowed exclusively.
        unsafe { self.data.as_mut() }
    }
}

impl<T: ?Sized> Drop for MappedRwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.read_unlock();
    }
}

impl<T: ?Sized> Drop for MappedRwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.write_unlock();
    }
}

/// Shows what the guards give.
macro_rules! shown {
    ($($guard:ident),*) => {$(
        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }
    )*};
}

shown!(MappedRwLockReadGuard, MappedRwLockWriteGuard);
