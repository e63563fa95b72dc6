//! The thread that runs the timers, while there are any. (Under Miri a thread that is left at the
//! end is an error.)
//!
//! # Why no timer is missed
//! A thread that adds the earliest timer publishes the timer's time (`time/heap.rs`), and then
//! checks, under the lock, whether the timer thread runs. The timer thread ends only if it finds no
//! timer under that lock. So either the timer thread finds this timer, or the adder finds no timer
//! thread and starts one. If the timer thread runs, the adder wakes it. A wake-up that comes before
//! the timer thread sleeps is not lost (`base/note.rs`).

use super::submit::submit_global;
use crate::base::lock::{Lock, Rank};
use crate::base::throw::fatal;
use crate::os;
use crate::proc::gqueue::GQueue;
use crate::sched::due::run_due;
use crate::sched::state::SCHED;
use std::thread;

/// Whether the thread runs. This lock is taken when timers are armed, perhaps while a channel's
/// lock is held.
static RUNS: Lock<bool> = Lock::ranked(Rank::Sched, false);

/// Wakes or starts the thread, because another timer has become the earliest.
pub(crate) fn wake_or_start() {
    let mut runs = RUNS.lock();
    if *runs {
        drop(runs);
        return SCHED.timers(None).note.wake();
    }
    let started = thread::Builder::new()
        .name("gort-clock".into())
        .spawn(keep_time);
    if let Err(e) = started {
        fatal(&format!(
            "cannot start the thread for timers ({e}); raise `ulimit -u`"
        ));
    }
    *runs = true;
}

/// Returns whether the thread runs. It may then still have timers to run, or woken goroutines to
/// submit.
pub(crate) fn runs() -> bool {
    *RUNS.lock()
}

fn keep_time() {
    loop {
        let next = SCHED.earliest_timer();
        if next == 0 {
            let mut runs = RUNS.lock();
            if SCHED.earliest_timer() == 0 {
                *runs = false;
                return;
            }
            continue;
        }
        let now = os::now_ns();
        if now < next {
            SCHED.timers(None).note.sleep_until(next);
            continue;
        }
        let ready = GQueue::new();
        run_due(SCHED.timers(None), None, now, u32::MAX, &ready);
        submit_global(&ready);
    }
}
