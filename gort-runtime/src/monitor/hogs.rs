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
//!   decides, not elapsed time: sysmon may also take the P of a goroutine that the kernel has kept
//!   off the cores, and that goroutine may have nothing more to compute. Until sysmon has
//!   classified a thread, the thread is *undecided*, unless it sleeps. Hogs and undecided threads
//!   together are the *crowd*. A hog that is found asleep is no longer a hog: sleeping threads are
//!   limited by the cap on all threads, like Go's threads in system calls.
//! - An *untested* goroutine has not yet parked or yielded while its M held a P. It carries the
//!   epoch in which it was started. An epoch ends only while the crowd is larger than [`limit`]:
//!   after [`EPOCH_NS`], or earlier if one of its goroutines becomes a hog. When a thread becomes a
//!   hog, its goroutine becomes untested again, but without an epoch: it asks for a P again only
//!   after its computation has ended, so it says nothing about others that compute for ever.
//! - An untested goroutine is *old* if its epoch has produced a hog at a time of too many hogs, or
//!   if it is of an earlier epoch than that. All other untested goroutines are *new*.
//!
//! # Which goroutines are on hold
//! Only untested goroutines are ever put on hold. While the crowd is no larger than [`limit`], none
//! is. Above that:
//! 1. While a thread is undecided and its goroutine has an epoch, the goroutines of this epoch and
//!    of earlier epochs are on hold. If its goroutine is old, all old goroutines are on hold. Each
//!    P therefore tries one untested goroutine at a time.
//! 2. During a *hold*, the old goroutines are on hold. A hold begins when the thread of an old
//!    goroutine becomes a hog. It also begins when the thread of a new goroutine does, if there is
//!    no hold. A hold lasts for 20 ms, doubled for each [`step`] of hogs above the limit. It ends
//!    early if the hogs that began or prolonged it have all come back or sleep.
//! 3. Above [`limit_for_new`], all untested goroutines are on hold while the thread of a new
//!    goroutine is undecided. They are also on hold after such a thread has become a hog: for 10
//!    ms, doubled for each [`step`] of hogs above this limit. This hold ends early for the same
//!    reason as the hold of rule 2.
//!
//! # What follows
//! - *A new goroutine never waits for a hold that its own epoch did not cause.* Only untested
//!   goroutines of the epoch that produced a hog, or of an earlier one, are old. Up to the second
//!   limit, an untested goroutine that is started later runs immediately, ahead of all goroutines
//!   on hold.
//! - *Holds do not grow for ever.* Their length depends on how many hogs there are now, not on how
//!   many there have been. Sysmon forgets computations that end.
//! - *The number of threads stays bounded.* While the thread of one untested goroutine is
//!   undecided, others of its kind wait. So above a limit every hold costs at most one thread for
//!   each P. If N endless computations were started together, the number of threads reaches the
//!   first limit, and from there on grows with the logarithm of time. If they are started one after
//!   another, the same happens at the second limit.
//! - *New goroutines leave the hold before old ones.* Within each kind the order is random. A
//!   goroutine with a short computation may be queued behind endless ones, and a random order gives
//!   it the same chance each time. It runs at full speed until an endless computation costs another
//!   P.
//!
//! A goroutine that is not untested is never on hold, and waits for a P for at most a time slice.

use crate::base::prim::Ordering::Relaxed;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::sched::held::{self, ALL, HAS_COMPUTED, NONE, TESTED, is_holding};
use crate::sched::hold::set_bar;
use crate::sched::state::SCHED;
use std::ptr::NonNull;

/// Length of the shortest hold of old goroutines, in nanoseconds: two time slices. Each hold costs
/// at most one more thread for each P, so the length limits how fast threads are added.
const HOLD_NS: u64 = 20_000_000;
/// Length of the shortest hold of new goroutines, in nanoseconds: one time slice, which is
/// shorter because no goroutine of their epochs has been a hog.
const HOLD_FOR_NEW_NS: u64 = 10_000_000;
/// The CPU time without a P that makes a thread a hog, in nanoseconds. A goroutine that was about
/// to wait or to end when it lost its P uses less.
const HOG_NS: u64 = 1_000_000;
/// Length of an epoch, in nanoseconds: one time slice. Goroutines that were started in the same
/// epoch are assumed to behave alike.
const EPOCH_NS: u64 = 10_000_000;
/// Time until the first sample of an undecided thread, in nanoseconds: on an idle core the thread
/// can use [`HOG_NS`] in it twice. The time doubles with each sample, up to [`SAMPLE_NS`].
const FIRST_SAMPLE_NS: u64 = 2_000_000;
/// Time between two samples of a hog, in nanoseconds. A sample only has to notice that the hog
/// sleeps.
const SAMPLE_NS: u64 = 10_000_000;
/// Maximum time between two samples of a sleeping thread, in nanoseconds. The time doubles from
/// [`SAMPLE_NS`] while the thread uses no CPU time, because a sample is a system call and there may
/// be thousands of sleepers.
const LONGEST_SAMPLE_NS: u64 = 1_000_000_000;
/// Minimum time between two updates of the list, in nanoseconds: sysmon may run every 20 µs, and
/// each update reads all entries.
const UPDATE_NS: u64 = 500_000;

/// Returns the largest crowd that needs no hold, because it slows other goroutines down little. The
/// limit has room for three endless computations for each P, and for jobs that come and go.
fn limit() -> usize {
    4 * SCHED.procs() as usize + 10
}

/// Returns the largest crowd at which new goroutines are not on hold. Old goroutines alone bring
/// the crowd to this size after a minute or two of holds.
fn limit_for_new() -> usize {
    limit() + 12 * step() + 8
}

/// Returns how many more hogs double the length of a hold. With one or two Ps, each hog does. With
/// many Ps, the step is about the number of hogs that are found at a time. If it were smaller,
/// goroutines with short computations that were started together with these hogs would wait too
/// long.
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
enum Class {
    Undecided,
    Hog,
    Asleep,
}

/// A thread that continues without the P that sysmon took from it.
struct Lost {
    m: &'static M,
    /// The goroutine that ran on the thread when the P was taken. Another goroutine may have reused
    /// the record since.
    gp: NonNull<G>,
    /// The value of the goroutine's `hog_epoch` when the P was taken.
    hog_epoch: u64,
    /// How many times sysmon had taken the M's P, including this time. When the M's own count
    /// differs, the M has come back in between.
    times_taken: u32,
    cpu_ns: u64,
    sampled_at: u64,
    sample_ns: u64,
    class: Class,
    /// Whether this thread began or prolonged the current hold of old goroutines, by becoming a
    /// hog.
    began_hold: bool,
    /// Whether it began or prolonged the current hold of new goroutines.
    began_hold_for_new: bool,
}

/// Sysmon's list of threads without their P.
#[derive(Default)]
pub(crate) struct Hogs {
    all: Vec<Lost>,
    /// Untested goroutines of this epoch and of earlier ones are old.
    old_epoch: u64,
    hold_until: u64,
    hold_for_new_until: u64,
    /// The values that were last published to the Ms: the bar, and `old_epoch`.
    shown: (u64, u64),
    epoch_began: u64,
    updated_at: u64,
}

impl Hogs {
    /// Records that a P was taken from `m` and `gp`, which had not announced a blocking call. The
    /// thread sleeps or seems to compute. The P has not been handed on yet.
    pub(crate) fn lost_p(&mut self, m: &'static M, gp: NonNull<G>, sleeps: bool, now: u64) {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only an atomic of it is
        // read.
        let hog_epoch = unsafe { gp.as_ref() }.hog_epoch.load(Relaxed);
        self.all.push(Lost {
            m,
            gp,
            hog_epoch,
            times_taken: m.times_taken.load(Relaxed),
            cpu_ns: m.cpu_ns(),
            sampled_at: now,
            sample_ns: if sleeps { SAMPLE_NS } else { FIRST_SAMPLE_NS },
            class: if sleeps {
                Class::Asleep
            } else {
                Class::Undecided
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
    pub(crate) fn update(&mut self, now: u64) -> bool {
        if self.all.is_empty() && !is_holding() {
            return false;
        }
        if now - self.updated_at < UPDATE_NS {
            return true;
        }
        self.updated_at = now;
        self.all.retain(Lost::is_without_p);
        for i in 0..self.all.len() {
            if self.all[i].sample(now) {
                self.found_hog(i, now);
            }
        }
        self.decide(now);
        true
    }

    fn hogs(&self) -> usize {
        let is_hog = |lost: &&Lost| lost.class == Class::Hog;
        self.all.iter().filter(is_hog).count()
    }

    fn undecided(&self) -> impl Iterator<Item = &Lost> {
        let is_undecided = |lost: &&Lost| lost.class == Class::Undecided;
        self.all.iter().filter(is_undecided)
    }

    /// Returns whether a hold of old goroutines continues: its time is not over, and a hog that
    /// began or prolonged it still computes.
    fn is_hold(&self, now: u64) -> bool {
        let counts = |lost: &Lost| lost.began_hold && lost.class == Class::Hog;
        now < self.hold_until && self.all.iter().any(counts)
    }

    /// Returns whether a hold of new goroutines continues.
    fn is_hold_for_new(&self, now: u64) -> bool {
        let counts = |lost: &Lost| lost.began_hold_for_new && lost.class == Class::Hog;
        now < self.hold_for_new_until && self.all.iter().any(counts)
    }

    /// Begins or prolongs holds because `self.all[i]` has become a hog.
    fn found_hog(&mut self, i: usize, now: u64) {
        let epoch = self.all[i].hog_epoch;
        self.all[i].hog_epoch = HAS_COMPUTED;
        let hogs = self.hogs();
        // The epoch of an untested goroutine says which other goroutines are likely to behave like
        // it. A goroutine that was not untested says nothing about others.
        if hogs <= limit() || epoch == TESTED {
            return;
        }
        let is_new = epoch > self.old_epoch;
        if is_new && epoch != HAS_COMPUTED {
            self.old_epoch = epoch;
            if held::epoch() == epoch {
                self.next_epoch(now);
            }
        }
        let is_hold = self.is_hold(now);
        if !is_new || epoch != HAS_COMPUTED && !is_hold {
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

    /// Decides which goroutines are on hold from now on.
    fn decide(&mut self, now: u64) {
        let crowd = self.hogs() + self.undecided().count();
        let mut bar = NONE;
        if crowd > limit() {
            if self.is_hold(now) {
                bar = self.old_epoch;
            }
            for lost in self
                .undecided()
                .filter(|lost| lost.hog_epoch != HAS_COMPUTED)
            {
                if lost.hog_epoch != TESTED {
                    bar = bar.max(lost.hog_epoch.max(self.old_epoch));
                }
            }
            let is_new = |lost: &Lost| lost.hog_epoch > self.old_epoch;
            if crowd > limit_for_new()
                && (self.is_hold_for_new(now) || self.undecided().any(is_new))
            {
                bar = ALL;
            }
            if now - self.epoch_began >= EPOCH_NS {
                self.next_epoch(now);
            }
        }
        if (bar, self.old_epoch) != self.shown {
            self.shown = (bar, self.old_epoch);
            set_bar(bar, self.old_epoch);
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
        if now - self.sampled_at < self.sample_ns {
            return false;
        }
        let cpu_ns = self.m.cpu_ns();
        let used_ns = cpu_ns.saturating_sub(self.cpu_ns);
        let before = self.class;
        if used_ns >= HOG_NS {
            self.class = Class::Hog;
            self.cpu_ns = cpu_ns;
        } else if before != Class::Asleep
            && os::thread_wants_cpu(self.m.tid.load(Relaxed)) != Some(true)
        {
            self.class = Class::Asleep;
        }
        self.sampled_at = now;
        self.sample_ns = match self.class {
            Class::Undecided => (2 * self.sample_ns).min(SAMPLE_NS),
            Class::Asleep if used_ns == 0 => (2 * self.sample_ns).min(LONGEST_SAMPLE_NS),
            Class::Hog | Class::Asleep => SAMPLE_NS,
        };
        let became_hog = self.class == Class::Hog && before != Class::Hog;
        if became_hog {
            // SAFETY: a G stays a G for ever, and only an atomic of it is written. If the goroutine
            // has come back in the meantime, a goroutine that is no hog counts as untested until it
            // next parks: the goroutine itself, or the next one with the same record.
            let hog_epoch = unsafe { &self.gp.as_ref().hog_epoch };
            hog_epoch.store(HAS_COMPUTED, Relaxed);
        }
        became_hog
    }
}
