//! State that all goroutines share: counters and the timers. The names are those of
//! `sched/state.rs`.

use crate::base::lock::{Lock, Rank};
use crate::base::prim::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::os;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::GStatus;
use crate::proc::p::P;
use crate::record;
use crate::time::Timers;
use std::sync::atomic::AtomicI32;

/// The scheduler's state, reduced to what goroutines as threads need.
pub(crate) struct Sched {
    pub(crate) shared: Lock<Shared>,
    pub(crate) idle: Idle,
    pub(crate) sysmon: Sysmon,
    /// The number that [`Shared::set_procs`] was given.
    procs: AtomicU32,
    next_id: AtomicU64,
    started: AtomicU64,
    pub(crate) ended_outside: AtomicU64,
    timers: Timers,
}

/// Fields that the metrics and `checkdead.rs` read. Nothing is ever queued. The deadlock check
/// fills in the number of threads and how many of them sleep.
pub(crate) struct Shared {
    pub(crate) runq: GQueue,
    pub(crate) held: GQueue,
    pub(crate) starved: GQueue,
    pub(crate) nmidle: u32,
    pub(crate) wired_asleep: i32,
    pub(crate) threads: u32,
    pub(crate) max_threads: u32,
    pub(crate) handoffs: u64,
}

impl Shared {
    /// Stores the number.
    pub(crate) fn set_procs(&mut self, procs: u32) {
        SCHED.procs.store(procs, Relaxed);
    }

    /// Returns 0: there are no Ps.
    pub(crate) fn npidle(&self) -> u32 {
        0
    }
}

/// The counters of `sched/idle.rs`: no thread looks for work.
pub(crate) struct Idle;

impl Idle {
    pub(crate) fn nmspinning(&self) -> u32 {
        0
    }

    /// Returns false: a goroutine that becomes runnable has its own thread.
    pub(crate) fn is_work_wanted(&self) -> bool {
        false
    }
}

/// Wakes the thread that delivers signals, by a byte in a socket pair. A signal handler may write
/// that byte.
pub(crate) struct Sysmon {
    write_end: AtomicI32,
}

impl Sysmon {
    /// Makes `wake` write to this descriptor.
    pub(crate) fn wake_by(&self, write_end: i32) {
        self.write_end.store(write_end, Release);
    }

    /// Wakes the thread, if it exists. May be called in a signal handler.
    pub(crate) fn wake(&self) {
        let write_end = self.write_end.load(Acquire);
        if write_end >= 0 {
            os::write_byte(write_end);
        }
    }

    /// Does nothing: no P is watched.
    pub(crate) fn notice_busy(&self) {}

    /// Does nothing: no P is watched.
    pub(crate) fn notice_blocking(&self) {}
}

pub(crate) static SCHED: Sched = Sched {
    shared: Lock::ranked(
        Rank::Sched,
        Shared {
            runq: GQueue::new(),
            held: GQueue::new(),
            starved: GQueue::new(),
            nmidle: 0,
            wired_asleep: 0,
            threads: 0,
            max_threads: 0,
            handoffs: 0,
        },
    ),
    idle: Idle,
    sysmon: Sysmon {
        write_end: AtomicI32::new(-1),
    },
    procs: AtomicU32::new(1),
    next_id: AtomicU64::new(1),
    started: AtomicU64::new(0),
    ended_outside: AtomicU64::new(0),
    timers: Timers::new(),
};

impl Sched {
    /// Returns an empty list: there are no Ps.
    pub(crate) fn allp(&self) -> &'static [&'static P] {
        &[]
    }

    /// Returns the number that was asked for, or the number of processors.
    pub(crate) fn procs(&self) -> u32 {
        self.procs.load(Relaxed)
    }

    /// Returns `false`: no other goroutine is known to run.
    pub(crate) fn another_runs(&self) -> bool {
        false
    }

    /// Returns `false`: nothing is queued.
    pub(crate) fn global_has_work(&self) -> bool {
        false
    }

    /// Counts a goroutine that is being started, and returns its id.
    pub(crate) fn count_start(&self, _: Option<&P>) -> u64 {
        self.started.fetch_add(1, Relaxed);
        self.next_id.fetch_add(1, Relaxed)
    }

    /// Returns how many goroutines have been started so far.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    /// Returns how many goroutines have the status Running.
    pub(crate) fn running(&self) -> usize {
        let mut running = 0;
        record::for_each(|g| {
            let status = GStatus::of(g.status.load(Relaxed));
            running += usize::from(status == GStatus::Running);
        });
        running
    }

    /// Returns the only heap.
    pub(crate) fn timers(&self, _: Option<&'static P>) -> &'static Timers {
        &SCHED.timers
    }

    /// Returns the only heap.
    pub(crate) fn all_timers(&self) -> impl Iterator<Item = &'static Timers> {
        std::iter::once(&SCHED.timers)
    }

    /// Returns the time of the earliest timer, or 0 if there is none.
    pub(crate) fn earliest_timer(&self) -> u64 {
        self.timers.next()
    }
}

/// Returns the number of goroutines that have been started and have not ended, main's included.
/// Go's `runtime.NumGoroutine`.
///
/// ```
/// use gort::prelude::*;
/// use gort::runtime::num_goroutines;
///
/// let (tx, rx) = bounded::<()>(0);
/// let before = num_goroutines();
/// let waits = go!(move || rx.recv());
/// assert_eq!(num_goroutines(), before + 1);
/// drop(tx);
/// waits.join().unwrap().unwrap_err();
/// assert_eq!(num_goroutines(), before);
/// ```
#[must_use]
pub fn num_goroutines() -> usize {
    // The ended ones are counted first: a goroutine that ends in between counts as live, and none
    // is counted as ended that has not been counted as started.
    let ended = SCHED.ended_outside.load(Relaxed);
    usize::try_from(SCHED.started().saturating_sub(ended)).unwrap_or(usize::MAX)
}
