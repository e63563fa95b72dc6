//! `stopm`: how an M without a P sleeps, and what it looks after meanwhile.

use super::hand::acquirep;
use super::submit::{inject, inject_global};
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::monitor::checkdead;
use crate::netpoll;
use crate::os;
use crate::proc::gqueue::GQueue;
use crate::proc::m::OnG0;
use crate::sched::state::{Duties, SCHED};
use std::ptr;

/// How long a surplus thread stays idle before it exits.
const SURPLUS_IDLE_NS: u64 = 5_000_000_000;
/// Timers that lie close together wake an idle thread at most this often: each would cost a wake-up
/// (benchmark `timers`). Go's poller sleeps whole milliseconds.
const GATHER_NS: u64 = 500_000;
/// As many within that time lie close together. Fewer are each woken in time: a lone `sleep(100 µs)` took 570 µs, and a
/// thread's 170.
const CLOSE: usize = 4;

/// Sleeps until a P is handed to `m`; the M holds none. False: it is surplus and
/// its thread is to exit. With `watch` it looks after timers and the network meanwhile, if
/// no other M does.
pub(super) fn stopm(m: &OnG0, watch: bool) -> bool {
    debug_assert!(m.curg.get().is_null(), "an M sleeps that runs a goroutine");
    let mut watch = watch;
    loop {
        let mut until = if watch { SCHED.earliest_timer() } else { 0 };
        let mut shared = SCHED.shared.lock();
        let duties = shared.midle_put(m, until, watch);
        let surplus = shared.nmidle > SCHED.procs();
        checkdead::check(&shared);
        drop(shared);
        if duties.time {
            // Who adds a timer from now on sees until when we sleep; who has added
            // one before, we see (`wake_for_timer` has the other half).
            fence(SeqCst);
            match SCHED.earliest_timer() {
                0 => {}
                earliest => until = until.min(earliest),
            }
            // Others go by the time in `poll_until`: what relies on it is late by this at most.
            let gathered = SCHED.timer_wake.load(Relaxed) + GATHER_NS;
            if until < gathered && SCHED.timers_before(gathered, CLOSE) == CLOSE {
                until = gathered;
            }
        }
        let polled = GQueue::new();
        let woken = if duties.poll {
            netpoll::poll(duties.time.then_some(until), &polled);
            // Whoever wakes us for work wakes the note as well.
            false
        } else if duties.time {
            m.note.sleep_until(until)
        } else if surplus {
            m.note.sleep_until(os::now_ns() + SURPLUS_IDLE_NS)
        } else {
            m.note.sleep();
            true
        };
        if woken {
            acquirep(m, m.nextp.replace(ptr::null()));
            return true;
        }
        match get_up(m, duties, &polled) {
            GotUp::WithP => return true,
            GotUp::InVain => watch = false,
            GotUp::Surplus => return false,
        }
    }
}

/// What an M has got up for that nobody has woken.
pub(super) enum GotUp {
    WithP,
    /// Every P has an M, which looks at timers and waiters before it idles.
    InVain,
    Surplus,
}

/// `m` was asleep with these duties and has not been woken: its time has come, or the poll, which brings
/// `polled`, has returned, also if that was interrupted.
pub(super) fn get_up(m: &OnG0, duties: Duties, polled: &GQueue) -> GotUp {
    if duties.time {
        SCHED.timer_wake.store(os::now_ns(), Relaxed);
    }
    let mut shared = SCHED.shared.lock();
    if duties.poll {
        shared.poll_ended(m);
    }
    if !shared.midle_remove(m) {
        // Somebody has just taken us out of the list: the P is on its way.
        drop(shared);
        inject_global(polled);
        m.note.sleep();
        acquirep(m, m.nextp.replace(ptr::null()));
        return GotUp::WithP;
    }
    if !duties.poll && !duties.time {
        return GotUp::Surplus;
    }
    if let Some(p) = shared.pidle_get() {
        drop(shared);
        acquirep(m, p);
        inject(p, polled);
        return GotUp::WithP;
    }
    drop(shared);
    inject_global(polled);
    GotUp::InVain
}
