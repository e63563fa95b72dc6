//! The thread that looks after the timers, while there are any. (Under Miri a thread that is left at the end is an error.)
//!
//! # Why no timer is missed
//! Who adds the earliest timer publishes its time (`time/heap.rs`), and then looks, under the lock, whether the thread runs.
//! The thread ends only if it finds no timer under that lock. So either it finds this one, or the adder finds it gone
//! and starts another. While it runs it is woken; a wake-up before it sleeps is kept (`base/note.rs`).

use super::submit::submit_global;
use crate::base::lock::{Lock, Rank};
use crate::base::throw::fatal;
use crate::os;
use crate::proc::gqueue::GQueue;
use crate::sched::due::run_due;
use crate::sched::state::SCHED;
use std::thread;

/// Whether the thread runs. Taken while timers are armed, maybe with a channel's lock held.
static RUNS: Lock<bool> = Lock::ranked(Rank::Sched, false);

/// The earliest timer is another one.
pub(crate) fn look() {
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
            "no thread to look after timers can be started: {e}"
        ));
    }
    *runs = true;
}

/// Whether there is a thread that has timers, or goroutines which they have woken, in hand.
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
