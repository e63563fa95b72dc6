//! Why a lock was not obtained.

use std::error::Error;
use std::fmt;

/// The lock is held by somebody else.
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

/// The time was up before the lock could be had.
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
        f.write_str("the lock is held by somebody else")
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out waiting for the lock")
    }
}

impl Error for WouldBlock {}
impl Error for Timeout {}
