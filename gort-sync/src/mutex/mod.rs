//! `Mutex`: Go's `sync.Mutex` as a lock around data.
//!
//! - `word/mutex.rs`: the protocol: what the word's bits mean and why no wake-up is lost.
//! - `wait.rs`: waiting, waking and handing over.
//! - `mapped.rs`: guards for a part of the value.
//! - `request.rs`: the lock as an arm of a select.

mod mapped;
mod request;
mod wait;

pub use mapped::MappedMutexGuard;
pub use request::{LockArm, LockRequest};
pub(crate) use wait::RawMutex;

use crate::error::{Timeout, WouldBlock};
use crate::prim::const_unless_loom;
use gort_runtime::{WaitReason, deadline_after, point};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
#[cfg(not(any(loom, debug_assertions)))]
use std::mem::offset_of;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// A mutual exclusion lock around a value. Goroutines that wait do not occupy a thread. Plain
/// threads may use the lock, too. There is no poisoning: a panic releases the lock. Go's
/// `sync.Mutex`.
///
/// Unlocking normally frees the lock, and the waiter that is woken then competes for it with
/// goroutines that are already running. A waiter that has waited for more than 1 ms is handed the
/// lock instead.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use std::sync::Arc;
///
/// let count = Arc::new(Mutex::new(0));
/// let handles: Vec<_> = (0..10).map(|_| go!(clone [count]; { *count.lock() += 1; })).collect();
/// for handle in handles {
///     handle.join().unwrap();
/// }
/// assert_eq!(*count.lock(), 10);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    data: UnsafeCell<T>,
}

// In debug builds `RawLock` is larger.
#[cfg(not(any(loom, debug_assertions)))]
const _: () = assert!(
    offset_of!(Mutex<u64>, data) % 16 == 8,
    "the word and the data are in different blocks of 16 bytes (`RawMutex`)"
);

// SAFETY: the data moves with the lock.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: only one guard at a time accesses the data. So the data moves between threads and is
// never shared.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// Holds a [`Mutex`] until it is dropped, which is Go's `Unlock`. A goroutine other than the one
/// that locked may drop it.
///
/// ```
/// use gort::sync::{Mutex, MutexGuard};
///
/// fn push_twice(mut list: MutexGuard<'_, Vec<i32>>, value: i32) {
///     list.push(value);
///     list.push(value);
///     // Unlocked here.
/// }
///
/// let list = Mutex::new(Vec::new());
/// push_twice(list.lock(), 7);
/// assert_eq!(*list.lock(), [7, 7]);
/// ```
#[must_use = "the mutex is unlocked as soon as the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    _data: PhantomData<&'a mut T>,
}

impl<T> Mutex<T> {
    const_unless_loom! {
        /// Creates an unlocked mutex around `value`.
        pub fn new(value: T) -> Self {
            Self {
                raw: RawMutex::new(),
                data: UnsafeCell::new(value),
            }
        }
    }

    /// Returns the value.
    ///
    /// ```
    /// use gort::sync::Mutex;
    ///
    /// let mutex = Mutex::new(vec![1]);
    /// mutex.lock().push(2);
    /// assert_eq!(mutex.into_inner(), [1, 2]);
    /// ```
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks the mutex, waiting while it is held. Not reentrant: locking it again in the same
    /// goroutine waits for ever. Go's `Lock`.
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.lock_at(Location::caller())
    }

    /// Does what [`lock`](Self::lock) does, with `site` as the caller.
    #[inline]
    pub(crate) fn lock_at(&self, site: &'static Location<'static>) -> MutexGuard<'_, T> {
        point::point_when_ready("sync.Mutex.Lock", &self.raw, &self.raw, site);
        if !self.raw.word.lock_idle() {
            self.raw.wait(None, WaitReason::MutexLock, site);
        }
        self.guard()
    }

    /// Locks the mutex if it is free. Go's `TryLock`.
    ///
    /// # Errors
    /// Returns an error if the mutex is held, even if the caller itself holds it.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::Mutex;
    ///
    /// let cache = Mutex::new(Vec::new());
    /// match cache.try_lock() {
    ///     Ok(mut cache) => cache.push("a page"),
    ///     Err(_) => println!("the cache is in use: go on without it"),
    /// }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, WouldBlock> {
        point::point("sync.Mutex.TryLock", &self.raw, Location::caller());
        if self.raw.word.try_lock(false) {
            return Ok(self.guard());
        }
        Err(WouldBlock)
    }

    /// Locks the mutex, waiting for at most `timeout` while it is held.
    ///
    /// # Errors
    /// Returns an error if the mutex could not be locked in time.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::Timeout;
    ///
    /// let mutex = Mutex::new(());
    /// let held = mutex.lock();
    /// assert_eq!(mutex.lock_timeout(Duration::from_millis(1)).err(), Some(Timeout));
    /// drop(held);
    /// assert!(mutex.lock_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T>, Timeout> {
        let (deadline, site) = (deadline_after(timeout), Location::caller());
        point::point_of_all("sync.Mutex.Lock", site);
        if self.raw.word.lock_idle() || self.raw.wait(Some(deadline), WaitReason::MutexLock, site) {
            return Ok(self.guard());
        }
        Err(Timeout)
    }

    /// Returns a request to lock the mutex, to be used to the right of `<-` in a `select!`. The
    /// arm's result is the guard. An arm that waits is handed the lock as soon as it is its turn.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    ///
    /// let mutex = Mutex::new(1);
    /// let held = mutex.lock();
    /// let got = select! {
    ///     guard = <-mutex.lock_request() => Some(*guard),
    ///     after(Duration::from_millis(1)) => None,
    /// };
    /// assert_eq!(got, None);
    /// drop(held);
    /// ```
    pub fn lock_request(&self) -> LockRequest<'_, T> {
        LockRequest::new(self)
    }

    /// Returns a mutable reference to the value. No lock is needed, since the mutex is borrowed
    /// exclusively.
    ///
    /// ```
    /// use gort::sync::Mutex;
    ///
    /// let mut mutex = Mutex::new(1);
    /// *mutex.get_mut() += 1;
    /// assert_eq!(*mutex.lock(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Makes a guard. The caller has locked the mutex, or was handed the lock, and makes one guard
    /// for that.
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex: self,
            _data: PhantomData,
        }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Returns the mutex that the guard holds.
    pub(crate) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a guard is made after the mutex was locked for it, and holds the lock until it is
        // dropped (`guard`). So nothing else accesses the data, and nothing writes while this guard
        // is borrowed.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard is made after the mutex was locked for it, and holds the lock until it is
        // dropped (`guard`). This guard is borrowed exclusively, so nothing else accesses the data.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        point::point_in_drop("unlock", &self.mutex.raw);
        self.mutex.raw.unlock();
    }
}

// SAFETY: a shared guard gives only `&T`. (A guard is Send if `&mut T` is: the lock belongs to the
// owner of the guard, not to a thread.)
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(WouldBlock) => debug.field("data", &format_args!("<locked>")),
        };
        debug.finish()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
