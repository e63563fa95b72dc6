//! `RwLock`: many readers or one writer. Go's `sync.RWMutex` as a lock around data.
//!
//! - `word/rwlock.rs`: the protocol between the readers and the writer whose turn it is. It says
//!   what the word's bits mean and why no wake-up is lost.
//! - `wait.rs`: waiting, and letting waiters in.
//! - `bias.rs`: readers of a lock that is hardly ever written; `budget.rs`: when that pays.
//! - `guard.rs`: the guards of readers and writers; `mapped.rs`: guards for a part of the value.

mod bias;
mod budget;
mod guard;
mod mapped;
mod wait;

pub use guard::{RwLockReadGuard, RwLockWriteGuard};
pub use mapped::{MappedRwLockReadGuard, MappedRwLockWriteGuard};

use crate::error::{Timeout, WouldBlock};
use crate::prim::const_unless_loom;
use gort_runtime::{deadline_after, point};
use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;
use wait::{Access, RawRwLock, ReaderKind};

/// A lock around a value for many readers or one writer. Goroutines that wait do not occupy a
/// thread. Plain threads may use the lock, too. There is no poisoning: a panic releases the lock.
/// Go's `sync.RWMutex`.
///
/// A writer that waits stops new readers, so readers cannot keep writers out. The readers that wait
/// when a writer leaves go before the next writer, so writers cannot keep readers out either. Hence
/// two things that look harmless can deadlock. A goroutine that holds the lock for reading and
/// locks it for reading again waits for ever if a writer began to wait in between. A goroutine that
/// holds the lock for reading and locks it for writing always waits for ever (there is no upgrade).
///
/// If a lock is read all the time and hardly ever written, its readers do not slow each other down,
/// on any number of Ps. The next writer then takes some microseconds longer.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::RwLock;
/// use std::collections::HashMap;
/// use std::sync::Arc;
///
/// let table = Arc::new(RwLock::new(HashMap::new()));
/// table.write().insert("one", 1);
/// let readers: Vec<_> = (0..4)
///     .map(|_| go!(clone [table]; { table.read()["one"] }))
///     .collect();
/// for reader in readers {
///     assert_eq!(reader.join().unwrap(), 1);
/// }
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    data: UnsafeCell<T>,
}

// SAFETY: the data moves with the lock.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers share the data between threads (`T: Sync`), and a writer, on any thread, has
// exclusive access (`T: Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    const_unless_loom! {
        /// Creates an unlocked lock around `value`.
        pub fn new(value: T) -> Self {
            Self {
                raw: RawRwLock::new(),
                data: UnsafeCell::new(value),
            }
        }
    }

    /// Consumes the lock, and returns the value.
    ///
    /// ```
    /// use gort::sync::RwLock;
    ///
    /// let mut lock = RwLock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, waiting while a writer holds the lock or waits for it. Go's `RLock`.
    #[track_caller]
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        point::point("sync.RWMutex.RLock", &self.raw, Location::caller());
        let kind = self.raw.read(Location::caller());
        RwLockReadGuard::new(self, kind)
    }

    /// Locks for writing, waiting while readers or a writer hold the lock. Go's `Lock`.
    #[track_caller]
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        point::point("sync.RWMutex.Lock", &self.raw, Location::caller());
        self.raw.write(None, Location::caller());
        RwLockWriteGuard::new(self)
    }

    /// Locks for reading if no writer holds the lock or waits for it. Go's `TryRLock`.
    ///
    /// # Errors
    /// Returns an error if a writer holds the lock or waits for it.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, WouldBlock> {
        point::point("sync.RWMutex.TryRLock", &self.raw, Location::caller());
        let kind = self.raw.try_read().ok_or(WouldBlock)?;
        Ok(RwLockReadGuard::new(self, kind))
    }

    /// Locks for writing if the lock is free. Go's `TryLock`.
    ///
    /// # Errors
    /// Returns an error if the lock is held, even if the caller itself holds it. Also returns an
    /// error if a reader is just finding out that it has to wait.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let reader = lock.read();
    /// assert!(lock.try_read().is_ok(), "readers share");
    /// assert!(lock.try_write().is_err());
    /// drop(reader);
    /// assert!(lock.try_write().is_ok());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, WouldBlock> {
        point::point("sync.RWMutex.TryLock", &self.raw, Location::caller());
        if self.raw.try_write() {
            return Ok(RwLockWriteGuard::new(self));
        }
        Err(WouldBlock)
    }

    /// Does what [`read`](Self::read) does, but waits for at most `timeout`.
    ///
    /// # Errors
    /// Returns an error if the lock could not be locked in time.
    #[track_caller]
    pub fn read_timeout(&self, timeout: Duration) -> Result<RwLockReadGuard<'_, T>, Timeout> {
        let site = Location::caller();
        point::point_of_all("sync.RWMutex.RLock", site);
        let kind = self.raw.try_read().or_else(|| {
            let deadline = Some(deadline_after(timeout));
            (self.raw.wait(Access::Read, deadline, site)).then_some(ReaderKind::Counted)
        });
        Ok(RwLockReadGuard::new(self, kind.ok_or(Timeout)?))
    }

    /// Does what [`write`](Self::write) does, but waits for at most `timeout`. A writer that gives
    /// up no longer stops readers.
    ///
    /// # Errors
    /// Returns an error if the lock could not be locked in time.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::{RwLock, Timeout};
    /// use std::time::Duration;
    ///
    /// let (lock, limit) = (RwLock::new(1), Duration::from_millis(1));
    /// let writer = lock.write_timeout(limit);
    /// assert!(writer.is_ok());
    /// assert_eq!(lock.read_timeout(limit).err(), Some(Timeout));
    /// ```
    #[track_caller]
    pub fn write_timeout(&self, timeout: Duration) -> Result<RwLockWriteGuard<'_, T>, Timeout> {
        point::point_of_all("sync.RWMutex.Lock", Location::caller());
        if self
            .raw
            .write(Some(deadline_after(timeout)), Location::caller())
        {
            return Ok(RwLockWriteGuard::new(self));
        }
        Err(Timeout)
    }

    /// Returns a mutable reference to the value. No locking is needed, since the lock is borrowed
    /// exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(WouldBlock) => debug.field("data", &format_args!("<locked>")),
        };
        debug.finish()
    }
}
