//! Channels, select and locks for goroutines and for plain threads.
//!
//! Everything here waits through [`gort_runtime::Current`] and wakes through
//! [`gort_runtime::Waiter`]; it knows nothing of Ps, Ms or run queues. Users depend
//! on `gort`, which re-exports this crate's items.
//!
//! ```text
//! errgroup  singleflight  context/
//! select/  channel/  mutex  waitgroup  semaphore/
//!         sudog (waiting records and their queues)
//!         gort-runtime: Current, Waiter, RawLock
//! ```

mod caught;
pub mod channel;
pub mod context;
mod errgroup;
mod mutex;
pub mod select;
mod semaphore;
mod singleflight;
mod sudog;
mod waitgroup;

pub use errgroup::ErrGroup;
pub use mutex::{Mutex, MutexGuard, WouldBlock};
pub use semaphore::{AcquireArm, AcquireError, AcquireRequest, Permit, Semaphore};
pub use singleflight::SingleFlight;
pub use waitgroup::WaitGroup;
