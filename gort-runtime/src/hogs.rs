//! How many threads may compute without a P.
//!
//! A goroutine that computes for more than a time slice while others wait loses its P and
//! keeps its thread (`sysmon.rs`). If those who wait compute as well, the next one loses its
//! P too, and so on: a thread for each. Nothing can stop a thread that never enters the
//! runtime, so the only way to bound their number is not to start more of them.
//!
//! # The rule
//! A *suspect* is a goroutine that has not yet parked or yielded of its own accord, or has lost
//! its P since it last did. With [`limit`] threads computing without a P, another P that
//! sysmon takes from a computing goroutine begins a *hold*: 20 ms in which no suspect is
//! run; the next hold is twice as long, and so on, until the threads are fewer than the limit.
//! So N endless computations cost at most `limit + log2(uptime / 20 ms)` threads.
//!
//! Who is no suspect does not notice, and waits for a P for a time slice at most. Suspects that are
//! innocent (new goroutines that will soon park) run at full speed between two holds,
//! since only a P lost begins one. They may stand behind guilty ones, so those on hold leave
//! it in random order: everybody has the same chance in each round.
//!
//! Who only sleeps in foreign code is not counted: sysmon looks at the CPU time that the threads
//! use, and asks the kernel about one that uses none, since on a busy machine it may just wait for
//! a core. Threads that sleep are bounded by the cap on all threads, as Go's in system calls.
//!
//! # Who does what
//! An M that has taken a suspect out of a queue during a hold puts it into `Shared::held`, under the
//! scheduler's lock and after it has seen there that the hold goes on. Sysmon ends a hold
//! under the same lock and submits what it finds. So nobody stays on hold without a hold.

use crate::g::G;
use crate::gqueue::GQueue;
use crate::m::M;
use crate::os;
use crate::prim::{AtomicBool, Ordering::Relaxed};
use crate::ready::random;
use crate::sched::SCHED;
use crate::schedule::submit_global;
use std::ptr::NonNull;

/// The first hold.
const HOLD_NS: u64 = 20_000_000;
/// Between two looks at a thread's CPU time; while it sleeps twice as long each time, up to the second.
const SAMPLE_NS: u64 = 10_000_000;
const LONGEST_SAMPLE_NS: u64 = 1_000_000_000;
/// A thread that used less than this part of the time sleeps.
const COMPUTING_PART: u64 = 64;

/// No suspect may run. Written under the scheduler's lock.
static HOLDING: AtomicBool = AtomicBool::new(false);

/// Threads that may compute without a P at no price.
fn limit() -> usize {
    2 * SCHED.allp().len()
}

/// For an M that has taken `gp` out of a queue: true if it was put on hold instead.
#[inline]
pub(crate) fn put_on_hold(gp: NonNull<G>) -> bool {
    // Relaxed: seen late, a suspect more is tried.
    HOLDING.load(Relaxed) && hold(gp)
}

#[cold]
fn hold(gp: NonNull<G>) -> bool {
    // SAFETY: the caller took `gp` out of a queue: it is ours.
    if !unsafe { gp.as_ref() }.suspect.load(Relaxed) {
        return false;
    }
    let shared = SCHED.shared.lock();
    let holding = HOLDING.load(Relaxed);
    if holding && random().is_multiple_of(2) {
        shared.held.push_back(gp);
    } else if holding {
        shared.held.push_front(gp);
    }
    holding
}

/// A thread that goes on without the P that sysmon took from it.
struct Hog {
    m: &'static M,
    /// How often its P had been taken, this time included: changes when it has come back.
    taken: u32,
    cpu_ns: u64,
    looked_at: u64,
    sample_ns: u64,
    computes: bool,
}

/// Sysmon's list of them.
#[derive(Default)]
pub(crate) struct Hogs {
    all: Vec<Hog>,
    hold_until: u64,
}

impl Hogs {
    /// A P was taken from `m`, which had not announced a blocking call.
    pub(crate) fn lost_p(&mut self, m: &'static M, now: u64) {
        if self.computing() >= limit() {
            let doublings = (self.computing() - limit()).min(32) as u32;
            self.hold_until = now.saturating_add(HOLD_NS << doublings);
            // Under the lock, as who puts a suspect on hold asks for it there.
            let _shared = SCHED.shared.lock();
            HOLDING.store(true, Relaxed);
        }
        self.all.push(Hog {
            m,
            taken: m.times_taken.load(Relaxed),
            cpu_ns: m.cpu_ns(),
            looked_at: now,
            sample_ns: SAMPLE_NS,
            // Until the first sample says otherwise.
            computes: true,
        });
    }

    /// Looks after the hogs and the hold; true while there are any.
    pub(crate) fn look(&mut self) -> bool {
        if self.all.is_empty() && !HOLDING.load(Relaxed) {
            return false;
        }
        let now = os::now_ns();
        self.all.retain_mut(|hog| hog.still_without_p(now));
        if HOLDING.load(Relaxed) && (now >= self.hold_until || self.computing() < limit()) {
            release();
        }
        true
    }

    fn computing(&self) -> usize {
        self.all.iter().filter(|hog| hog.computes).count()
    }
}

impl Hog {
    fn still_without_p(&mut self, now: u64) -> bool {
        if !self.m.ownership.is_taken() || self.m.times_taken.load(Relaxed) != self.taken {
            return false;
        }
        let time = now - self.looked_at;
        if time >= self.sample_ns {
            let cpu_ns = self.m.cpu_ns();
            self.computes = cpu_ns.saturating_sub(self.cpu_ns) > time / COMPUTING_PART
                || os::thread_wants_cpu(self.m.tid.load(Relaxed));
            self.sample_ns = if self.computes {
                SAMPLE_NS
            } else {
                (2 * self.sample_ns).min(LONGEST_SAMPLE_NS)
            };
            self.cpu_ns = cpu_ns;
            self.looked_at = now;
        }
        true
    }
}

/// Ends the hold.
fn release() {
    let all = GQueue::new();
    {
        let shared = SCHED.shared.lock();
        HOLDING.store(false, Relaxed);
        all.append(&shared.held);
    }
    if !all.is_empty() {
        submit_global(&all);
    }
}
