//! What readers and writers hold.
//!
//! Both guards are `Send`: the lock belongs to whoever holds the guard, not to a thread. A write guard
//! holds a `&RwLock<T>`, which is `Send` and `Sync` if `T` is both, and that is what the guards
//! need. That reference is invariant in `T`; a read guard, which only reads, holds a pointer and is covariant, as
//! std's is.

use super::RwLock;
use super::wait::RawRwLock;
use crate::mutex::MutexGuard;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Shares a [`RwLock`] with other readers until dropped, which is Go's `RUnlock`. May be dropped by
/// another goroutine than the one that locked.
///
/// ```
/// use gort::sync::RwLock;
///
/// let lock = RwLock::new(String::from("shared"));
/// let (one, other) = (lock.read(), lock.read());
/// assert_eq!(one.len(), other.len());
/// ```
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// The data of the lock to which `raw` belongs, which is borrowed for `'a`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
}

// SAFETY: it is a `&T` and a share of the lock, which both may be used and given up on any thread, as
// `RwLock<T>` is `Sync`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: through a shared guard there is a `&T` to be had, and nothing else.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockReadGuard<'_, T> {}

/// Holds a [`RwLock`] alone until dropped, which is Go's `Unlock`. May be dropped by another
/// goroutine than the one that locked.
///
/// ```
/// use gort::sync::RwLock;
///
/// let lock = RwLock::new(String::from("mine"));
/// let mut text = lock.write();
/// text.push_str(" alone");
/// drop(text);
/// assert_eq!(*lock.read(), "mine alone");
/// ```
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Given back when the writer has left (`drop`): fields go last.
    _turn: MutexGuard<'a, ()>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// For a caller that has got in as a reader.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        Self {
            // SAFETY: the address of a field is not null.
            data: unsafe { NonNull::new_unchecked(lock.data.get()) },
            raw: &lock.raw,
        }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// For a caller that has got in as a writer, in its `turn`.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, turn: MutexGuard<'a, ()>) -> Self {
        Self { lock, _turn: turn }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a read guard is made by a reader that is inside, and counts as it until it is dropped
        // (`new`); so no writer is inside. The data lies in the lock, which is borrowed for longer than `self`.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a write guard is made by the writer that is inside, alone, until it is dropped (`new`);
        // and while it is borrowed it does not write.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a write guard is made by the writer that is inside, alone, until it is dropped (`new`);
        // and it is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.raw.word.read_unlock() {
            self.raw.last_reader_left();
        }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.lock.raw.word.write_unlock() {
            self.lock.raw.write_unlock_slow();
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
