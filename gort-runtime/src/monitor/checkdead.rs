//! Finding out that nobody can ever wake anything: Go's `checkdead`.
//!
//! The program is dead when at one moment, under the scheduler's lock,
//! 1. some main goroutine has begun and not returned;
//! 2. every M sleeps: those in the idle list and those that wait for the goroutine
//!    wired to them make up all threads of the runtime (a goroutine that computes or blocks
//!    in foreign code keeps its M awake);
//! 3. no timer is armed (a time that never comes arms none, `time/clock.rs`), nobody waits for
//!    the network, a signal or a helper (`wait/outside.rs`), the global queue is empty, and nobody is on hold (`hogs.rs`);
//! 4. the process has no other thread: besides the Ms only sysmon, helper threads ([`helper_thread_runs`]), and the plain
//!    threads that wait in `run` for a main goroutine that has begun and not returned, or has called `goexit`.
//!    Any other might hold a channel.
//!
//! Conditions 2 and 3 can only become true when an M goes to sleep, so that is where they
//! are checked; condition 4 may become true later, so sysmon looks again, ever more rarely,
//! as long as 1 to 3 hold. Counting threads is slow: once there was a foreign one, only sysmon
//! counts, until there is none.
//!
//! # Several mains
//! `run` may be called by several threads at once, and by goroutines. All that matters of a
//! main is whether a plain thread waits for it, for condition 4; a goroutine in `run` is one
//! that waits, like any other. Each main goroutine counts itself as long as it is in `main`
//! ([`MainRuns`]), so a thread in `run` is among the known ones exactly while it can do nothing.
//!
//! # Why the report is never false
//! Waking an idle M takes the scheduler's lock (`midle_get`), and so does submitting work from
//! a thread that is not an M; a wired M is woken by an M that runs. A thread that is being
//! started is counted in `threads` before it exists. So with the lock held and 2 and 3
//! true no M is on the way, and no goroutine can run unless another thread or the time makes it
//! ready; 3 excludes the time.
//!
//! Sysmon is no M. While it carries goroutines from one place to another it says so ([`Moving`]): before
//! it takes them out of a heap, so whoever finds no timer there (acquire) sees it; and until they
//! are in the global queue, whose lock whoever looks holds. The same while it carries a P with what is in its queue: before
//! it takes the P from an M, so that M sees it (the verdict of `proc/ownership.rs` releases); and until it has
//! picked another M, under the lock.
//!
//! The counts of mains are changed by Ms that run, and by a thread under the lock
//! ([`main_exited`]). An M that has changed one takes the lock before it sleeps, so whoever
//! finds all of them asleep reads counts of that moment. A thread counted in them has started
//! its main goroutine, which has not left `main`: it waits in `join`, or is on its way there and at
//! most wakes an M that would find nothing. Only the end of that goroutine wakes
//! it, and before the end the count falls. A thread whose main has called `goexit` is
//! counted anew when it waits for ever.
//!
//! So the threads that 4 allows for are asleep and can be woken only by goroutines. A thread
//! that is about to exit and not counted any more makes the process seem to have one more, never
//! one less. `/proc` lists threads in the order in which they began: a foreign one that starts
//! another and exits meanwhile is listed, or the other is.
//!
//! # Tests
//! Under libtest there are always other threads, and the one that waits for a `#[gort::test]`
//! gives up some time ([`TestRuns`]). So tests are not reported; but if for some seconds
//! nobody but foreign threads could have woken anything, every goroutine is written down
//! ([`StuckTests`]), and the test goes on.

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

/// Who waits in `run` for a main goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A plain thread, which does nothing else meanwhile.
    Thread,
    /// A goroutine.
    Goroutine,
}

impl Caller {
    /// The caller of this function.
    pub(crate) fn here() -> Self {
        // An M's thread, whatever it runs, is counted as an M.
        if tls::getm().is_none() {
            Self::Thread
        } else {
            Self::Goroutine
        }
    }
}

/// Plain threads that wait for main goroutines which are in `main`, or have called `goexit`.
static THREADS: AtomicU32 = AtomicU32::new(0);
/// Goroutines that do.
static GOROUTINES: AtomicU32 = AtomicU32::new(0);
/// Mains that have called `goexit`.
static EXITED: AtomicU32 = AtomicU32::new(0);
/// Tests that somebody waits for.
static TESTS: AtomicU32 = AtomicU32::new(0);
/// Tests that have begun.
static TESTS_BEGUN: AtomicU32 = AtomicU32::new(0);

fn waiting(caller: Caller) -> &'static AtomicU32 {
    match caller {
        Caller::Thread => &THREADS,
        Caller::Goroutine => &GOROUTINES,
    }
}

/// Helper threads.
static HELPERS: AtomicU32 = AtomicU32::new(0);

/// The calling thread is one of gort's own, which never ends and wakes no parked goroutine but those that are counted in
/// `wait/outside.rs`. It is counted when it runs, so it may seem foreign for a moment, and no foreign one
/// ever passes for it.
pub fn helper_thread_runs() {
    HELPERS.fetch_add(1, Relaxed);
}

/// Sysmon has goroutines in hand.
static MOVING: AtomicBool = AtomicBool::new(false);

/// Sysmon takes goroutines, or a P, from one place and puts them into another, until this is dropped.
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

/// A main goroutine is in `main` until the guard is dropped, on that goroutine.
pub(crate) struct MainRuns(Caller);

impl MainRuns {
    pub(crate) fn new(caller: Caller) -> Self {
        // Relaxed, as everywhere here: read under the lock (see the header).
        waiting(caller).fetch_add(1, Relaxed);
        Self(caller)
    }
}

impl Drop for MainRuns {
    fn drop(&mut self) {
        // From here on the caller of `run` is awake, or about to be.
        waiting(self.0).fetch_sub(1, Relaxed);
    }
}

/// The caller of `run` has learned that its main goroutine called `goexit`, and does nothing any more
/// but wait.
pub(crate) fn main_exited(caller: Caller) {
    {
        let shared = SCHED.shared.lock();
        EXITED.fetch_add(1, Relaxed);
        waiting(caller).fetch_add(1, Relaxed);
        if caller == Caller::Thread {
            count_and_check(&shared);
        }
    }
    // It may have parked while there was no main to look after.
    SCHED.sysmon.notice_busy();
}

/// A test is waited for, by a thread that gives up some time.
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

/// What [`count_and_check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Somebody can run, or will.
    Alive,
    /// Only a thread that is not ours could still wake anything.
    OnlyForeignThreads,
}

/// Other threads than ours were there when somebody last counted.
static FOREIGN: AtomicBool = AtomicBool::new(false);

/// Ends the program with a report if nobody can ever wake anything. For an M that goes to
/// sleep: threads are counted (tens of microseconds) only while there were none but ours.
pub(crate) fn check(shared: &Shared) {
    if !FOREIGN.load(Relaxed) {
        count_and_check(shared);
    }
}

/// For sysmon: as [`check`], and counts the threads again.
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
    // Ours: the Ms, sysmon, helpers, and the threads in `run`.
    let helpers = HELPERS.load(Relaxed);
    let ours = shared.threads as usize + 1 + helpers as usize + in_run as usize;
    let foreign = os::num_threads() != Some(ours);
    FOREIGN.store(foreign, Relaxed);
    if foreign {
        return Liveness::OnlyForeignThreads;
    }
    if !shared.starved.is_empty() {
        // Nobody will give a stack back any more.
        fatal(
            "no memory for the stack of a goroutine, and none will become free: all others wait. Raise \
             `ulimit -v` or, before Linux 6.13, the sysctl `vm.max_map_count` (each stack needs two \
             mappings), or, with thread-locals of their own, `ulimit -u` (a thread makes them), or spawn with smaller stacks or fewer goroutines",
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
    // Not through std's handle, which somebody who waits for ever may have locked. A closed stderr is no
    // reason to do anything else.
    let mut text = head.as_bytes().to_vec();
    drop(write_blocks(&mut text, |_| true, stack_of));
    os::write_stderr(&text);
}

/// How long nothing but foreign threads could have woken a goroutine when tests are told so.
const STUCK_NS: u64 = 3_000_000_000;

/// Sysmon's memory of tests that seem to be stuck.
#[derive(Debug, Default)]
pub(crate) struct StuckTests {
    /// Since when; 0: they are not.
    since: u64,
    /// How many tests had begun when all goroutines were last written down.
    told: u32,
}

impl StuckTests {
    /// Sysmon, which has not been woken since the last look, has found this.
    pub(crate) fn look(&mut self, found: Liveness) {
        let now = os::now_ns();
        if found == Liveness::Alive || TESTS.load(Relaxed) == 0 {
            self.since = 0;
        } else if self.since == 0 {
            self.since = now;
        } else if now - self.since >= STUCK_NS {
            // Once, until there is another test.
            let begun = TESTS_BEGUN.load(Relaxed);
            if self.told != begun {
                self.told = begun;
                write_all_goroutines(
                    "gort: all goroutines are asleep; nothing but another thread could wake one. \
                     The test goes on until its time is up.\n",
                );
            }
        }
    }

    /// A P was busy.
    pub(crate) fn alive(&mut self) {
        self.since = 0;
    }
}
