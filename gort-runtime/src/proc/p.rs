//! P: the right to run goroutines, and the state that belongs to it.
//!
//! There are `max_procs` Ps. An M must hold one to run goroutines.
//!
//! # Who may access what
//! - `streak`, `new_in_a_row`, `due_in_a_row`, `due_runs`, `due_ns`, `due_overruns`, `slice_start`,
//!   `readings_left`, `coarse_now`, `ids`, `rng`, `stacks`, `records`, `collisions`, and the sampling
//!   in `stats`: only the holder.
//! - `dispatches`, `schedtick`, `started`, `ended`, and the counts in `stats` (atomics): written by
//!   the holder, read by any thread.
//! - `m`, `visited` (atomics): see `sched/visit.rs`. `m` is read also by sysmon, by Ms without a P
//!   and by traces.
//! - `slice_is_over` (atomic): written and read by the holder and by sysmon.
//! - `stolen_next` (atomic): written and read by the holder and by thieves.
//! - `progress_seen` (atomic): written and read by thieves.
//! - `unused`, `link`: written and read by any thread, under the scheduler's lock.
//! - `runq`, `timers`: see `runq.rs`, whose owner is the holder, and `time/heap.rs`.
//! - `id`: written by `new`, read by any thread.
//!
//! The *holder* is the M whose `p` names the P and which is inside the runtime: on g0, or in a
//! goroutine that has entered (`ownership.rs`). While a P passes from one M to the next, its holder
//! is the actor that has released or taken it, until the P is in the idle list or in a `nextp`, or
//! belongs to the actor's M. (A P that is in a `nextp` as a lent one is still with its M.)
//!
//! Hand-overs release and acquire: by the scheduler's lock (the idle list), by `M::nextp` and then
//! `note` or the start of a thread, and from an M to a taker by the handshake of `ownership.rs`.

use crate::base::debug;
use crate::base::prim::{
    AtomicBool, AtomicPtr,
    Ordering::Relaxed,
    hint::{self, AtomicU32, AtomicU64},
};
use crate::os;
use crate::proc::collisions::Collisions;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::runq::Runq;
use crate::proc::stats::{OUTSIDE, Stats};
use crate::proc::stolennext::StolenNext;
use crate::record::FreeRecords;
use crate::stack::FreeStacks;
use crate::time::Timers;
use std::cell::Cell;
use std::ptr;

/// Number of dispatches in one time slice between two readings of the clock.
const SLICE_CHECK: u32 = 16;
/// How long goroutines that make each other `runnext` may keep the rest of the queue waiting. Go's
/// time slice.
pub(crate) const SLICE_NS: u64 = 10_000_000;
/// Number of goroutine ids that a P takes from the global counter at a time.
const ID_BATCH: u64 = 16;
/// The golden ratio as a binary fraction. It is the increment of splitmix64.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One processor.
pub(crate) struct P {
    /// The M that holds this P, or null.
    pub(crate) m: AtomicPtr<M>,
    /// Set while a thief takes goroutines from the queue.
    pub(crate) visited: AtomicBool,
    id: u32,
    /// Whether the P has no holder because it is idle or surplus. Protected by the scheduler's
    /// lock.
    pub(crate) unused: Cell<bool>,
    /// Next in the idle list.
    pub(crate) link: Cell<*const P>,
    pub(crate) runq: Runq<G>,
    /// Incremented for every goroutine that is run, including one that inherits its time slice.
    /// Other threads read it to see whether this P makes progress.
    pub(crate) dispatches: AtomicU64,
    /// How far the queue had got when a searching M last looked (`sched/crowd.rs`).
    pub(crate) progress_seen: hint::AtomicU32,
    /// Incremented for every time slice. Other threads read it to see how long the current time
    /// slice has lasted.
    pub(crate) schedtick: AtomicU32,
    pub(crate) stolen_next: StolenNext,
    /// Set by sysmon when the current time slice has lasted long enough.
    pub(crate) slice_is_over: hint::AtomicBool,
    /// Number of goroutines run in the current time slice.
    pub(crate) streak: Cell<u32>,
    /// Number of new goroutines that ran from `runnext` since the head of the queue last ran.
    pub(crate) new_in_a_row: Cell<u32>,
    /// Number of goroutines that timers have woken and that ran ahead of the queue, since the head
    /// of the queue last ran or a time slice began.
    pub(crate) due_in_a_row: Cell<u32>,
    /// Whether a goroutine woken by a timer has run since the clock was last read for timers.
    pub(crate) due_runs: Cell<bool>,
    /// The part of the time slice, in nanoseconds, that goroutines woken by timers have used.
    pub(crate) due_ns: Cell<u64>,
    /// How often goroutines woken by timers have used up their part of a time slice, while others
    /// have been due.
    pub(crate) due_overruns: Cell<u32>,
    /// When the clock was first read in the current time slice, or 0.
    pub(crate) slice_start: Cell<u64>,
    pub(crate) timers: Timers,
    /// Number of dispatches left at each of which the holder must read the clock for the timers.
    pub(crate) readings_left: Cell<u32>,
    pub(crate) stacks: FreeStacks,
    pub(crate) records: FreeRecords,
    pub(crate) collisions: Collisions,
    /// Number of goroutines started and ended on this P. The difference, summed over all Ps, is the
    /// number of live goroutines.
    started: AtomicU64,
    ended: AtomicU64,
    /// The time at which this P last read the clock.
    pub(crate) coarse_now: Cell<u64>,
    /// The next goroutine id of this P's batch, and the end of the batch.
    ids: Cell<(u64, u64)>,
    rng: Cell<u64>,
    pub(crate) stats: Stats,
}

// SAFETY: only the actors in the list above access each cell: one thread at a time. The hand-overs
// named below the list order those that follow each other.
unsafe impl Sync for P {}
// SAFETY: no field depends on the thread that made it. The records and stacks in the free lists
// belong to the P.
unsafe impl Send for P {}

impl P {
    pub(crate) fn new(id: u32) -> Self {
        Self {
            m: AtomicPtr::new(ptr::null_mut()),
            visited: AtomicBool::new(false),
            id,
            unused: Cell::new(true),
            link: Cell::new(ptr::null()),
            runq: Runq::new(),
            dispatches: AtomicU64::new(0),
            progress_seen: hint::AtomicU32::new(0),
            schedtick: AtomicU32::new(0),
            stolen_next: StolenNext::new(),
            slice_is_over: hint::AtomicBool::new(false),
            streak: Cell::new(0),
            new_in_a_row: Cell::new(0),
            due_in_a_row: Cell::new(0),
            due_runs: Cell::new(false),
            due_ns: Cell::new(0),
            due_overruns: Cell::new(0),
            slice_start: Cell::new(0),
            timers: Timers::new(),
            readings_left: Cell::new(0),
            stacks: FreeStacks::new(),
            records: FreeRecords::new(),
            collisions: Collisions::new(),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            coarse_now: Cell::new(0),
            ids: Cell::new((0, 0)),
            rng: Cell::new(first_state(debug::seed(), id)),
            stats: Stats::new(),
        }
    }

    /// Returns the P's index among all Ps.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Counts a goroutine that begins to wait, on an M that holds `p` or has no P.
    #[inline(always)]
    pub(crate) fn count_park(p: Option<&Self>) {
        match p {
            Some(p) => p.stats.parks.increment(),
            None => OUTSIDE.park(),
        }
    }

    /// Records, for sampled goroutines, when `g` became runnable. The caller still owns `g`. `p` is
    /// the P of the M that made it runnable, if it has one.
    #[inline(always)]
    pub(crate) fn made_runnable(p: Option<&Self>, g: &G) {
        if p.map_or_else(|| OUTSIDE.samples(), |p| p.stats.samples()) {
            g.stamp_runnable();
        }
    }

    /// Records the latency of `g`, if it is sampled. The holder is about to run `g`.
    #[inline(always)]
    pub(crate) fn runs(&self, g: &G) {
        let since = g.runnable_since.get();
        if since != 0 {
            g.runnable_since.set(0);
            self.stats.ran(since);
        }
    }

    /// Begins a time slice. The holder calls this.
    #[inline]
    pub(crate) fn next_slice(&self) {
        self.schedtick
            .store(self.schedtick.load(Relaxed).wrapping_add(1), Relaxed);
        self.slice_is_over.store(false, Relaxed);
        self.streak.set(0);
        self.due_in_a_row.set(0);
        self.due_runs.set(false);
        self.due_ns.set(0);
        self.slice_start.set(0);
    }

    /// Returns whether goroutines that inherit the time slice have used it up. A chain of short
    /// runs reads the clock from time to time. For long runs, sysmon sets `slice_is_over`.
    #[inline]
    pub(crate) fn slice_used_up(&self) -> bool {
        if self.slice_is_over.load(Relaxed) {
            return true;
        }
        let streak = self.streak.get();
        if streak == 0 || !streak.is_multiple_of(SLICE_CHECK) {
            return false;
        }
        let now = os::now_ns();
        self.coarse_now.set(now);
        let start = self.slice_start.get();
        if start == 0 {
            self.slice_start.set(now);
            return false;
        }
        now - start >= SLICE_NS
    }

    /// Returns a random number (xorshift64*, Vigna 2016). Used to choose victims and the order in
    /// selects.
    #[inline]
    pub(crate) fn random(&self) -> u32 {
        let mut x = self.rng.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.rng.set(x);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// Returns a goroutine id that no other goroutine has.
    #[inline]
    pub(crate) fn new_id(&self, global: &AtomicU64) -> u64 {
        let (mut id, mut end) = self.ids.get();
        if id == end {
            // Relaxed: only uniqueness matters.
            id = global.fetch_add(ID_BATCH, Relaxed);
            end = id + ID_BATCH;
        }
        self.ids.set((id + 1, end));
        id
    }

    #[inline]
    pub(crate) fn count_started(&self) {
        // Only the holder writes, so no read-modify-write is needed.
        self.started.store(self.started.load(Relaxed) + 1, Relaxed);
    }

    #[inline]
    pub(crate) fn count_ended(&self) {
        self.ended.store(self.ended.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }
}

/// Returns the initial state of P `id`'s generator. Neighbouring seeds and Ps get unrelated states.
/// The state is never 0, because 0 would stay 0.
fn first_state(seed: u64, id: u32) -> u64 {
    mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(id.into())).max(1)
}

/// Spreads the bits of a counter or seed (splitmix64, Steele et al. 2014).
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
