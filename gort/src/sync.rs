//! Locks and counters that park goroutines instead of blocking threads.

pub use gort_sync::{Mutex, MutexGuard, WaitGroup, WouldBlock};
