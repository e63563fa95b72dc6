//! What readers and writers hold.
//!
//! Both guards are `Send`: the lock belongs to whoever holds the guard, not to a thread. They
//! hold a `&RwLock<T>`, which is `Send` and `Sync` if `T` is both, and that is what the guards
//! need.

use super::RwLock;
use std::fmt;
use std::ops::{Deref, DerefMut};

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
    lock: &'a RwLock<T>,
}

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
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// For a caller that has got in as a reader.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// For a caller that has got in as a writer.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a read guard is made by a reader that is inside, and counts as it until it is dropped
        // (`new`); so no writer is inside.
        unsafe { &*self.lock.data.get() }
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
        if self.lock.word.read_unlock() {
            self.lock.last_reader_left();
        }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.lock.word.write_unlock() {
            self.lock.write_unlock_slow();
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
