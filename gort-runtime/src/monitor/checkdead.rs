//! Detecting that nothing can ever wake a goroutine again: Go's `checkdead`.
//!
//! The program is dead when all of these hold at one moment, under the scheduler's lock:
//! 1. some main goroutine has begun and not returned;
//! 2. every M sleeps: the Ms in the idle list and those that wait for the goroutine wired to them
//!    are all threads of the runtime (a goroutine that computes or blocks in foreign code keeps its
//!    M awake);
//! 3. no timer is armed (a wait for a time that never comes arms no timer, `time/clock.rs`),
//!    nothing waits for the network, a signal or a helper thread (`wait/outside.rs`), the global
//!    queue is empty, and no goroutine is on hold (`hogs.rs`);
//! 4. the process has no other thread. Besides the Ms, only these are allowed: sysmon, helper
//!    threads ([`helper_thread_runs`]), and plain threads that wait in `run` for a main goroutine
//!    that has begun and not returned, or that has called `goexit`. Any other thread might hold a
//!    channel.
//!
//! Conditions 2 and 3 can become true only when an M goes to sleep, so they are checked there.
//! Condition 4 may become true later, so sysmon checks again, ever more rarely, while 1 to 3 hold.
//! Counting threads is slow. Once a foreign thread has been seen, only sysmon counts, until it
//! finds no foreign thread.
//!
//! # Several mains
//! Several threads may call `run` at the same time, and so may goroutines. A goroutine in `run`
//! waits like any other goroutine. All that matters about a main is whether a plain thread waits
//! for it, because of condition 4. Each main goroutine counts itself while it is in `main`
//! ([`MainRuns`]). So a thread in `run` counts as one of gort's threads exactly while it can do
//! nothing but wait.
//!
//! # Why the report is never false
//! Waking an idle M takes the scheduler's lock (`midle_get`), and so does submitting work from a
//! thread that is not an M. A wired M is woken by an M that runs. A thread that is being started is
//! counted in `threads` before it exists. So when the lock is held and 2 and 3 are true, no M is
//! waking or starting, and no goroutine can run unless another thread or the passage of time makes
//! it ready. Condition 3 excludes time.
//!
//! Sysmon is not an M. While it moves goroutines from a heap to the global queue, it sets a flag
//! ([`Moving`]). It sets the flag before it takes the goroutines out of the heap, so a checker that
//! finds no timer there (acquire) sees the flag. It clears the flag after the goroutines are in the
//! global queue, whose lock the checker holds. Sysmon also sets the flag while it takes a P, with
//! the goroutines in the P's queue, from an M. It sets the flag before it takes the P, so that M
//! sees the flag (the store of `TAKEN` in `proc/ownership.rs` releases it). It clears the flag
//! after it has picked another M for the P, under the lock. An M that takes a lent P is awake
//! itself.
//!
//! The counts of mains are changed by Ms that run, and by a thread under the lock
//! ([`main_exited`]). An M that has changed a count takes the lock before it sleeps, so a checker
//! that finds all Ms asleep reads current counts. A counted thread has started its main goroutine,
//! which has not left `main`. The thread waits in `join`, or is about to wait there, and at most
//! wakes an M that would find nothing to do. Only the end of the main goroutine wakes the thread,
//! and before that end the count falls. A thread whose main has called `goexit` is counted again
//! when it begins to wait for ever.
//!
//! The threads that condition 4 allows are therefore asleep, and only goroutines can wake them. A
//! thread that is about to exit and no longer counted makes the process seem to have one thread
//! more, never one less. `/proc` lists threads in the order in which they began: if a foreign
//! thread starts another one and exits during the count, one of the two is listed.
//!
//! # Tests
//! Under libtest there are always other threads, and the thread that waits for a `#[gort::test]`
//! gives up after a time limit ([`TestRuns`]). Tests are therefore not ended by a report. But if
//! for some seconds only foreign threads could have woken anything, all goroutines are printed
//! ([`StuckTests`]), and the test continues.

use crate::base::prim::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::base::throw::{end, fatal};
use crate::netpoll;
use crate::os;
use crate::proc::tls;
use crate::report::print::write_blocks;
use crate::report::stack::stack_of;
use crate::sched::state::{SCHED, Shared, num_goroutines};
use crate::wait::outside;

/// The kind of caller that waits in `run` for a main goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A plain thread, which does nothing else while it waits.
    Thread,
    /// A goroutine.
    Goroutine,
}

impl Caller {
    /// Returns the kind of this function's caller.
    pub(crate) fn here() -> Self {
        // The thread of an M is counted as an M, whatever it runs.
        if tls::getm().is_none() {
            Self::Thread
        } else {
            Self::Goroutine
        }
    }
}

/// Number of plain threads that wait for main goroutines that are in `main` or have called
/// `goexit`.
static THREADS: AtomicU32 = AtomicU32::new(0);
/// Number of goroutines that wait for such main goroutines.
static GOROUTINES: AtomicU32 = AtomicU32::new(0);
/// Number of mains that have called `goexit`.
static EXITED: AtomicU32 = AtomicU32::new(0);
/// Number of tests for which a thread waits.
static TESTS: AtomicU32 = AtomicU32::new(0);
/// Number of tests that have begun.
static TESTS_BEGUN: AtomicU32 = AtomicU32::new(0);

fn waiting(caller: Caller) -> &'static AtomicU32 {
    match caller {
        Caller::Thread => &THREADS,
        Caller::Goroutine => &GOROUTINES,
    }
}

/// Number of helper threads.
static HELPERS: AtomicU32 = AtomicU32::new(0);

/// Counts the calling thread as one of gort's own. The thread must never end, and must wake no
/// parked goroutines except those counted in `wait/outside.rs`. A thread is counted only when it
/// runs, so it may seem foreign for a moment, but no foreign thread is ever counted as one of
/// gort's.
pub fn helper_thread_runs() {
    HELPERS.fetch_add(1, Relaxed);
}

/// Whether sysmon is moving goroutines.
static MOVING: AtomicBool = AtomicBool::new(false);

/// Marks that sysmon moves goroutines, or a P, from one place to another, until it is dropped.
pub(crate) struct Moving(());

impl Moving {
    pub(crate) fn new() -> Self {
        MOVING.store(true, Relaxed);
        Self(())
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        MOVING.store(false, Release);
    }
}

/// Marks that a main goroutine is in `main`, until it is dropped on that goroutine.
pub(crate) struct MainRuns(Caller);

impl MainRuns {
    pub(crate) fn new(caller: Caller) -> Self {
        // Relaxed, as everywhere in this file: the counts are read under the lock (see the head of
        // this file).
        waiting(caller).fetch_add(1, Relaxed);
        Self(caller)
    }
}

impl Drop for MainRuns {
    fn drop(&mut self) {
        // From here on the caller of `run` is awake, or about to be woken.
        waiting(self.0).fetch_sub(1, Relaxed);
    }
}

/// Records that a main goroutine has called `goexit`. From now on the caller of `run` only waits.
pub(crate) fn main_exited(caller: Caller) {
    {
        let shared = SCHED.shared.lock();
        EXITED.fetch_add(1, Relaxed);
        waiting(caller).fetch_add(1, Relaxed);
        if caller == Caller::Thread {
            count_and_check(&shared);
        }
    }
    // Sysmon may have parked while there was no main to watch.
    SCHED.sysmon.notice_busy();
}

/// Marks that a thread waits for a test, and will give up after a time limit.
#[derive(Debug)]
pub(crate) struct TestRuns(());

impl TestRuns {
    pub(crate) fn new() -> Self {
        TESTS_BEGUN.fetch_add(1, Relaxed);
        TESTS.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for TestRuns {
    fn drop(&mut self) {
        TESTS.fetch_sub(1, Relaxed);
    }
}

/// The result of [`count_and_check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Some goroutine can run now, or will be able to run.
    Alive,
    /// Only a thread that is not ours could still wake anything.
    OnlyForeignThreads,
}

/// Whether there were threads other than ours when they were last counted.
static FOREIGN: AtomicBool = AtomicBool::new(false);

/// Ends the program with a report if nothing can ever wake a goroutine. An M that goes to sleep
/// calls this. Threads are counted (tens of microseconds) only while no foreign thread has been
/// seen.
pub(crate) fn check(shared: &Shared) {
    if !FOREIGN.load(Relaxed) {
        count_and_check(shared);
    }
}

/// Does what [`check`] does, but always counts the threads. Sysmon calls this.
pub(crate) fn count_and_check(shared: &Shared) -> Liveness {
    let in_run = THREADS.load(Relaxed);
    let mains = in_run + GOROUTINES.load(Relaxed) + TESTS.load(Relaxed);
    if mains == 0
        || i64::from(shared.nmidle) + i64::from(shared.wired_asleep) != i64::from(shared.threads)
        || !shared.runq.is_empty()
        || !shared.held.is_empty()
        || SCHED.earliest_timer() != 0
        || MOVING.load(Acquire)
        || netpoll::has_waiters()
        || outside::has_waiters()
    {
        return Liveness::Alive;
    }
    // Our threads: the Ms, sysmon, helper threads, and the threads in `run`.
    let helpers = HELPERS.load(Relaxed);
    let ours = shared.threads as usize + 1 + helpers as usize + in_run as usize;
    let foreign = os::num_threads() != Some(ours);
    FOREIGN.store(foreign, Relaxed);
    if foreign {
        return Liveness::OnlyForeignThreads;
    }
    if !shared.starved.is_empty() {
        // No goroutine will ever give a stack back.
        fatal(
            "no memory for the stack of a goroutine, and none will become free, because all other \
             goroutines wait; raise `ulimit -v` or, before Linux 6.13, the sysctl `vm.max_map_count` \
             (each stack needs two mappings) or, if goroutines have thread-locals of their own, \
             `ulimit -u` (making a stack takes a thread), or spawn fewer goroutines or smaller stacks",
        );
    }
    report()
}

#[cold]
fn report() -> ! {
    let words = if EXITED.load(Relaxed) != 0 && num_goroutines() == 0 {
        "no goroutines (main called goexit) - deadlock!"
    } else {
        "all goroutines are asleep - deadlock!"
    };
    write_all_goroutines(&format!("fatal: {words}\n"));
    end(2)
}

fn write_all_goroutines(head: &str) {
    // Bypass std's handle: a goroutine that waits for ever may hold its lock. If stderr is closed,
    // there is nothing else to do.
    let mut text = head.as_bytes().to_vec();
    drop(write_blocks(&mut text, |_| true, stack_of));
    os::write_stderr(&text);
}

/// Tests are reported as stuck when for this long, in nanoseconds, only a foreign thread could have
/// woken a goroutine.
const STUCK_NS: u64 = 3_000_000_000;

/// Sysmon's record of tests that seem to be stuck.
#[derive(Debug, Default)]
pub(crate) struct StuckTests {
    /// The time since which the tests seem to be stuck, or 0 if they do not.
    since: u64,
    /// Number of tests that had begun when all goroutines were last printed.
    reported: u32,
}

impl StuckTests {
    /// Updates the record with the result of a check, and prints all goroutines if the tests are
    /// stuck. Sysmon calls this if it has not been woken since the last check.
    pub(crate) fn update(&mut self, found: Liveness) {
        let now = os::now_ns();
        if found == Liveness::Alive || TESTS.load(Relaxed) == 0 {
            self.since = 0;
        } else if self.since == 0 {
            self.since = now;
        } else if now - self.since >= STUCK_NS {
            // Print once for the same set of tests.
            let begun = TESTS_BEGUN.load(Relaxed);
            if self.reported != begun {
                self.reported = begun;
                write_all_goroutines(
                    "gort: all goroutines are asleep; nothing but another thread could wake one. \
                     The test goes on until its time is up.\n",
                );
            }
        }
    }

    /// Records that a P was busy.
    pub(crate) fn alive(&mut self) {
        self.since = 0;
    }
}
