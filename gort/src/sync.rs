//! Locks and counters that park goroutines instead of blocking threads.

pub use gort_sync::{
    Barrier, BarrierWaitResult, Condvar, LazyLock, LockRequest, Mutex, MutexGuard, Once, OnceLock,
    RwLock, RwLockReadGuard, RwLockWriteGuard, Timeout, WaitGroup, WaitTimeoutResult, WouldBlock,
};
