//! The states of a goroutine, and who owns it in each.
//!
//! | status   | stack in use | owner: who alone may change the status and touch `Cell`s |
//! |----------|--------------|-----------------------------------------------------------|
//! | Idle     | no           | the spawner that took the slot, or the pool it lies in    |
//! | Runnable | no           | the run queue it is in, then whoever took it out          |
//! | Running  | yes          | the M that runs it                                        |
//! | Waiting  | no           | the one waker that won the right to call `goready`        |
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
//! # Orderings
//! Running→Waiting is a release store made on g0 after the context is saved, and
//! goready's load is an acquire: a waker therefore sees the saved context. The
//! queue that carries a Runnable G publishes it to whoever takes it out.

use crate::prim::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Release},
};
use crate::throw::throw;

/// State of a goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum GStatus {
    /// The slot holds no goroutine.
    Idle = 0,
    /// In a run queue, or on its way into or out of one.
    Runnable = 1,
    /// On an M.
    Running = 2,
    /// Parked; whoever won the right to wake it makes it Runnable.
    Waiting = 3,
    /// Ended; the slot is kept for whoever may still ask for its result.
    Dead = 4,
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
