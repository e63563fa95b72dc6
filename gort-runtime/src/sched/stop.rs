//! `stopm`: how an M without a P sleeps, and what it watches in the meantime.

use super::hand::{acquire_nextp, acquirep};
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
use crate::traced::record;

/// How long a surplus thread stays idle before it exits.
const SURPLUS_IDLE_NS: u64 = 5_000_000_000;
/// Minimum times between two wake-ups of an idle thread, in nanoseconds, and how many timers must
/// lie in such a time. The first row that fits holds. Each wake-up has a cost, and often wakes a
/// second thread to share the work (benchmark `timers`). Go's poller sleeps whole milliseconds.
///
/// If there are fewer timers, each wakes the thread on time: without this exception a lone
/// `sleep(100 µs)` took 570 µs, while the same sleep of a plain thread takes 170 µs.
const GATHER: [(u64, usize); 2] = [(1_000_000, 32), (500_000, 4)];

/// Sleeps until a P is handed to `m`, which holds none. Returns `false` if `m` is surplus and its
/// thread must exit. With `watch`, `m` watches timers and the network while it sleeps, if no other
/// M does.
pub(super) fn stopm(m: &OnG0, watch: bool) -> bool {
    debug_assert!(
        m.curg.get().is_null(),
        "an M that runs a goroutine must not sleep"
    );
    record::next_run_reads_clock(m);
    let mut watch = watch;
    loop {
        let mut until = if watch { SCHED.earliest_timer() } else { 0 };
        let mut shared = SCHED.shared.lock();
        let duties = shared.midle_put(m, until, watch);
        let surplus = shared.nmidle > SCHED.procs();
        checkdead::check(&shared);
        drop(shared);
        if duties.time {
            // A thread that adds a timer from now on sees until when we sleep. A timer that was
            // added earlier is visible to us (`wake_for_timer` is the other half).
            fence(SeqCst);
            match SCHED.earliest_timer() {
                0 => {}
                earliest => until = until.min(earliest),
            }
            // Other threads rely on the time in `poll_until`. Sleeping longer than that makes their
            // timers late by a time in [`GATHER`] at most.
            let last = SCHED.timer_wake.load(Relaxed);
            let close = |&(ns, timers)| {
                let gathered = last + ns;
                (until < gathered && SCHED.timers_before(gathered, timers) == timers)
                    .then_some(gathered)
            };
            until = GATHER.iter().find_map(close).unwrap_or(until);
        }
        let polled = GQueue::new();
        let woken = if duties.poll {
            netpoll::poll(duties.time.then_some(until), &polled);
            // A thread that wakes us for work also wakes the note.
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
            if acquire_nextp(m) {
                return true;
            }
            continue;
        }
        match get_up(m, duties, &polled) {
            GotUp::WithP => return true,
            GotUp::NoIdleP => watch = false,
            GotUp::TooLate => {}
            GotUp::Surplus => return false,
        }
    }
}

/// Outcome for an M that woke up on its own.
pub(super) enum GotUp {
    WithP,
    /// Every P is held by an M, which looks at timers and network waits before it idles the P.
    NoIdleP,
    /// The P with which the M was woken was only lent, and is gone.
    TooLate,
    Surplus,
}

/// Decides how `m` continues after it slept with these duties and was not woken: its time has come,
/// or the poll has returned with the goroutines in `polled`, perhaps because it was interrupted.
pub(super) fn get_up(m: &OnG0, duties: Duties, polled: &GQueue) -> GotUp {
    if duties.time {
        SCHED.timer_wake.store(os::now_ns(), Relaxed);
    }
    let mut shared = SCHED.shared.lock();
    if duties.poll {
        shared.poll_ended(m);
    }
    if !shared.midle_remove(m) {
        // Another thread has just taken us out of the list: a P is on its way.
        drop(shared);
        inject_global(polled);
        m.note.sleep();
        return match acquire_nextp(m) {
            true => GotUp::WithP,
            false => GotUp::TooLate,
        };
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
    GotUp::NoIdleP
}
