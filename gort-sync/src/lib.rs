//! Channels, select, timers and locks for goroutines and for plain threads.
//!
//! Everything here waits through [`gort_runtime::Current`] and wakes through
//! [`gort_runtime::Waiter`]; it knows nothing of Ps, Ms or run queues. Users depend
//! on `gort`, which re-exports this crate's items.
//!
//! ```text
//! errgroup singleflight                  goroutines with one outcome · one call for all who want the same
//! joinset/   members arm                 goroutines whose results come as they end · who is in it · as an arm
//! signal/    name registry arm            signals, and who waits for one: which there are · the protocol · as an arm
//! context/   node func values            when to stop: the tree · functions that start then · values that go along
//! time/      timer ticker callback       a message at a time · at regular times · a function that is called then
//! time/      timeout                     a function that gets so much time
//! notify                                 waking one who waits, or all
//! watch/     value borrow                the latest value: who looks and who changes it · looking at it
//! broadcast/ kept error                  every receiver gets all: what is kept for whom · why there is no value
//! oneshot                                a channel for one value
//! waitgroup/ go arm                      waiting for a number of goroutines · starting them · as an arm
//! condvar barrier                        waiting for a condition · for all to come
//! once/      gate cell lazy              doing something once · a value set once · made when first needed
//! rwlock/    guard mapped wait           many readers or one writer: what they hold · for a part · how they wait
//! mutex/     mapped request wait         a lock around data: held for a part · as an arm of a select · how one waits
//! semaphore/ sema permit arm wait        permits: what is shared · what holds them · as an arm · how one waits
//! select/    macro_support dynamic       what `select!` expands to · operations known only at run time
//! select/    operand promise             what is in such a set · sends whose value comes later
//! select/    send recv join              arms: sending · receiving · a goroutine's end
//! select/    pass arm case               the algorithm · what takes part · in one select only
//! channel/   send recv direction iter    the two sides · a receiver as an iterator
//! channel/   error                       why an operation fails
//! channel/   at done timer               channels of one instant · of a context · of a timer
//! channel/   counter reserve ops         whose last handle closes · sends that come later · send and receive
//! channel/   hchan ring backlog          the channel proper · its buffer, used without the lock · without a bound
//! channel/   membership hint             who may use it · what a look tells
//! lookout                                waiting until there is something to see: who is woken looks again
//! contention                             what the profile of locks is told
//! caught                                 a user's closure, however it ends
//! waitlock waitqueue sudog               one way to wait: the lock · the queue · the record
//! spin error                             trying for a moment before · why a lock was not obtained
//! word/      mutex rwlock once           the locks' state words, which loom explores
//! prim runtime_loom                      atomics, or loom's · the runtime, for loom
//! ```
//!
//! Below it is `gort-runtime`: `Current`, `Waiter`, `RawLock`.

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
pub mod broadcast;
#[cfg(not(loom))]
mod caught;
pub mod channel;
mod condvar;
mod contention;
#[cfg(not(loom))]
pub mod context;
#[cfg(not(loom))]
mod errgroup;
mod error;
#[cfg(not(loom))]
mod joinset;
mod lookout;
mod mutex;
pub mod notify;
mod once;
pub mod oneshot;
mod prim;
#[cfg(loom)]
mod runtime_loom;
mod rwlock;
pub mod select;
mod semaphore;
#[cfg(not(loom))]
pub mod signal;
#[cfg(not(loom))]
mod singleflight;
mod spin;
mod sudog;
#[cfg(not(loom))]
pub mod time;
mod waitgroup;
mod waitlock;
mod waitqueue;
pub mod watch;
mod word;

/// For gort's own use: what belongs to no bubble, whoever makes it.
#[doc(hidden)]
pub mod outside {
    use crate::channel::{self, Receiver, Sender};

    /// As [`channel::bounded`].
    #[must_use]
    pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
        channel::bounded_outside(cap)
    }
}

#[cfg(all(loom, test))]
mod tests;

#[cfg(loom)]
pub use runtime_loom::*;

pub use {
    barrier::{Barrier, BarrierWaitResult},
    condvar::{Condvar, WaitTimeoutResult},
    error::{Timeout, WouldBlock},
    lookout::LookArm,
    mutex::{LockArm, LockRequest, MappedMutexGuard, Mutex, MutexGuard},
    once::{LazyLock, Once, OnceLock},
    rwlock::{
        MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    },
    semaphore::{AcquireArm, AcquireError, AcquireRequest, Permit, Semaphore},
    waitgroup::{CountLook, WaitGroup},
};
#[cfg(not(loom))]
pub use {
    errgroup::ErrGroup,
    joinset::{JoinNextArm, JoinSet},
    signal::arm::SignalArm,
    singleflight::SingleFlight,
};
