//! Channels, select, timers and locks for goroutines and for plain threads.
//!
//! Everything here waits through [`gort_runtime::Current`] and wakes through
//! [`gort_runtime::Waiter`]; it knows nothing of Ps, Ms or run queues. Users depend
//! on `gort`, which re-exports this crate's items.
//!
//! ```text
//! errgroup  singleflight  context/  condvar  time/  semaphore/
//! mutex/     select/    channel/    rwlock/    once/    barrier    waitgroup
//!         sudog (waiting records and their queues), spin, error
//!         word/ (the locks' state words, which loom explores), prim
//!         gort-runtime: Current, Waiter, RawLock
//! ```

#![cfg_attr(
    loom,
    allow(
        dead_code,
        unused_imports,
        missing_docs,
        clippy::drop_non_drop,
        clippy::missing_panics_doc,
        reason = "half of the crate, above a stand-in"
    )
)]

// Under loom there is what its models explore, above a stand-in for the runtime.
#[cfg(loom)]
extern crate self as gort_runtime;

mod barrier;
#[cfg(not(loom))]
mod caught;
pub mod channel;
mod condvar;
#[cfg(not(loom))]
pub mod context;
#[cfg(not(loom))]
mod errgroup;
mod error;
mod mutex;
mod once;
mod prim;
#[cfg(loom)]
mod runtime_loom;
mod rwlock;
pub mod select;
mod semaphore;
#[cfg(not(loom))]
mod singleflight;
mod spin;
mod sudog;
#[cfg(not(loom))]
pub mod time;
mod waitgroup;
mod waitlock;
mod waitqueue;
mod word;

#[cfg(all(loom, test))]
mod tests;

#[cfg(loom)]
pub use runtime_loom::*;

pub use {
    barrier::{Barrier, BarrierWaitResult},
    condvar::{Condvar, WaitTimeoutResult},
    error::{Timeout, WouldBlock},
    mutex::{LockArm, LockRequest, Mutex, MutexGuard},
    once::{LazyLock, Once, OnceLock},
    rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    semaphore::{AcquireArm, AcquireError, AcquireRequest, Permit, Semaphore},
    waitgroup::WaitGroup,
};
#[cfg(not(loom))]
pub use {errgroup::ErrGroup, singleflight::SingleFlight};
