//! Locks and counters that park goroutines instead of blocking threads.
//!
//! To lock or acquire in a `select!` arm, use a request:
//!
//! ```
//! use gort::context::Context;
//! use gort::prelude::*;
//! use gort::sync::Semaphore;
//!
//! let semaphore = Semaphore::new(2);
//! let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(5));
//! let _all = semaphore.acquire(2);
//! let permit = select! {
//!     permit = <-semaphore.acquire_request(1) => Some(permit),
//!     <-ctx => None,
//! };
//! assert!(permit.is_none());
//! ```

pub use gort_sync::notify::Notify;
pub use gort_sync::{
    AcquireError, AcquireRequest, Barrier, BarrierWaitResult, Condvar, ErrGroup, LazyLock,
    LockRequest, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex,
    MutexGuard, Once, OnceLock, Permit, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore,
    SingleFlight, Timeout, WaitGroup, WaitTimeoutResult, WouldBlock,
};

/// A channel that carries one value. tokio's `sync::oneshot`.
pub mod oneshot {
    pub use gort_sync::oneshot::{Receiver, Sender, channel};
}

/// A channel that keeps only the latest value and tells its receivers when it changes. tokio's
/// `sync::watch`.
pub mod watch {
    pub use gort_sync::watch::{Receiver, Ref, Sender, channel};
}

/// A channel on which every receiver gets every value, unless it is too slow. tokio's
/// `sync::broadcast`.
pub mod broadcast {
    pub use gort_sync::broadcast::{Receiver, RecvError, Sender, channel};
}
