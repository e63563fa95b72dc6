//! The states of a goroutine, and who owns it in each.
//!
//! | status   | stack in use | owner: who alone may change the status and touch `Cell`s |
//! |----------|--------------|-----------------------------------------------------------|
//! | Idle     | no           | the spawner that took the record, or the list it lies in  |
//! | Runnable | no           | the run queue it is in, then whoever took it out          |
//! | Running  | yes          | the M that runs it                                        |
//! | Waiting  | no           | the one waker that won the right to call `goready`        |
//! | Observed | no           | the observer that made it so, who makes it Waiting again  |
//! | Dead     | no           | the join word: the last of goroutine and handle frees it  |
//!
//! ```text
//! Idle ──newproc──► Runnable ──execute──► Running ──park_m──► Waiting
//!                      ▲  ▲                 │ │                  │
//!                      │  └───gosched_m─────┘ └─goexit0─► Dead   │
//!                      └──────────────────goready────────────────┘
//! ```
//!
//! In each state exactly one actor is entitled to leave it, so a transition
//! need not be an atomic read-modify-write (9 ns each, three per switch): it is a
//! checked load and a store. A failed check means that two wakers both believed
//! they had won, which is our bug: `throw`. Debug builds use the full
//! compare-and-swap, so that a race between two such wakers cannot hide.
//!
//! # Observers
//! With `GORT_DEBUG=backtrace=1` a dump may look at the stack of a Waiting goroutine, which a
//! waker wants to run at any moment. The observer makes it Observed, looks, and makes it
//! Waiting again; the waker waits for that. Both go by compare-and-swap on the one word, so
//! one of them comes first and the other sees it: no second variable is involved. An observer
//! takes nothing while it looks that a waker could hold, so the wait ends.
//!
//! A checked load and store would not do for the waker (the observer might come between), and
//! a compare-and-swap is too dear for every wake-up. So it is a mode, chosen before the first
//! goroutine starts; without it a wake-up costs one more load, and dumps show no stacks.
//! Rejected: recording each stack when its goroutine parks, microseconds every time.
//!
//! # Orderings
//! Running→Waiting is a release store made on g0 after the context is saved, and
//! goready's load is an acquire: a waker therefore sees the saved context, and so does an
//! observer. Observed→Waiting is a release: the observer has looked before the goroutine runs. The
//! queue that carries a Runnable G publishes it to whoever takes it out.

use crate::base::prim::{
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    global,
    hint::{AtomicBool, AtomicU32},
};
use crate::base::throw::throw;
use std::thread;

/// State of a goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum GStatus {
    /// The record holds no goroutine.
    Idle = 0,
    /// In a run queue, or on its way into or out of one.
    Runnable = 1,
    /// On an M.
    Running = 2,
    /// Parked; whoever won the right to wake it makes it Runnable.
    Waiting = 3,
    /// Ended; the record is kept for whoever may still ask for its result.
    Dead = 4,
    /// Waiting, and somebody is looking at its stack.
    Observed = 5,
}

impl GStatus {
    /// The status that `word` encodes.
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

/// Moves a goroutine from `old` to `new`; throws if it was not in `old`.
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
    /// Goroutines may be observed.
    static OBSERVABLE: AtomicBool = AtomicBool::new(false);
}

/// Before the first goroutine starts: whether goroutines may be observed.
pub(crate) fn allow_observers(allowed: bool) {
    OBSERVABLE.store(allowed, Relaxed);
}

/// Moves a goroutine from Waiting to `new`, as soon as nobody observes it.
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
            throw("the goroutine that was to be woken does not wait (woken twice?)");
        }
        // A few microseconds, unless the observer has lost its CPU.
        thread::yield_now();
    }
}

/// Calls `look` while the goroutine waits and nobody can run it. Does nothing if it does not
/// wait, is being observed by another, or may not be observed. `look` must not unwind.
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
