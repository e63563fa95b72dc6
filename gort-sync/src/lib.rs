//! Channels, select, timers and locks for goroutines and for plain threads.
//!
//! Everything here waits through [`gort_runtime::Current`] and wakes through
//! [`gort_runtime::Waiter`]; it knows nothing of Ps, Ms or run queues. Users depend
//! on `gort`, which re-exports this crate's items.
//!
//! ```text
//! time/
//! select/    channel/    mutex    waitgroup
//!         sudog (waiting records and their queues)
//!         gort-runtime: Current, Waiter, RawLock
//! ```

pub mod channel;
mod mutex;
pub mod select;
mod sudog;
pub mod time;
mod waitgroup;

pub use mutex::{Mutex, MutexGuard, WouldBlock};
pub use waitgroup::WaitGroup;
