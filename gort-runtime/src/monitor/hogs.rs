//! Limits how many threads may compute without a P.
//!
//! If a goroutine computes for more than a time slice while others wait, its M loses its P, and the
//! goroutine keeps the thread (`sysmon.rs`). If the waiting goroutines compute as well, the next
//! one loses its P too, and so on: each occupies a thread. Nothing can stop a thread that never
//! enters the runtime. The only way to limit the number of such threads is not to start more of
//! them.
//!
//! # Terms
//! - A *hog* is a thread that has used [`HOG_NS`] of CPU time since it lost its P. CPU time
//!   decides, not elapsed time, because a P may also be taken from a goroutine that the kernel has
//!   kept off the cores, and such a goroutine is innocent. Until this *verdict* the thread is
//!   *doubtful*, unless it sleeps. Hogs and doubtful threads together are the *crowd*. A hog that
//!   is found asleep is no longer a hog: sleeping threads are limited by the cap on all threads,
//!   like Go's threads in system calls.
//! - A *suspect* is a goroutine that has not yet parked or yielded while its M held a P. It carries
//!   the epoch in which it was started. While there is a crowd, an epoch lasts [`EPOCH_NS`]. A
//!   hog's goroutine becomes a suspect again, but without an epoch: if it asks for a P again, its
//!   computation was not endless.
//! - *Old* suspects are those of an epoch that has produced a hog at a time of too many hogs, or of
//!   an earlier epoch. All other suspects are *newcomers*.
//!
//! # Which suspects are on hold
//! While the crowd is no larger than [`limit`], no suspect is on hold. Above that:
//! 1. While a thread is doubtful, the suspects of its goroutine's epoch and of earlier epochs are
//!    on hold. If its goroutine is an old suspect itself, all old suspects are on hold. Each P
//!    therefore tries one suspect at a time.
//! 2. During a *hold*, the old suspects are on hold. The verdict on an old suspect begins a hold,
//!    and the verdict on a newcomer begins one if there is none. A hold lasts for 20 ms, doubled
//!    for each [`step`] of hogs above the limit. It ends early if the threads whose verdicts began
//!    it have all come back or sleep.
//! 3. Above [`limit_for_new`], all suspects are on hold while a newcomer is doubtful, and after the
//!    verdict on a newcomer for 10 ms, doubled for each further step, with the same early end.
//!
//! # What follows
//! - *A newcomer never waits for a hold that it did not cause.* Only suspects started in the same
//!   epoch as a hog, or earlier, are old. Up to the second limit, a suspect that is started later
//!   runs at once, ahead of all suspects on hold.
//! - *Holds do not grow for ever.* Their length depends on how many hogs there are now, not on how
//!   many there have been. Jobs that end are forgotten.
//! - *The number of threads stays bounded.* While one suspect is doubtful, others of its kind wait
//!   for the verdict. So above a limit every hold costs at most one thread for each P. If N endless
//!   computations were started together, the number of threads reaches the first limit, and from
//!   there on grows with the logarithm of time. If they are started one after another, the same
//!   happens at the second limit.
//! - *Newcomers leave the hold before old suspects.* Within each kind the order is random. A
//!   suspect may be queued behind guilty ones, and a random order gives it the same chance each
//!   time. An innocent suspect runs at full speed until a P is lost to a guilty one.
//!
//! A goroutine that is not a suspect is never on hold, and waits for a P for at most a time slice.

use crate::base::prim::Ordering::Relaxed;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::sched::held::{self, ALL, CLEARED, HAS_COMPUTED, NOBODY, is_holding};
use crate::sched::hold::set_bar;
use crate::sched::state::SCHED;
use std::ptr::NonNull;

/// The shortest hold of old suspects, and the shortest hold of newcomers.
const HOLD_NS: u64 = 20_000_000;
const HOLD_FOR_NEW_NS: u64 = 10_000_000;
/// CPU time without a P that makes a thread a hog.
const HOG_NS: u64 = 1_000_000;
/// Length of an epoch. Goroutines that were started in the same epoch are assumed to behave alike.
const EPOCH_NS: u64 = 10_000_000;
/// Time between two samples of a thread. The first constant is for a doubtful thread, whose time
/// doubles with each sample. The second is for a hog. The third is the maximum for a sleeping
/// thread, whose time doubles as well.
const FIRST_SAMPLE_NS: u64 = 2_000_000;
const SAMPLE_NS: u64 = 10_000_000;
const LONGEST_SAMPLE_NS: u64 = 1_000_000_000;
/// Time between two looks at all threads without a P.
const LOOK_NS: u64 = 500_000;

/// Returns the largest crowd that needs no hold, because it slows other goroutines down little. It
/// has room for three endless computations for each P, and for jobs that come and go.
fn limit() -> usize {
    4 * SCHED.procs() as usize + 10
}

/// Returns the largest crowd at which newcomers do not wait. Old suspects alone bring the crowd to
/// this size after a minute or two of holds.
fn limit_for_new() -> usize {
    limit() + 12 * step() + 8
}

/// Returns how many more hogs double the length of a hold. With one or two Ps, each hog does. With
/// many Ps, it is about the number of hogs that are found at a time. If it were smaller, innocent
/// goroutines that were started together with these hogs would wait too long.
fn step() -> usize {
    (3 * SCHED.procs() as usize / 4).max(1)
}

/// Returns the length of a hold when there are `hogs` hogs, more than `limit`.
fn hold_ns(shortest_ns: u64, hogs: usize, limit: usize) -> u64 {
    let steps = hogs.saturating_sub(limit + 1) / step();
    shortest_ns << steps.min(32)
}

/// What sysmon knows about a thread that continues without its P.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Doubtful,
    Hog,
    Asleep,
}

/// A thread that continues without the P that sysmon took from it.
struct Lost {
    m: &'static M,
    /// The goroutine that ran on the thread when the P was taken. Another goroutine may have reused
    /// the record since.
    gp: NonNull<G>,
    /// The value of the goroutine's `suspect` when the P was taken.
    suspect: u64,
    /// How many times sysmon had taken the M's P, including this time. When the M's own count
    /// differs, the M has come back in between.
    times_taken: u32,
    cpu_ns: u64,
    looked_at: u64,
    sample_ns: u64,
    verdict: Verdict,
    /// Whether this verdict began or prolonged the current hold of old suspects (first field) or of
    /// newcomers (second field).
    began_hold: bool,
    began_hold_for_new: bool,
}

/// Sysmon's list of threads without their P.
#[derive(Default)]
pub(crate) struct Hogs {
    all: Vec<Lost>,
    /// Suspects up to this epoch are old.
    barred: u64,
    hold_until: u64,
    hold_for_new_until: u64,
    /// The values that were last published to the Ms: the bar, and `barred`.
    shown: (u64, u64),
    epoch_began: u64,
    looked_at: u64,
}

impl Hogs {
    /// Records that a P was taken from `m` and `gp`, which had not announced a blocking call. The
    /// thread sleeps or seems to compute. The P has not been handed on yet.
    pub(crate) fn lost_p(&mut self, m: &'static M, gp: NonNull<G>, sleeps: bool, now: u64) {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only an atomic of it is
        // read.
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

    /// Samples the threads and updates the holds. Returns `true` while any thread is without its P.
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

    /// Returns whether a hold of old suspects continues: its time is not over, and a thread whose
    /// verdict began it still computes.
    fn is_hold(&self, now: u64) -> bool {
        let counts = |lost: &Lost| lost.began_hold && lost.verdict == Verdict::Hog;
        now < self.hold_until && self.all.iter().any(counts)
    }

    fn is_hold_for_new(&self, now: u64) -> bool {
        let counts = |lost: &Lost| lost.began_hold_for_new && lost.verdict == Verdict::Hog;
        now < self.hold_for_new_until && self.all.iter().any(counts)
    }

    /// Begins or prolongs the holds that follow from the verdict that `self.all[i]` is a hog.
    fn found_guilty(&mut self, i: usize, now: u64) {
        let suspect = self.all[i].suspect;
        self.all[i].suspect = HAS_COMPUTED;
        let hogs = self.hogs();
        // The epoch of a suspect says which other suspects are likely to behave like it. A
        // goroutine that was not a suspect says nothing about others.
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

    /// Decides which suspects are on hold from now on.
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

    /// Samples the thread if it is time to do so. Returns `true` if the thread has become a hog.
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
            // SAFETY: a G stays a G for ever, and only an atomic of it is written. If the goroutine
            // has come back in the meantime, this suspects an innocent one until it next parks: the
            // goroutine itself, or the next one with the same record.
            let suspect = unsafe { &self.gp.as_ref().suspect };
            suspect.store(HAS_COMPUTED, Relaxed);
        }
        became_hog
    }
}
