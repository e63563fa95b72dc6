//! The errors of attempts to take a lock.

use std::error::Error;
use std::fmt;

/// The error of an attempt to lock without waiting: the lock is already held.
///
/// ```
/// use gort::sync::{Mutex, WouldBlock};
///
/// let mutex = Mutex::new(1);
/// let held = mutex.lock();
/// assert_eq!(mutex.try_lock().err(), Some(WouldBlock));
/// drop(held);
/// assert!(mutex.try_lock().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock;

/// The error of an attempt to lock with a time limit: the limit was reached before the lock was
/// free.
///
/// ```
/// use gort::sync::{RwLock, Timeout};
/// use std::time::Duration;
///
/// let lock = RwLock::new(1);
/// let _reader = lock.read();
/// assert_eq!(lock.write_timeout(Duration::from_millis(1)).err(), Some(Timeout));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout;

impl fmt::Display for WouldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is already held")
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out waiting for the lock")
    }
}

impl Error for WouldBlock {}
impl Error for Timeout {}
