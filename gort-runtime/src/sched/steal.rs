//! Stealing half of a random victim's ring, like Go's `stealWork`.
//!
//! A thief makes four rounds over all Ps, in random order. Only in the last round does it run other
//! Ps' timers and take a `runnext`. The goroutine in `runnext` was made ready by a goroutine that
//! is likely to park in a moment. If it is left there until then, it runs where its data is warm.
//!
//! A `runnext` is stolen only if its P has not dispatched any goroutine for [`RUNNEXT_GRACE_NS`].
//! Go sleeps 3 µs before it takes one. Watching the dispatch counter takes as long, but never
//! separates a pair that makes progress. If such thefts come in a row, the victim leaves goroutines
//! to thieves from the beginning (`proc/stolennext.rs`).

use super::crowd;
use super::due::run_due;
use super::submit::queue_here;
use super::visit::visit;
use crate::base::prim::{Ordering::Relaxed, spin_hint};
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::p::P;
use crate::sched::state::SCHED;
use std::ptr::NonNull;

const ROUNDS: u32 = 4;
/// How long a `runnext` must have been waiting before it is stolen.
const RUNNEXT_GRACE_NS: u64 = 3_000;

/// Result of a search of the other Ps.
pub(super) enum Stolen {
    Goroutine(NonNull<G>),
    /// Timers were run. Goroutines that became ready are in this P's queue.
    RanTimers,
    /// There was something to steal, but its P was in use at that moment, or gets on with its queue
    /// in a crowd.
    Refused,
    Nothing,
}

/// Looks for work at the other Ps.
pub(super) fn steal_work(p: &P) -> Stolen {
    let allp = SCHED.allp();
    let n = allp.len();
    let mut refused = false;
    let crowded = crowd::is_crowded();
    let first = if crowded { ROUNDS - 1 } else { 0 };
    for round in first..ROUNDS {
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
            if crowded && !victim.runq.is_empty() && !crowd::stands_still(victim) {
                refused = true;
                continue;
            }
            let loot = if victim.runq.ring_has_entries() {
                visit(victim, |queue| queue.steal_into(&p.runq))
            } else if last {
                steal_next(victim)
            } else {
                continue;
            };
            match loot {
                Some(Some(gp)) => {
                    p.stats.steals.increment();
                    return Stolen::Goroutine(gp);
                }
                Some(None) => {}
                None => refused = true,
            }
        }
    }
    if refused {
        Stolen::Refused
    } else {
        Stolen::Nothing
    }
}

/// Runs all due timers of other Ps. Returns `true` if a goroutine became ready.
pub(super) fn run_due_timers_of_others(p: &P) -> bool {
    let others = SCHED
        .allp()
        .iter()
        .filter(|&&other| !std::ptr::eq(other, p));
    others.fold(false, |any, other| run_timers_of(other, p) | any)
}

/// Runs `victim`'s due timers. Returns `true` if a goroutine became ready.
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

/// Takes `victim`'s `runnext` if its P has been running something else for a while. Returns `None`
/// if the P was in use at that moment.
fn steal_next(victim: &P) -> Option<Option<NonNull<G>>> {
    let seen = victim.runq.peek_next();
    if seen.is_null() {
        return Some(None);
    }
    let dispatches = victim.dispatches.load(Relaxed);
    let since = os::now_ns();
    loop {
        if victim.dispatches.load(Relaxed) != dispatches || victim.runq.peek_next() != seen {
            return Some(None);
        }
        if os::now_ns() - since >= RUNNEXT_GRACE_NS {
            return visit(victim, |queue| {
                let gp = queue.steal_next(seen)?;
                victim.stolen_next.stolen();
                Some(gp)
            });
        }
        spin_hint();
    }
}
