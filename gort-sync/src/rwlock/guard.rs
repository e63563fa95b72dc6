//! The guards of readers and writers.
//!
//! Both guards are `Send`: the lock belongs to the owner of the guard, not to a thread. A write
//! guard holds a `&RwLock<T>`, which is `Send` and `Sync` if `T` is both. So both guards are `Send`
//! and `Sync` under the same condition. The reference makes a write guard invariant in `T`. A read
//! guard only reads, so it holds a pointer and is covariant, as std's is.

use super::RwLock;
use super::mapped::{MappedRwLockReadGuard, MappedRwLockWriteGuard};
use super::wait::{RawRwLock, ReaderKind};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// Shares a [`RwLock`] with other readers until it is dropped, which is Go's `RUnlock`. A goroutine
/// other than the one that locked may drop it.
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
    /// Points to the data of the lock that `raw` belongs to, which is borrowed for `'a`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
    kind: ReaderKind,
}

// SAFETY: the guard is a `&T` and a share of the lock. Both may be used and given up on any thread,
// since `RwLock<T>` is `Sync`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: a shared guard gives only `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockReadGuard<'_, T> {}

/// Holds a [`RwLock`] exclusively until it is dropped, which is Go's `Unlock`. A goroutine other
/// than the one that locked may drop it.
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
    /// Makes a guard for a caller that has entered as a reader.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, kind: ReaderKind) -> Self {
        Self {
            // SAFETY: the address of a field is not null.
            data: unsafe { NonNull::new_unchecked(lock.data.get()) },
            raw: &lock.raw,
            kind,
        }
    }

    /// Makes a guard for the part of the value that `f` returns. The share of the lock is kept.
    /// Called as `RwLockReadGuard::map(guard, f)`. If `f` panics, the share is given back.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    ///
    /// let pair = RwLock::new((1, String::from("one")));
    /// let word = RwLockReadGuard::map(pair.read(), |pair| &pair.1);
    /// let text: MappedRwLockReadGuard<'_, str> =
    ///     MappedRwLockReadGuard::map(word, |word| word.as_str());
    /// assert_eq!(&*text, "one");
    /// ```
    pub fn map<U: ?Sized, F>(this: Self, f: F) -> MappedRwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&this));
        let this = ManuallyDrop::new(this);
        // SAFETY: we are a reader that is inside, and give our share up to the new guard. The data
        // was borrowed through our guard.
        unsafe { MappedRwLockReadGuard::new(data, this.raw, this.kind) }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Makes a guard for a caller that has entered as the writer.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }

    /// Turns the writer into a reader, without letting another writer in between. Called as
    /// `RwLockWriteGuard::downgrade(guard)`. Readers that wait get in at once. If a writer waits,
    /// it is next, and readers that come later wait behind it.
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
        RwLockReadGuard::new(lock, ReaderKind::Counted)
    }

    /// Makes a guard for the part of the value that `f` returns. The lock stays held. Called as
    /// `RwLockWriteGuard::map(guard, f)`. If `f` panics, the lock is released.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    ///
    /// let pair = RwLock::new((1, String::from("one")));
    /// let word = RwLockWriteGuard::map(pair.write(), |pair| &mut pair.1);
    /// let mut text: MappedRwLockWriteGuard<'_, str> =
    ///     MappedRwLockWriteGuard::map(word, |word| word.as_mut_str());
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
        // SAFETY: we are the writer that is inside, and give the lock up to the new guard. The data
        // was borrowed through our guard.
        unsafe { MappedRwLockWriteGuard::new(data, &lock.raw) }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a read guard is made by a reader that is inside, and counts as that reader until
        // it is dropped (`new`). So no writer is inside. The data is in the lock, which is borrowed
        // for longer than `self`.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a write guard is made by the writer, which is alone inside until the guard is
        // dropped (`new`). While the guard is borrowed it does not write.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a write guard is made by the writer, which is alone inside until the guard is
        // dropped (`new`). The guard is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.read_unlock(self.kind);
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
