//! Looks for deadlocks, if goroutines are threads. There is no count of sleeping threads, so the
//! monitor looks at all goroutines periodically.
//!
//! `monitor/checkdead.rs` says what a deadlock is. In the native mode an M that goes to sleep
//! checks for one, under the lock that every waker needs. Here the monitor looks twice. It reports
//! a deadlock if no goroutine began to wait, was started or ended between the beginning of the
//! first look and the end of the second. Every goroutine that the second look finds Waiting has
//! then been Waiting since before the first look, so all of them were Waiting at one moment. The
//! remaining candidates for waking one of them are:
//! - Another goroutine. It is not Waiting, or it has ended and its thread still exists. In both
//!   cases there are fewer Waiting goroutines than goroutine threads.
//! - The timer thread. It runs while there are timers, and has nothing left to do when it does not
//!   run.
//! - A waiter for descriptors or signals, which is counted until it runs (`netpoll/waiting.rs`,
//!   `wait/outside.rs`).
//! - Any other thread. Then the process has more threads than are counted.

use super::checkdead::{Liveness, StuckTests, count_and_check};
use crate::base::prim::Ordering::{Acquire, Relaxed};
use crate::proc::bind::threads;
use crate::proc::gstatus::GStatus;
use crate::proc::stats::OUTSIDE;
use crate::record;
use crate::sched::clock;
use crate::sched::state::SCHED;

/// Counters that grow when a goroutine does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Steps {
    parks: u64,
    started: u64,
    ended: u64,
}

impl Steps {
    fn now() -> Self {
        Self {
            parks: OUTSIDE.parks(),
            started: SCHED.started(),
            ended: SCHED.ended_outside.load(Relaxed),
        }
    }
}

/// What the monitor remembers between two looks.
#[derive(Debug, Default)]
pub(crate) struct DeadlockCheck {
    /// The counters at the beginning of the last look, if it found all goroutines asleep.
    before: Option<Steps>,
    stuck: StuckTests,
}

impl DeadlockCheck {
    /// Looks at all goroutines once. Ends the program with a report if no goroutine can ever be
    /// woken.
    pub(crate) fn run(&mut self) {
        let steps = Steps::now();
        let mut asleep = 0;
        record::for_each(|g| {
            asleep += i32::from(GStatus::of(g.status.load(Acquire)) == GStatus::Waiting);
        });
        let all_sleep = i64::from(asleep) == i64::from(threads()) && !clock::runs();
        let still = self.before == Some(Steps::now());
        self.before = all_sleep.then_some(steps);
        if !(all_sleep && still) {
            return self.stuck.update(Liveness::Alive);
        }
        let mut shared = SCHED.shared.lock();
        shared.threads = threads();
        shared.wired_asleep = asleep;
        let found = count_and_check(&shared);
        drop(shared);
        self.stuck.update(found);
    }
}
