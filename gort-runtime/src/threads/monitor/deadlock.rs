//! Looking for deadlocks, where nobody counts who sleeps: the monitor looks at all goroutines now and then.
//!
//! What makes a deadlock is told in `monitor/checkdead.rs`. There an M that goes to sleep looks, under the lock that all need who
//! wake one. Here two looks do, if no goroutine began to wait, was started or has ended from the beginning of the first to the end of
//! the second. For whoever the second finds Waiting has then been so since before the first, all of them at one moment.
//! Who could still wake one
//! - is a goroutine: then it is not Waiting, or its thread is still there when it has ended: the numbers differ;
//! - the clock's thread, which runs while there are timers, and has nothing in hand when it does not;
//! - whoever waits for descriptors or signals is counted until he runs (`netpoll/waiting.rs`, `wait/outside.rs`);
//! - any other thread makes the process have one more.

use super::checkdead::{Liveness, StuckTests, count_and_check};
use crate::base::prim::Ordering::{Acquire, Relaxed};
use crate::proc::bind::threads;
use crate::proc::gstatus::GStatus;
use crate::proc::stats::OUTSIDE;
use crate::record;
use crate::sched::clock;
use crate::sched::state::SCHED;

/// What grows when a goroutine does anything.
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

/// The monitor's memory.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// As of the beginning of the last look, if it found everybody asleep.
    before: Option<Steps>,
    stuck: StuckTests,
}

impl Looks {
    /// Looks; ends the program with a report if nobody can ever wake anything.
    pub(crate) fn look(&mut self) {
        let steps = Steps::now();
        let mut asleep = 0;
        record::for_each(|g| {
            asleep += i32::from(GStatus::of(g.status.load(Acquire)) == GStatus::Waiting);
        });
        let all_sleep = i64::from(asleep) == i64::from(threads()) && !clock::runs();
        let still = self.before == Some(Steps::now());
        self.before = all_sleep.then_some(steps);
        if !(all_sleep && still) {
            return self.stuck.look(Liveness::Alive);
        }
        let mut shared = SCHED.shared.lock();
        shared.threads = threads();
        shared.wired_asleep = asleep;
        let found = count_and_check(&shared);
        drop(shared);
        self.stuck.look(found);
    }
}
