//! The states of a goroutine, and its owner in each.
//!
//! | status   | stack in use | owner: only it may change the status and access `Cell`s   |
//! |----------|--------------|-----------------------------------------------------------|
//! | Idle     | no           | the spawner that took the record, or the list it is in    |
//! | Runnable | no           | the run queue it is in, then the M that took it out       |
//! | Running  | yes          | the M that runs it                                        |
//! | Waiting  | no           | the one waker that won the right to call `goready`        |
//! | Observed | no           | the observer, which makes it Waiting again                |
//! | Dead     | no           | the M that ended it, then its handle (`life/join.rs`)     |
//!
//! ```text
//! Idle ──newproc──► Runnable ──execute──► Running ──park_m──► Waiting
//!                      ▲  ▲                 │ │                  │
//!                      │  └───gosched_m─────┘ └─goexit0─► Dead   │
//!                      └──────────────────goready────────────────┘
//! ```
//!
//! Exactly one actor may end each state, so a transition need not be an atomic read-modify-write (9
//! ns each, three for each switch). It is a checked load and a store. A failed check means that two
//! wakers both believed that they had won, which is our bug: `throw`. Debug builds use a
//! compare-and-swap, so that a race between two such wakers cannot stay hidden.
//!
//! # Observers
//! With `GORT_DEBUG=backtrace=1`, a dump may read the stack of a Waiting goroutine, which a waker
//! may want to run at any moment. The observer makes the goroutine Observed, reads the stack, and
//! makes it Waiting again. The waker waits for that. Both use compare-and-swap on the same word, so
//! one of them comes first and the other sees it; no second variable is involved. While it reads,
//! an observer acquires nothing that a waker could hold, so the wait ends.
//!
//! For the waker, a checked load and store would not be enough (the observer might come between
//! them), and a compare-and-swap is too expensive for every wake-up. Observation is therefore a
//! mode that is chosen before the first goroutine starts. Without it, a wake-up costs one
//! additional load, and dumps show no stacks. Rejected: recording each stack when its goroutine
//! parks, which costs microseconds every time.
//!
//! # Orderings
//! Running→Waiting is a release store that is made on g0 after the context has been saved, and
//! `goready`'s load is an acquire. A waker therefore sees the saved context, and so does an
//! observer. Observed→Waiting is a release: the observer's reads precede the goroutine's next run.
//! The queue that carries a Runnable G publishes it to the actor that takes it out.

use crate::base::prim::{
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    global,
    hint::{AtomicBool, AtomicU32},
};
use crate::base::throw::throw;
use std::thread;

/// The state of a goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum GStatus {
    /// The record holds no goroutine.
    Idle = 0,
    /// In a run queue, or on its way into or out of one.
    Runnable = 1,
    /// Running on an M.
    Running = 2,
    /// Parked. The waker that wins the right to wake it makes it Runnable.
    Waiting = 3,
    /// Ended. The record is kept for a handle that may still ask for the result.
    Dead = 4,
    /// Waiting, and an observer is reading its stack.
    Observed = 5,
}

impl GStatus {
    /// Returns the status that `word` encodes.
    pub(crate) fn of(word: u32) -> Self {
        match word {
            0 => Self::Idle,
            1 => Self::Runnable,
            2 => Self::Running,
            3 => Self::Waiting,
            4 => Self::Dead,
            5 => Self::Observed,
            _ => throw("status word holds no status"),
        }
    }
}

/// Moves a goroutine from `old` to `new`. Throws if it was not in `old`.
#[inline(always)]
pub(crate) fn casgstatus(word: &AtomicU32, old: GStatus, new: GStatus) {
    if cfg!(debug_assertions) {
        if word
            .compare_exchange(old as u32, new as u32, AcqRel, Acquire)
            .is_err()
        {
            throw("casgstatus: the goroutine was in another state (woken twice?)");
        }
    } else {
        if word.load(Acquire) != old as u32 {
            throw("casgstatus: the goroutine was in another state (woken twice?)");
        }
        word.store(new as u32, Release);
    }
}

global! {
    /// Whether goroutines may be observed.
    static OBSERVABLE: AtomicBool = AtomicBool::new(false);
}

/// Sets whether goroutines may be observed. Called before the first goroutine starts.
pub(crate) fn allow_observers(allowed: bool) {
    OBSERVABLE.store(allowed, Relaxed);
}

/// Moves a goroutine from Waiting to `new`, as soon as no observer reads its stack.
#[inline(always)]
pub(crate) fn end_waiting(word: &AtomicU32, new: GStatus) {
    if OBSERVABLE.load(Relaxed) {
        end_observable_waiting(word, new);
    } else {
        casgstatus(word, GStatus::Waiting, new);
    }
}

#[cold]
fn end_observable_waiting(word: &AtomicU32, new: GStatus) {
    while let Err(present) =
        word.compare_exchange(GStatus::Waiting as u32, new as u32, AcqRel, Acquire)
    {
        if present != GStatus::Observed as u32 {
            throw("a goroutine that does not wait was woken (woken twice?)");
        }
        // The observer needs a few microseconds, unless it has lost its CPU.
        thread::yield_now();
    }
}

/// Calls `look` while the goroutine waits and cannot be run. Does nothing if it does not wait, if
/// another thread is observing it, or if it must not be observed. `look` must not unwind.
pub(crate) fn observe(word: &AtomicU32, look: impl FnOnce()) {
    let (waiting, observed) = (GStatus::Waiting as u32, GStatus::Observed as u32);
    if OBSERVABLE.load(Relaxed)
        && word
            .compare_exchange(waiting, observed, Acquire, Relaxed)
            .is_ok()
    {
        look();
        word.store(waiting, Release);
    }
}
