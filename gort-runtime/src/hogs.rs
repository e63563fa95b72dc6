//! How many threads may compute without a P.
//!
//! A goroutine that computes for more than a time slice while others wait loses its P and
//! keeps its thread (`sysmon.rs`). If those who wait compute as well, the next one loses its
//! P too, and so on: a thread for each. Nothing can stop a thread that never enters the
//! runtime, so the only way to bound their number is not to start more of them.
//!
//! # The rule
//! A *hog* is a thread that has used [`HOG_NS`] of CPU time since it lost its P. A *suspect* is a
//! goroutine that has not yet parked or yielded with a P, or has become a hog since it last
//! did. When there are more hogs than [`limit`], one more begins a *hold*: 20 ms in which no
//! suspect is run; the next hold is twice as long, and so on, until the hogs are fewer. Between
//! two holds each P may find another hog or two before they are known. So N endless
//! computations cost a number of threads that grows with the logarithm of the time.
//!
//! Who is no suspect does not notice, and waits for a P for a time slice at most. Suspects that are
//! innocent (new goroutines that will soon park) run at full speed between two holds,
//! since only a hog begins one. They may stand behind guilty ones, so those on hold leave
//! it in random order: everybody has the same chance in each round.
//!
//! CPU time decides, not the time that has passed: a P is also taken from whom the kernel has kept
//! off the cores for a while, and such a goroutine is innocent. A thread that uses none any more is
//! a hog no longer if it sleeps (the kernel says so); it may just wait for a core. Threads that
//! sleep are bounded by the cap on all threads, as Go's in system calls.

use crate::g::G;
use crate::gqueue::GQueue;
use crate::held::{self, is_holding};
use crate::m::M;
use crate::os;
use crate::prim::Ordering::Relaxed;
use crate::sched::SCHED;
use crate::schedule::submit_global;
use std::ptr::NonNull;

/// The first hold.
const HOLD_NS: u64 = 20_000_000;
/// CPU time that makes a hog.
const HOG_NS: u64 = 1_000_000;
/// Between two looks at a thread; while it sleeps twice as long each time, up to the second.
const SAMPLE_NS: u64 = 10_000_000;
const LONGEST_SAMPLE_NS: u64 = 1_000_000_000;

/// Hogs that cost the others nothing.
fn limit() -> usize {
    2 * SCHED.procs() as usize
}

/// A thread that goes on without the P that sysmon took from it.
struct Lost {
    m: &'static M,
    /// The goroutine that ran there. Its slot stays, also if somebody else comes to live in it.
    gp: NonNull<G>,
    /// How often the thread's P had been taken, this time included: changes when it has come back.
    times_taken: u32,
    cpu_ns: u64,
    looked_at: u64,
    sample_ns: u64,
    is_hog: bool,
}

/// Sysmon's list of them.
#[derive(Default)]
pub(crate) struct Hogs {
    all: Vec<Lost>,
    hold_until: u64,
    /// Holds since the hogs were few.
    holds: u32,
}

impl Hogs {
    /// A P was taken from `m` and `gp`, which had not announced a blocking call.
    pub(crate) fn lost_p(&mut self, m: &'static M, gp: NonNull<G>, now: u64) {
        self.all.push(Lost {
            m,
            gp,
            times_taken: m.times_taken.load(Relaxed),
            cpu_ns: m.cpu_ns(),
            looked_at: now,
            sample_ns: SAMPLE_NS,
            is_hog: false,
        });
    }

    /// Looks after the hogs and the hold; true while anybody is without a P.
    pub(crate) fn look(&mut self, now: u64) -> bool {
        if self.all.is_empty() && !is_holding() {
            return false;
        }
        self.all.retain(Lost::is_without_p);
        let mut one_more = false;
        for lost in &mut self.all {
            one_more |= lost.sample(now);
        }
        let hogs = self.all.iter().filter(|lost| lost.is_hog).count();
        let holding = is_holding();
        if hogs <= limit() {
            self.holds = 0;
        }
        if holding && (now >= self.hold_until || hogs <= limit()) {
            release();
        } else if !holding && one_more && hogs > limit() {
            self.hold_until = now.saturating_add(HOLD_NS << self.holds.min(32));
            self.holds += 1;
            held::begin();
        }
        true
    }
}

impl Lost {
    fn is_without_p(&self) -> bool {
        self.m.ownership.is_taken() && self.m.times_taken.load(Relaxed) == self.times_taken
    }

    /// Looks at the thread if it is time to; true if it turns out to be a hog.
    fn sample(&mut self, now: u64) -> bool {
        if now - self.looked_at < self.sample_ns {
            return false;
        }
        let cpu_ns = self.m.cpu_ns();
        let used_ns = cpu_ns.saturating_sub(self.cpu_ns);
        let was_hog = self.is_hog;
        if used_ns >= HOG_NS {
            self.is_hog = true;
            self.cpu_ns = cpu_ns;
        } else if was_hog {
            self.is_hog = os::thread_wants_cpu(self.m.tid.load(Relaxed)) == Some(true);
        }
        self.looked_at = now;
        self.sample_ns = if used_ns > 0 || self.is_hog {
            SAMPLE_NS
        } else {
            (2 * self.sample_ns).min(LONGEST_SAMPLE_NS)
        };
        let became_hog = self.is_hog && !was_hog;
        if became_hog {
            // SAFETY: a slot's G stays valid for ever. If the goroutine has come back
            // meanwhile, an innocent one may be suspected until it next parks.
            unsafe { self.gp.as_ref() }.suspect.store(true, Relaxed);
        }
        became_hog
    }
}

/// Ends the hold.
fn release() {
    let all = GQueue::new();
    held::end(&all);
    if !all.is_empty() {
        submit_global(&all);
    }
}
