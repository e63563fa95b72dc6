//! Guards of readers and writers that give access to a part of the value.
//!
//! As in `guard.rs`, a reader's guard is covariant, and a writer's guard is not.

use super::wait::{RawRwLock, ReaderKind};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Shares a [`RwLock`](super::RwLock) until it is dropped, and gives access to a part of its value.
/// Made by [`RwLockReadGuard::map`](super::RwLockReadGuard::map).
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
    /// Points to a part of the value in the lock that `raw` belongs to. The lock is borrowed for
    /// `'a`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
    kind: ReaderKind,
}

/// Holds a [`RwLock`](super::RwLock) exclusively until it is dropped, and gives access to a part of
/// its value. Made by [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map). It cannot be
/// downgraded: the function that picked the part may have relied on exclusive access.
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
    /// Points to a part of the value in the lock that `raw` belongs to. The lock is borrowed for
    /// `'a`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
    _data: PhantomData<&'a mut T>,
}

// SAFETY: the guard is a `&T` and a share of the lock, which may be used and given up on any
// thread.
unsafe impl<T: ?Sized + Send + Sync> Send for MappedRwLockReadGuard<'_, T> {}
// SAFETY: a shared guard gives only `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for MappedRwLockReadGuard<'_, T> {}
// SAFETY: the guard is a `&mut T` and the duty to unlock, which any thread may perform.
unsafe impl<T: ?Sized + Send + Sync> Send for MappedRwLockWriteGuard<'_, T> {}
// SAFETY: a shared guard gives only `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for MappedRwLockWriteGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for MappedRwLockReadGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MappedRwLockReadGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for MappedRwLockWriteGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MappedRwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> MappedRwLockReadGuard<'a, T> {
    /// Makes a guard that takes over the caller's share of the lock.
    ///
    /// # Safety
    /// The caller is a reader of this kind inside `raw`'s lock, and gives its share up to this
    /// guard. `data` was borrowed through the caller's guard.
    pub(super) unsafe fn new(data: NonNull<T>, raw: &'a RawRwLock, kind: ReaderKind) -> Self {
        Self { data, raw, kind }
    }

    /// Like [`RwLockReadGuard::map`](super::RwLockReadGuard::map), for a part of a part.
    pub fn map<U: ?Sized, F>(this: Self, f: F) -> MappedRwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&this));
        let this = ManuallyDrop::new(this);
        let (raw, kind) = (this.raw, this.kind);
        MappedRwLockReadGuard { data, raw, kind }
    }
}

impl<'a, T: ?Sized> MappedRwLockWriteGuard<'a, T> {
    /// Makes a guard that takes the lock over from the caller.
    ///
    /// # Safety
    /// The caller is the writer inside `raw`'s lock, and gives the lock up to this guard. `data`
    /// was borrowed through the caller's guard.
    pub(super) unsafe fn new(data: NonNull<T>, raw: &'a RawRwLock) -> Self {
        Self {
            data,
            raw,
            _data: PhantomData,
        }
    }

    /// Like [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map), for a part of a part.
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
        // SAFETY: what `new` requires holds: this guard counts as a reader that is inside until it
        // is dropped, so no writer is inside. The data was borrowed from the value, which is in the
        // lock, and the lock is borrowed for longer than `self`. The data stays in place while
        // nothing writes.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for MappedRwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: what `new` requires holds: this guard is the writer, which is alone inside, until
        // it is dropped. While it is borrowed it does not write. The data was borrowed from the
        // value, which is in the lock, and the lock is borrowed for longer than `self`.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedRwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the same as for `deref`; in addition, the guard is borrowed exclusively.
        unsafe { self.data.as_mut() }
    }
}

impl<T: ?Sized> Drop for MappedRwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.read_unlock(self.kind);
    }
}

impl<T: ?Sized> Drop for MappedRwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.write_unlock();
    }
}

/// Implements `Debug` and `Display` by formatting the part.
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
