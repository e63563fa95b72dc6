//! Finding out that nobody can ever wake anything: Go's `checkdead`.
//!
//! The program is dead when at one moment, under the scheduler's lock,
//! 1. the main goroutine has not returned, and its thread waits for it in `run`;
//! 2. every M sleeps: those in the idle list and those that wait for the goroutine
//!    wired to them make up all threads of the runtime (a goroutine that computes or blocks
//!    in foreign code keeps its M awake);
//! 3. no timer is armed, nobody waits for the network, the global queue is empty, and nobody is
//!    on hold (`hogs.rs`);
//! 4. the process has no other thread: besides the Ms only sysmon and the one that waits in
//!    `run`. Any other might hold a channel.
//!
//! Conditions 2 and 3 can only become true when an M goes to sleep, so that is where they
//! are checked; condition 4 may become true later, so sysmon looks again, ever more rarely,
//! as long as 1 to 3 hold. Counting threads is slow: once there was a foreign one, only sysmon
//! counts, until there is none.
//!
//! # Why the report is never false
//! Waking an idle M takes the scheduler's lock (`midle_get`), and so does submitting work from
//! a thread that is not an M; a wired M is woken by an M that runs. A thread that is being
//! started is counted in `threads` before it exists. So with the lock held and 1 to 4
//! true nobody is on the way.

use crate::blocks::write_blocks;
use crate::netpoll;
use crate::os;
use crate::prim::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::sched::{SCHED, Shared, num_goroutines};
use crate::stacktrace::stack_of;
use std::io::{self, Write};

/// The main goroutine has not been started by `run`, or has returned.
const NO_MAIN: u32 = 0;
/// It runs.
const MAIN_RUNS: u32 = 1;
/// It has called `goexit`; the others go on.
const MAIN_EXITED: u32 = 2;

static MAIN: AtomicU32 = AtomicU32::new(NO_MAIN);

/// The main goroutine is `run`'s, until the guard is dropped, on that goroutine.
pub(crate) struct MainRuns;

impl MainRuns {
    pub(crate) fn new() -> Self {
        MAIN.store(MAIN_RUNS, Release);
        Self
    }
}

impl Drop for MainRuns {
    fn drop(&mut self) {
        // From here on the thread in `run` is awake, or about to be.
        MAIN.store(NO_MAIN, Release);
    }
}

/// The thread in `run` has learned that the main goroutine called `goexit`.
pub(crate) fn main_exited() {
    MAIN.store(MAIN_EXITED, Release);
    count_and_check(&SCHED.shared.lock());
    // It may have parked while there was no main to look after.
    SCHED.sysmon.notice_busy();
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
    let main = MAIN.load(Acquire);
    if main == NO_MAIN
        || i64::from(shared.nmidle) + i64::from(shared.wired_asleep) != i64::from(shared.threads)
        || !shared.runq.is_empty()
        || !shared.held.is_empty()
        || SCHED.earliest_timer() != 0
        || netpoll::has_waiters()
    {
        return Liveness::Alive;
    }
    // Ours: the Ms, sysmon, and the thread that waits in `run`.
    let ours = shared.threads as usize + 2;
    let foreign = os::num_threads() != Some(ours);
    FOREIGN.store(foreign, Relaxed);
    if foreign {
        return Liveness::OnlyForeignThreads;
    }
    report(main)
}

#[cold]
fn report(main: u32) -> ! {
    let mut out = io::BufWriter::new(io::stderr());
    let words = if main == MAIN_EXITED && num_goroutines() == 0 {
        "no goroutines (main called goexit) - deadlock!"
    } else {
        "all goroutines are asleep - deadlock!"
    };
    // A closed stderr is no reason to go on.
    drop(writeln!(out, "fatal: {words}"));
    drop(write_blocks(&mut out, stack_of));
    drop(out.flush());
    os::exit_now(2)
}
