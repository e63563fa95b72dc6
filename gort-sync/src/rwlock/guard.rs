//! What readers and writers hold.
//!
//! Both guards are `Send`: the lock belongs to whoever holds the guard, not to a thread. A write guard
//! holds a `&RwLock<T>`, which is `Send` and `Sync` if `T` is both, and that is what the guards
//! need. That reference is invariant in `T`; a read guard, which only reads, holds a pointer and is covariant, as
//! std's is.

use super::RwLock;
use super::mapped::{MappedRwLockReadGuard, MappedRwLockWriteGuard};
use super::wait::RawRwLock;
use std::fmt;
use std::mem::ManuallyDrop;
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

    /// Shares the lock for the part of the value that `f` picks. Called as `RwLockReadGuard::map(guard, f)`. If `f` panics the
    /// share is given back.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    ///
    /// let pair = RwLock::new((1, String::from("one")));
    /// let word = RwLockReadGuard::map(pair.read(), |pair| &pair.1);
    /// let text: MappedRwLockReadGuard<'_, str> = MappedRwLockReadGuard::map(word, |word| word.as_str());
    /// assert_eq!(&*text, "one");
    /// ```
    pub fn map<U: ?Sized, F>(this: Self, f: F) -> MappedRwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&this));
        let raw = ManuallyDrop::new(this).raw;
        // SAFETY: we are a reader that is inside, and give that up to the new guard; the data was borrowed through ours.
        unsafe { MappedRwLockReadGuard::new(data, raw) }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// For a caller that has got in as a writer.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }

    /// Goes on as a reader, without letting a writer in between. Called as `RwLockWriteGuard::downgrade(guard)`. The
    /// readers that wait get in at once. If a writer waits it is its turn next, and those that come later wait behind it.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write();
    /// *writer += 1;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!((*reader, *lock.read()), (2, 2));
    /// assert!(lock.try_write().is_err());
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(this).lock;
        lock.raw.downgrade();
        RwLockReadGuard::new(lock)
    }

    /// Holds the lock for the part of the value that `f` picks. Called as `RwLockWriteGuard::map(guard, f)`. If `f` panics
    /// the lock is released.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    ///
    /// let pair = RwLock::new((1, String::from("one")));
    /// let word = RwLockWriteGuard::map(pair.write(), |pair| &mut pair.1);
    /// let mut text: MappedRwLockWriteGuard<'_, str> = MappedRwLockWriteGuard::map(word, |word| word.as_mut_str());
    /// text.make_ascii_uppercase();
    /// drop(text);
    /// assert_eq!(pair.read().1, "ONE");
    /// ```
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedRwLockWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut this));
        let lock = ManuallyDrop::new(this).lock;
        // SAFETY: we are the writer that is inside, and give that up to the new guard; the data was borrowed through ours.
        unsafe { MappedRwLockWriteGuard::new(data, &lock.raw) }
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
        self.raw.read_unlock();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.write_unlock();
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
