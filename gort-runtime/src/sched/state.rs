//! State that all Ps share: the global run queue and the idle lists.
//!
//! One lock protects everything in [`Shared`]. The counters outside of it are hints for threads
//! that look before they lock, except `idle`, which has a protocol of its own (`idle.rs`). While
//! the lock is held, no thread is woken except sysmon, and nothing is allocated except where
//! `checkdead.rs` counts threads and reports, and where Ps are created.

use crate::base::lock::{Lock, Rank};
use crate::base::prim::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    global, hint,
};
use crate::base::throw::fatal;
use crate::netpoll;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::m::M;
use crate::proc::p::P;
use crate::sched::allp::AllP;
use crate::sched::held::Held;
use crate::sched::idle::Idle;
use crate::sched::sysmonsleep::SysmonSleep;
use crate::time::Timers;
use std::iter;
use std::ptr::{self, NonNull};

/// Default for the maximum number of threads the runtime starts. Go's number.
const MAX_THREADS: u32 = 10_000;

/// An M that was chosen for a P.
pub(crate) enum PickedM {
    /// The M sleeps in `stopm`.
    Idle(&'static M),
    /// The M's thread has exited.
    Exited(&'static M),
    /// No M without a thread is left: the caller creates one.
    New,
}

/// What an idle M watches while it sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Duties {
    /// Whether the M must wake when the earliest timer is due.
    pub(crate) time: bool,
    /// Whether the M sleeps in the network poll.
    pub(crate) poll: bool,
}

/// The scheduler's shared state.
pub(crate) struct Sched {
    pub(crate) shared: Lock<Shared>,
    /// Length of the global queue, as of the last unlock.
    pub(crate) runqsize: AtomicU32,
    pub(crate) idle: Idle,
    pub(crate) sysmon: SysmonSleep,
    /// Whether a goroutine waits for a stack. Written under the lock.
    pub(crate) starving: AtomicBool,
    /// Time until which the timekeeper sleeps. 0 if there is no timekeeper.
    pub(crate) poll_until: AtomicU64,
    /// Time at which a timekeeper last woke up by itself.
    pub(crate) timer_wake: hint::AtomicU64,
    /// The next goroutine id.
    pub(crate) next_id: hint::AtomicU64,
    /// Number of goroutines started by plain threads or by Ms without a P.
    pub(crate) started_outside: hint::AtomicU64,
    /// Number of goroutines that ended on an M without a P.
    pub(crate) ended_outside: hint::AtomicU64,
    allp: AllP,
}

/// What the scheduler's lock protects.
pub(crate) struct Shared {
    pub(crate) runq: GQueue,
    /// Idle Ms, linked through `idle_next`.
    midle: *const M,
    pub(crate) nmidle: u32,
    /// Idle Ps, linked through `link`.
    pidle: *const P,
    npidle: u32,
    /// Number of surplus Ps that are still held.
    pub(crate) surplus_held: u32,
    /// The idle M that sleeps until the earliest timer, or null.
    timekeeper: *const M,
    /// The M that sleeps in the network poll or is about to return from it, or null.
    poller: *const M,
    /// Ms whose threads have exited, linked through `idle_next`.
    mfree: *const M,
    /// Number of Ms that sleep until the goroutine wired to them can run. Briefly negative if such
    /// an M is woken before it has counted itself.
    pub(crate) wired_asleep: i32,
    /// Goroutines that wait for a stack (`starved.rs`).
    pub(crate) starved: GQueue,
    /// Untested goroutines on hold (`hogs.rs`).
    pub(crate) held: Held,
    /// Number of the runtime's threads that exist or are being started.
    pub(crate) threads: u32,
    /// Maximum of `threads`. If more threads are needed, the process ends with an error.
    pub(crate) max_threads: u32,
    /// How often a P was passed to another M because a goroutine kept its thread.
    pub(crate) handoffs: u64,
}

// SAFETY: only the pointers to Ms and Ps keep it from being `Send`. Ms and Ps live for ever
// (`proc/m.rs`: only `leak` creates an M; `sched/allp.rs`: only `set_procs` creates a P) and are
// `Sync`, so a pointer to one may go to any thread. The tables of M and P say who may touch which
// of their cells.
unsafe impl Send for Shared {}

global! {
    pub(crate) static SCHED: Sched = Sched {
        shared: Lock::ranked(Rank::Sched, Shared {
            runq: GQueue::new(),
            midle: ptr::null(),
            nmidle: 0,
            pidle: ptr::null(),
            npidle: 0,
            surplus_held: 0,
            timekeeper: ptr::null(),
            poller: ptr::null(),
            mfree: ptr::null(),
            wired_asleep: 0,
            starved: GQueue::new(),
            held: Held::new(),
            threads: 0,
            max_threads: MAX_THREADS,
            handoffs: 0,
        }),
        runqsize: AtomicU32::new(0),
        idle: Idle::new(),
        sysmon: SysmonSleep::new(),
        starving: AtomicBool::new(false),
        poll_until: AtomicU64::new(0),
        timer_wake: hint::AtomicU64::new(0),
        next_id: hint::AtomicU64::new(1),
        started_outside: hint::AtomicU64::new(0),
        ended_outside: hint::AtomicU64::new(0),
        allp: AllP::new(),
    };
}

impl Sched {
    /// Returns all Ps, including surplus ones. The list is empty before the runtime has started.
    #[inline]
    pub(crate) fn allp(&self) -> &'static [&'static P] {
        self.allp.get()
    }

    /// Returns how many Ps may run goroutines.
    #[inline]
    pub(crate) fn procs(&self) -> u32 {
        self.allp.procs()
    }

    /// Returns how many Ps are not idle.
    #[inline]
    pub(crate) fn busy_procs(&self) -> u32 {
        self.procs().saturating_sub(self.idle.npidle())
    }

    /// Returns whether another goroutine seems to be running at the same time as the caller.
    pub(crate) fn another_runs(&self) -> bool {
        self.procs() > self.idle.npidle() + self.idle.nmspinning() + 1
    }

    /// Returns whether `p` is surplus: there are too many Ps for it to run goroutines.
    #[inline]
    pub(crate) fn is_surplus(&self, p: &P) -> bool {
        self.allp.is_surplus(p)
    }

    /// Appends goroutines to the global queue. The caller must call `wakep` afterwards.
    pub(crate) fn put_global(&self, list: &GQueue) {
        let shared = self.shared.lock();
        shared.runq.append(list);
        self.publish_runqsize(&shared);
    }

    /// Takes a goroutine from the global queue. The caller holds the lock.
    pub(crate) fn get_global(&self, shared: &Shared) -> Option<NonNull<G>> {
        let gp = shared.runq.pop_front()?;
        self.publish_runqsize(shared);
        Some(gp)
    }

    /// Publishes the length of the global queue to `global_has_work`. The caller holds the lock.
    /// Release: a thread that reads 0 also sees where the goroutines have gone.
    pub(crate) fn publish_runqsize(&self, shared: &Shared) {
        self.runqsize.store(shared.runq.len(), Release);
    }

    /// Returns whether the global queue seems to have work.
    #[inline]
    pub(crate) fn global_has_work(&self) -> bool {
        self.runqsize.load(Acquire) != 0
    }

    /// Counts a goroutine that is being started, and returns its id. The caller's M holds `p`, or
    /// no P.
    #[inline]
    pub(crate) fn count_start(&self, p: Option<&P>) -> u64 {
        match p {
            Some(p) => {
                p.count_started();
                p.new_id(&self.next_id)
            }
            None => {
                self.started_outside.fetch_add(1, Relaxed);
                self.next_id.fetch_add(1, Relaxed)
            }
        }
    }

    /// Returns how many goroutines have been started so far.
    pub(crate) fn started(&self) -> u64 {
        let outside = self.started_outside.load(Relaxed);
        self.allp().iter().map(|p| p.started()).sum::<u64>() + outside
    }

    /// Returns how many goroutines are on a thread.
    pub(crate) fn running(&self) -> usize {
        M::all().filter(|m| m.goroutine().is_some()).count()
    }

    /// Returns the heap to which the caller adds timers. The caller's M holds `p`; `None` is for an
    /// M without a P and for a plain thread.
    pub(crate) fn timers(&self, p: Option<&'static P>) -> &'static Timers {
        p.map_or_else(|| &self.allp()[0].timers, |p| &p.timers)
    }

    /// Returns the timer heaps of all Ps.
    pub(crate) fn all_timers(&self) -> impl Iterator<Item = &'static Timers> {
        self.allp().iter().map(|p| &p.timers)
    }

    /// Returns the time of the earliest timer of any P, or 0 if there is none.
    pub(crate) fn earliest_timer(&self) -> u64 {
        self.all_timers()
            .map(Timers::next)
            .filter(|&next| next != 0)
            .min()
            .unwrap_or(0)
    }

    /// Returns how many timers of all Ps are earlier than `limit`, counting up to `most`.
    pub(crate) fn timers_before(&self, limit: u64, most: usize) -> usize {
        self.all_timers().fold(0, |found, timers| {
            found + timers.count_before(limit, most - found)
        })
    }
}

impl Shared {
    /// Changes how many Ps may run goroutines. New Ps are idle; idle Ps that become surplus leave
    /// the list.
    pub(crate) fn set_procs(&mut self, procs: u32) {
        SCHED.allp.set_procs(procs);
        // Rebuilds the list with the lowest number first.
        self.pidle = ptr::null();
        self.npidle = 0;
        self.surplus_held = 0;
        for p in SCHED.allp().iter().rev() {
            let unused = p.unused.get();
            if !SCHED.is_surplus(p) && unused {
                self.pidle_put(p);
            } else if SCHED.is_surplus(p) && !unused {
                self.surplus_held += 1;
            }
        }
        SCHED.idle.p_taken(self.npidle);
    }

    /// Records that no M holds `p` any more, because `p` was surplus. If the number of Ps has been
    /// raised since, `p` becomes idle instead.
    pub(crate) fn retire(&mut self, p: &P) {
        if SCHED.is_surplus(p) {
            p.unused.set(true);
            self.surplus_held -= 1;
        } else {
            self.pidle_put(p);
        }
    }

    /// Puts an idle P into the list. [`Idle::p_idled`] says what the result means.
    pub(crate) fn pidle_put(&mut self, p: &P) -> bool {
        p.unused.set(true);
        p.link.set(self.pidle);
        self.pidle = p;
        self.npidle += 1;
        SCHED.idle.p_idled(self.npidle)
    }

    /// Returns the idle Ps.
    pub(crate) fn idle_ps(&self) -> impl Iterator<Item = &P> {
        // SAFETY: the list holds Ps, which live for ever.
        let deref = |p: *const P| unsafe { p.as_ref() };
        iter::successors(deref(self.pidle), move |p| deref(p.link.get()))
    }

    pub(crate) fn npidle(&self) -> u32 {
        self.npidle
    }

    /// Takes an idle P out of the list, if there is one.
    pub(crate) fn pidle_get(&mut self) -> Option<&'static P> {
        // SAFETY: `pidle` is null or a P that `pidle_put` got as a reference. Ps live for ever.
        let p = unsafe { self.pidle.as_ref() }?;
        self.pidle = p.link.get();
        p.unused.set(false);
        self.npidle -= 1;
        SCHED.idle.p_taken(self.npidle);
        SCHED.sysmon.notice_busy();
        Some(p)
    }

    /// Returns `true` if every P is idle, so that sysmon can sleep. Sysmon calls this before it
    /// sleeps, and the M that next takes a P out of the idle list wakes sysmon. Both happen under
    /// the lock. If an M has already taken a P, sysmon sees that here. An M that takes one later
    /// sees that sysmon sleeps.
    pub(crate) fn sysmon_parks(&self) -> bool {
        let all_idle = self.npidle == SCHED.procs() && self.surplus_held == 0;
        if all_idle {
            SCHED.sysmon.about_to_sleep();
        }
        all_idle
    }

    /// Returns the ids of the Ms whose threads have exited.
    pub(crate) fn exited(&self) -> Vec<u32> {
        // SAFETY: `m` is null or an M that `thread_ended` got as a reference. Ms live for ever.
        let deref = |m: *const M| unsafe { m.as_ref() };
        iter::successors(deref(self.mfree), |m| deref(m.idle_next.get()))
            .map(|m| m.id)
            .collect()
    }

    /// Puts `m` into the idle list and returns its duties.
    ///
    /// `m` keeps time if no other idle M wakes by `until` (0 means that there is nothing to wake
    /// for). It polls if `may_poll` is set, something waits for the network, and no other M polls.
    pub(crate) fn midle_put(&mut self, m: &M, until: u64, may_poll: bool) -> Duties {
        m.idle.set(true);
        m.idle_next.set(self.midle);
        self.midle = m;
        self.nmidle += 1;
        let present = SCHED.poll_until.load(Relaxed);
        let time = until != 0 && (present == 0 || until < present);
        if time {
            self.timekeeper = m;
            SCHED.poll_until.store(until, Relaxed);
        }
        let poll = may_poll && self.poller.is_null() && netpoll::has_waiters();
        if poll {
            self.poller = m;
            m.polls.store(true, Relaxed);
            netpoll::blocked();
        }
        Duties { time, poll }
    }

    /// Records that the M that slept in the network poll has returned from it. This must not be
    /// recorded earlier: with two Ms in the poll, one could swallow the other's interruption.
    pub(crate) fn poll_ended(&mut self, m: &M) {
        self.poller = ptr::null();
        m.polls.store(false, Relaxed);
        netpoll::unblocked();
    }

    /// Takes an idle M. Takes one that has duties only if there is no other.
    pub(super) fn midle_get(&mut self) -> Option<&'static M> {
        let mut at = self.midle;
        // SAFETY: `at` is null or an M that `midle_put` got as a reference. Ms live for ever.
        while let Some(m) = unsafe { at.as_ref() }
            && (ptr::eq(m, self.timekeeper) || ptr::eq(m, self.poller))
        {
            at = m.idle_next.get();
        }
        let chosen = if at.is_null() { self.midle } else { at };
        // SAFETY: `chosen` is an M of the same list, or null.
        let m = unsafe { chosen.as_ref() }?;
        self.midle_remove(m);
        Some(m)
    }

    /// Chooses an M for a P: an idle one, or one for which the caller starts a thread. That thread
    /// is counted at once, so that the deadlock check never sees it missing.
    pub(crate) fn pick_m(&mut self) -> PickedM {
        if let Some(m) = self.midle_get() {
            return PickedM::Idle(m);
        }
        self.pick_without_thread()
    }

    /// Chooses an M for which the caller starts a thread.
    fn pick_without_thread(&mut self) -> PickedM {
        self.threads += 1;
        if self.threads > self.max_threads {
            fatal(&format!(
                "more than {} threads are needed: too many goroutines block their threads \
                 at the same time; bound them, for example with a buffered channel",
                self.max_threads
            ));
        }
        // SAFETY: `mfree` is null or an M that `thread_ended` got as a reference. Ms live for ever.
        match unsafe { self.mfree.as_ref() } {
            Some(m) => {
                self.mfree = m.idle_next.replace(ptr::null());
                PickedM::Exited(m)
            }
            None => PickedM::New,
        }
    }

    /// Chooses an M for which the caller starts a thread without a P. Returns `None` if `wanted` Ms
    /// are already idle or if there are too many threads.
    pub(crate) fn pick_spare(&mut self, wanted: u32) -> Option<PickedM> {
        (self.nmidle < wanted && self.threads < self.max_threads / 2)
            .then(|| self.pick_without_thread())
    }

    /// Records that the thread of `m` has ended or could not be started. The next thread that is
    /// started may get `m`.
    pub(crate) fn thread_ended(&mut self, m: &M) {
        self.threads -= 1;
        m.idle_next.set(self.mfree);
        self.mfree = m;
    }

    /// Takes `m` out of the idle list. Returns `false` if it was not in the list any more.
    pub(crate) fn midle_remove(&mut self, m: &M) -> bool {
        if !m.idle.get() {
            return false;
        }
        if ptr::eq(self.midle, m) {
            self.midle = m.idle_next.get();
        } else {
            let mut at = self.midle;
            // SAFETY: `m.idle` says that `m` is in the list (both change only under this lock), and
            // `m` is not the head. So the walk reaches its predecessor before null. Ms live for
            // ever.
            unsafe {
                while !ptr::eq((*at).idle_next.get(), m) {
                    at = (*at).idle_next.get();
                }
                (*at).idle_next.set(m.idle_next.get());
            }
        }
        self.midle_taken(m);
        true
    }

    fn midle_taken(&mut self, m: &M) {
        m.idle.set(false);
        m.idle_next.set(ptr::null());
        self.nmidle -= 1;
        if ptr::eq(self.timekeeper, m) {
            self.timekeeper = ptr::null();
            SCHED.poll_until.store(0, Relaxed);
        }
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
    // Goroutines that have ended are counted first. So a goroutine that ends during the count
    // counts as live, and no goroutine is counted as ended but not as started.
    let ended: u64 =
        SCHED.allp().iter().map(|p| p.ended()).sum::<u64>() + SCHED.ended_outside.load(Relaxed);
    usize::try_from(SCHED.started().saturating_sub(ended)).unwrap_or(usize::MAX)
}
