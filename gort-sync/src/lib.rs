//! Channels, select, timers and locks for goroutines and for plain threads.
//!
//! Everything here waits through [`gort_runtime::Current`] and wakes through
//! [`gort_runtime::Waiter`]; it knows nothing of Ps, Ms or run queues. Users depend
//! on `gort`, which re-exports this crate's items.
//!
//! ```text
//! condvar    time/
//! mutex/     select/    channel/    rwlock/    once/    barrier    waitgroup
//!         sudog (waiting records and their queues), spin, error
//!         word/ (the locks' state words, which loom explores), prim
//!         gort-runtime: Current, Waiter, RawLock
//! ```

// Under loom only the state words exist.
#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
pub mod channel;
#[cfg(not(loom))]
mod condvar;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod mutex;
#[cfg(not(loom))]
mod once;
mod prim;
#[cfg(not(loom))]
mod rwlock;
#[cfg(not(loom))]
pub mod select;
#[cfg(not(loom))]
mod spin;
#[cfg(not(loom))]
mod sudog;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
mod waitgroup;
mod word;

#[cfg(all(loom, test))]
mod tests;

#[cfg(not(loom))]
pub use {
    barrier::{Barrier, BarrierWaitResult},
    condvar::{Condvar, WaitTimeoutResult},
    error::{Timeout, WouldBlock},
    mutex::{LockArm, LockRequest, Mutex, MutexGuard},
    once::{LazyLock, Once, OnceLock},
    rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    waitgroup::WaitGroup,
};
