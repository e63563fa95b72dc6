//! Stealing: half of a random victim's ring, as Go's `stealWork`.
//!
//! Four rounds over all Ps in random order. Only the last one runs other Ps'
//! timers and takes a `runnext`: that goroutine was made ready by one that is
//! likely to park in a moment and let it run where its data is warm.
//!
//! A `runnext` is stolen only if its P has not dispatched anybody for
//! [`RUNNEXT_GRACE_NS`]. Go sleeps 3 µs before it takes one; watching the dispatch
//! counter costs the same and does not tear apart a pair that is getting on.

use super::due::run_due;
use super::submit::queue_here;
use crate::base::prim::{Ordering::Relaxed, spin_hint};
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::p::P;
use crate::sched::state::SCHED;
use std::ptr::NonNull;

const ROUNDS: u32 = 4;
/// How long a `runnext` must have been left alone before it is stolen.
const RUNNEXT_GRACE_NS: u64 = 3_000;

/// What a search of the other Ps brought.
pub(super) enum Stolen {
    Goroutine(NonNull<G>),
    /// Timers were run; what became ready is in this P's queue.
    RanTimers,
    Nothing,
}

/// Looks for work in the other Ps.
pub(super) fn steal_work(p: &P) -> Stolen {
    let allp = SCHED.allp();
    let n = allp.len();
    for round in 0..ROUNDS {
        let last = round == ROUNDS - 1;
        let start = p.random() as usize % n;
        for i in 0..n {
            let victim = allp[(start + i) % n];
            if std::ptr::eq(victim, p) {
                continue;
            }
            if last && run_timers_of(victim, p) {
                return Stolen::RanTimers;
            }
            if let Some(gp) = victim.runq.steal_into(&p.runq) {
                p.stats.steals.increment();
                return Stolen::Goroutine(gp);
            }
            if last && let Some(gp) = steal_next(victim) {
                p.stats.steals.increment();
                return Stolen::Goroutine(gp);
            }
        }
    }
    Stolen::Nothing
}

/// Runs all due timers of other Ps; true if somebody became ready.
pub(super) fn run_due_timers_of_others(p: &P) -> bool {
    let others = SCHED
        .allp()
        .iter()
        .filter(|&&other| !std::ptr::eq(other, p));
    others.fold(false, |any, other| run_timers_of(other, p) | any)
}

/// Runs `victim`'s due timers; true if somebody became ready.
fn run_timers_of(victim: &P, p: &P) -> bool {
    let next = victim.timers.next();
    if next == 0 {
        return false;
    }
    let now = os::now_ns();
    if next > now {
        return false;
    }
    let ready = GQueue::new();
    run_due(&victim.timers, Some(p), now, u32::MAX, &ready);
    let any = !ready.is_empty();
    queue_here(p, &ready);
    any
}

/// Takes `victim`'s `runnext` if its P has been busy with something else for a while.
fn steal_next(victim: &P) -> Option<NonNull<G>> {
    let seen = victim.runq.peek_next();
    if seen.is_null() {
        return None;
    }
    let dispatches = victim.dispatches.load(Relaxed);
    let since = os::now_ns();
    loop {
        if victim.dispatches.load(Relaxed) != dispatches || victim.runq.peek_next() != seen {
            return None;
        }
        if os::now_ns() - since >= RUNNEXT_GRACE_NS {
            return victim.runq.steal_next(seen);
        }
        spin_hint();
    }
}
