//! How many threads may compute without a P.
//!
//! A goroutine that computes for more than a time slice while others wait loses its P and
//! keeps its thread (`sysmon.rs`). If those who wait compute as well, the next one loses its
//! P too, and so on: a thread for each. Nothing can stop a thread that never enters the
//! runtime, so the only way to bound their number is not to start more of them.
//!
//! # Who is who
//! - A *hog* is a thread that has used [`HOG_NS`] of CPU time since it lost its P. CPU time decides,
//!   not the time that has passed: a P is also taken from whom the kernel has kept off the cores, and
//!   such a goroutine is innocent. Until the *verdict* the thread is *doubtful*, unless it sleeps;
//!   together they are the *crowd*. A hog that is found asleep is one no longer: threads that
//!   sleep are bounded by the cap on all threads, as Go's in system calls.
//! - A *suspect* is a goroutine that has not yet parked or yielded with a P. It bears the epoch in which
//!   it was started; while there is a crowd, epochs last [`EPOCH_NS`]. A hog's goroutine becomes a suspect
//!   again, but of no epoch: if it comes back, it is not endless.
//! - *Old* suspects are those of an epoch that has brought forth a hog when there were too many, or of one
//!   before that; the others are *newcomers*.
//!
//! # Who is on hold
//! As long as there are at most [`limit`] in the crowd: nobody. With more:
//! 1. while somebody is doubtful, the suspects of its epoch and of earlier ones; if it is an old one itself,
//!    all the old ones: so each P tries one of them at a time;
//! 2. during a *hold*, the old ones. The verdict on an old one begins a hold, and that on a newcomer
//!    does if there is none. It lasts for 20 ms, twice as long for each [`step`] of hogs above the limit, and
//!    ends early if those whose verdicts began it have all come back, or sleep;
//! 3. with more than [`limit_for_new`]: all suspects, for as long as a newcomer is doubtful, and
//!    after a verdict on one for 10 ms, twice as long for each further step, with the same early end.
//!
//! # What follows
//! - *A newcomer never waits for a hold that it did not cause*: old is only who was started no later than
//!   a hog (in the same epoch, that is). Whoever comes later runs at once, before all on hold, up to the second limit.
//! - *Holds do not grow for ever*: their length depends on how many hogs there are now, not on how many there have been.
//!   Jobs that end are forgotten.
//! - *Threads stay bounded*: each P's next suspect of a kind that was found guilty waits for the verdict, so
//!   above a limit every hold costs a thread a P at most. N endless computations that were started together
//!   bring the number to the first limit, and above it to the logarithm of the time; endless
//!   ones that are started one after another do the same with the second.
//! - *The order in which they leave*: newcomers first. Among each kind it is random: they may stand behind
//!   guilty ones, so everybody has the same chance each time. Who is innocent runs at full speed until
//!   a P is lost to a guilty one.
//!
//! Who is no suspect does not notice, and waits for a P for a time slice at most.

use crate::base::prim::Ordering::Relaxed;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::sched::held::{self, ALL, CLEARED, HAS_COMPUTED, NOBODY, is_holding};
use crate::sched::hold::set_bar;
use crate::sched::state::SCHED;
use std::ptr::NonNull;

/// The shortest hold of the old ones, and of newcomers.
const HOLD_NS: u64 = 20_000_000;
const HOLD_FOR_NEW_NS: u64 = 10_000_000;
/// CPU time that makes a hog.
const HOG_NS: u64 = 1_000_000;
/// How long goroutines are started that are taken for alike.
const EPOCH_NS: u64 = 10_000_000;
/// Between two looks at a thread: the first time; a hog; while it sleeps twice as long
/// each time, up to the second.
const FIRST_SAMPLE_NS: u64 = 2_000_000;
const SAMPLE_NS: u64 = 10_000_000;
const LONGEST_SAMPLE_NS: u64 = 1_000_000_000;
/// Between two looks at all of them.
const LOOK_NS: u64 = 500_000;

/// A crowd that costs the others little: three endless computations a P, and jobs that come and go.
fn limit() -> usize {
    4 * SCHED.procs() as usize + 10
}

/// A crowd that newcomers do not wait for. Old ones reach it in a minute or two of holds.
fn limit_for_new() -> usize {
    limit() + 12 * step() + 8
}

/// Hogs that double the length of a hold: on one or two Ps each does. With many Ps about as many as
/// are found at a time, or innocent ones that were started together with them would wait too long.
fn step() -> usize {
    (3 * SCHED.procs() as usize / 4).max(1)
}

/// How long a hold is with so many hogs, for a limit that they exceed.
fn hold_ns(shortest_ns: u64, hogs: usize, limit: usize) -> u64 {
    let steps = hogs.saturating_sub(limit + 1) / step();
    shortest_ns << steps.min(32)
}

/// What is known of a thread that goes on without its P.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Doubtful,
    Hog,
    Asleep,
}

/// A thread that goes on without the P that sysmon took from it.
struct Lost {
    m: &'static M,
    /// The goroutine that ran there. Its record stays, also if somebody else comes to live in it.
    gp: NonNull<G>,
    /// What it was suspected of then.
    suspect: u64,
    /// How often the thread's P had been taken, this time included: changes when it has come back.
    times_taken: u32,
    cpu_ns: u64,
    looked_at: u64,
    sample_ns: u64,
    verdict: Verdict,
    /// The verdict began or prolonged the present hold of the old ones, of the newcomers.
    began_hold: bool,
    began_hold_for_new: bool,
}

/// Sysmon's list of them.
#[derive(Default)]
pub(crate) struct Hogs {
    all: Vec<Lost>,
    /// Suspects up to this epoch are old.
    barred: u64,
    hold_until: u64,
    hold_for_new_until: u64,
    /// What the Ms know of it: the bar, and `barred`.
    shown: (u64, u64),
    epoch_began: u64,
    looked_at: u64,
}

impl Hogs {
    /// A P was taken from `m` and `gp`, which had not announced a blocking call, and sleeps or
    /// seems to compute. The P has not been handed on yet.
    pub(crate) fn lost_p(&mut self, m: &'static M, gp: NonNull<G>, sleeps: bool, now: u64) {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which only an atomic is read.
        let suspect = unsafe { gp.as_ref() }.suspect.load(Relaxed);
        self.all.push(Lost {
            m,
            gp,
            suspect,
            times_taken: m.times_taken.load(Relaxed),
            cpu_ns: m.cpu_ns(),
            looked_at: now,
            sample_ns: if sleeps { SAMPLE_NS } else { FIRST_SAMPLE_NS },
            verdict: if sleeps {
                Verdict::Asleep
            } else {
                Verdict::Doubtful
            },
            began_hold: false,
            began_hold_for_new: false,
        });
        if !sleeps {
            self.all.retain(Lost::is_without_p);
            self.decide(now);
        }
    }

    /// Looks after the hogs and who is on hold; true while anybody is without a P.
    pub(crate) fn look(&mut self, now: u64) -> bool {
        if self.all.is_empty() && !is_holding() {
            return false;
        }
        if now - self.looked_at < LOOK_NS {
            return true;
        }
        self.looked_at = now;
        self.all.retain(Lost::is_without_p);
        for i in 0..self.all.len() {
            if self.all[i].sample(now) {
                self.found_guilty(i, now);
            }
        }
        self.decide(now);
        true
    }

    fn hogs(&self) -> usize {
        let is_hog = |lost: &&Lost| lost.verdict == Verdict::Hog;
        self.all.iter().filter(is_hog).count()
    }

    fn doubtful(&self) -> impl Iterator<Item = &Lost> {
        let is_doubtful = |lost: &&Lost| lost.verdict == Verdict::Doubtful;
        self.all.iter().filter(is_doubtful)
    }

    /// Whether a hold goes on: some whose verdicts began it still compute.
    fn is_hold(&self, now: u64) -> bool {
        let counts = |lost: &Lost| lost.began_hold && lost.verdict == Verdict::Hog;
        now < self.hold_until && self.all.iter().any(counts)
    }

    fn is_hold_for_new(&self, now: u64) -> bool {
        let counts = |lost: &Lost| lost.began_hold_for_new && lost.verdict == Verdict::Hog;
        now < self.hold_for_new_until && self.all.iter().any(counts)
    }

    /// Draws the conclusions from the verdict that `self.all[i]` is a hog.
    fn found_guilty(&mut self, i: usize, now: u64) {
        let suspect = self.all[i].suspect;
        self.all[i].suspect = HAS_COMPUTED;
        let hogs = self.hogs();
        // Nobody is like one that was no suspect.
        if hogs <= limit() || suspect == CLEARED {
            return;
        }
        let is_new = suspect > self.barred;
        if is_new && suspect != HAS_COMPUTED {
            self.barred = suspect;
            if held::epoch() == suspect {
                self.next_epoch(now);
            }
        }
        let is_hold = self.is_hold(now);
        if !is_new || suspect != HAS_COMPUTED && !is_hold {
            if !is_hold {
                self.all.iter_mut().for_each(|lost| lost.began_hold = false);
            }
            self.hold_until = now.saturating_add(hold_ns(HOLD_NS, hogs, limit()));
            self.all[i].began_hold = true;
        }
        if is_new && hogs > limit_for_new() {
            if !self.is_hold_for_new(now) {
                let all = self.all.iter_mut();
                all.for_each(|lost| lost.began_hold_for_new = false);
            }
            let hold_ns = hold_ns(HOLD_FOR_NEW_NS, hogs, limit_for_new());
            self.hold_for_new_until = now.saturating_add(hold_ns);
            self.all[i].began_hold_for_new = true;
        }
    }

    /// Finds out who is on hold from now on.
    fn decide(&mut self, now: u64) {
        let crowd = self.hogs() + self.doubtful().count();
        let mut bar = NOBODY;
        if crowd > limit() {
            if self.is_hold(now) {
                bar = self.barred;
            }
            for lost in self.doubtful().filter(|lost| lost.suspect != HAS_COMPUTED) {
                if lost.suspect != CLEARED {
                    bar = bar.max(lost.suspect.max(self.barred));
                }
            }
            let is_new = |lost: &Lost| lost.suspect > self.barred;
            if crowd > limit_for_new() && (self.is_hold_for_new(now) || self.doubtful().any(is_new))
            {
                bar = ALL;
            }
            if now - self.epoch_began >= EPOCH_NS {
                self.next_epoch(now);
            }
        }
        if (bar, self.barred) != self.shown {
            self.shown = (bar, self.barred);
            set_bar(bar, self.barred);
        }
    }

    fn next_epoch(&mut self, now: u64) {
        self.epoch_began = now;
        held::next_epoch();
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
        let before = self.verdict;
        if used_ns >= HOG_NS {
            self.verdict = Verdict::Hog;
            self.cpu_ns = cpu_ns;
        } else if before != Verdict::Asleep
            && os::thread_wants_cpu(self.m.tid.load(Relaxed)) != Some(true)
        {
            self.verdict = Verdict::Asleep;
        }
        self.looked_at = now;
        self.sample_ns = match self.verdict {
            Verdict::Doubtful => (2 * self.sample_ns).min(SAMPLE_NS),
            Verdict::Asleep if used_ns == 0 => (2 * self.sample_ns).min(LONGEST_SAMPLE_NS),
            Verdict::Hog | Verdict::Asleep => SAMPLE_NS,
        };
        let became_hog = self.verdict == Verdict::Hog && before != Verdict::Hog;
        if became_hog {
            // SAFETY: a G for ever, of which only an atomic is written. If the goroutine has come back
            // meanwhile, an innocent one may be suspected until it next parks.
            let suspect = unsafe { &self.gp.as_ref().suspect };
            suspect.store(HAS_COMPUTED, Relaxed);
        }
        became_hog
    }
}
