//! Channels, select, timers and locks for goroutines and for plain threads.
//!
//! The code in this crate waits through [`gort_runtime::Current`] and wakes through
//! [`gort_runtime::Waiter`]. It knows nothing about Ps, Ms or run queues. Users depend on `gort`,
//! which re-exports this crate's items.
//!
//! ```text
//! errgroup singleflight              goroutines with one outcome · one call for several callers
//! joinset/   members arm             results of goroutines as they end: the members · in a select
//! signal/    name registry arm       signals: their names · the protocol · in a select
//! context/   node func values        when to stop: the tree · functions run at the end · values
//! time/      timer ticker callback   one message · messages at intervals · a function called later
//! time/      timeout                 a function with a time limit
//! notify                             waking one waiter, or all
//! watch/     value borrow            the latest value: the protocol · borrowing it
//! broadcast/ kept error              every receiver gets all: the values kept · the error
//! oneshot                            a channel for one value
//! waitgroup/ go arm                  waiting for goroutines: starting them · in a select
//! condvar barrier                    waiting for a condition · for all participants
//! once/      gate cell lazy          doing something once: waiting · a value set once · lazy
//! rwlock/    guard mapped wait       many readers or one writer: guards · for a part · waiting
//! rwlock/    bias budget             counts of readers on their Ps · when they pay
//! mutex/     mapped request wait     a lock around data: for a part · in a select · waiting
//! semaphore/ sema permit arm wait    permits: shared state · guards · in a select · waiting
//! select/    macro_support dynamic   what `select!` expands to · operations known at run time
//! select/    operand promise         the operations of such a set · sends whose value comes later
//! select/    send recv join          arms: a send · a receive · the end of a goroutine
//! select/    pass arm case           the algorithm · the trait of arms · each in one select only
//! channel/   send recv direction     the two sides · the direction of an operation
//! channel/   iter error              receivers as iterators · the errors of channel operations
//! channel/   at done timer           channels of one instant · of a context · of a timer
//! channel/   counter reserve ops     counting handles · reserving a send · send and receive
//! channel/   hchan buffer ring       the channel · its buffer · that of a bounded channel
//! channel/chain/ block memory        that of an unbounded channel: blocks · their allocation
//! channel/   slots                   the memory of the ring
//! channel/   membership hint         which bubble may use it · what can be seen without the lock
//! lookout                            waiting until a check succeeds
//! contention                         what the profile of locks records
//! caught                             running a user's closure, however it ends
//! waitlock waitqueue sudog           how every wait works: the lock · the queue · the record
//! spin error                         spinning and backing off · the errors of locks
//! word/      mutex rwlock once       the state words of locks, which loom explores
//! prim runtime_loom                  atomics, or loom's · stand-in for the runtime, for loom
//! sleepers_loom ps_loom              stand-ins for counts of waiters and for Ps, for loom
//! ```
//!
//! The crate below is `gort-runtime`: `Current`, `Waiter`, `RawLock`.

#![cfg_attr(
    loom,
    allow(
        dead_code,
        unused_imports,
        missing_docs,
        clippy::drop_non_drop,
        clippy::missing_panics_doc,
        reason = "loom uses only half of the crate, and a stand-in for the runtime"
    )
)]

// Under loom the crate contains only what the models explore, and `runtime_loom.rs` stands in for
// the runtime.
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
mod ps_loom;
#[cfg(loom)]
mod runtime_loom;
mod rwlock;
pub mod select;
mod semaphore;
#[cfg(not(loom))]
pub mod signal;
#[cfg(not(loom))]
mod singleflight;
#[cfg(loom)]
mod sleepers_loom;
mod spin;
mod sudog;
#[cfg(not(loom))]
pub mod time;
mod waitgroup;
mod waitlock;
mod waitqueue;
pub mod watch;
mod word;

/// For gort's own use: objects that belong to no bubble, wherever they are made.
#[doc(hidden)]
pub mod outside {
    use crate::channel::{self, Receiver, Sender};

    /// Like [`channel::bounded`], but the channel belongs to no bubble.
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
