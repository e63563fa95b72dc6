//! Submits a runnable goroutine from any context. The other functions here use the caller's P as
//! well.

use crate::base::hook;
use crate::base::prim::{Ordering::Relaxed, hint::AtomicU64};
use crate::bubble::turn;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::p::{GOLDEN, P, mix};
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::sched::submit::{runq_put_next, submit_global, wakep};
use crate::turns::gate;
use std::ptr::NonNull;

/// Submits a runnable goroutine, which the caller owns, to `runnext` of this M's P. Submits it to
/// the global queue if this M has no P, or if goroutines in this P's `runnext` are usually stolen
/// (`proc/stolennext.rs`) and another P wants work. Go's `ready` and the end of `newproc`.
#[inline]
pub(crate) fn submit_next(gp: NonNull<G>) {
    submit(gp, |p| {
        p.stolen_next.stays_here() || !SCHED.idle.is_work_wanted()
    });
}

/// Submits a runnable goroutine, which the caller owns. If a P is idle or looks for work, that P
/// runs it, so that it need not wait until the caller parks.
///
/// The goroutine then goes to the global queue, where an M of that P finds it. In `runnext` a thief
/// would first watch it for 3 µs. Then the thief would need a barrier that interrupts the caller,
/// which might compute for some time (`proc/ownership.rs`). With two goroutines that lock a mutex
/// for 1 µs each, on 2 Ps, `runnext` takes 1.4 times as long (`gort-bench run grid 2 200000
/// mutex,770,0,2`).
#[inline]
pub(crate) fn submit_elsewhere(gp: NonNull<G>) {
    submit(gp, |_| !SCHED.idle.is_work_wanted());
}

/// Submits a runnable goroutine to `runnext` if `stays_here` returns true and this M has a P, else
/// to the global queue.
#[inline]
fn submit(gp: NonNull<G>, stays_here: impl FnOnce(&P) -> bool) {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). The caller has made it Runnable, so it
    // is ours until it is queued.
    let g = unsafe { gp.as_ref() };
    let Some(inside) = Inside::enter() else {
        P::made_runnable(None, g);
        submit_global(&GQueue::of(gp));
        return;
    };
    if let Some(hook) = inside.m().hook.get() {
        hook::refuse(hook, format_args!("start or wake a goroutine"));
    }
    P::made_runnable(inside.p(), g);
    match inside.p() {
        Some(p) if stays_here(p) => {
            runq_put_next(p, gp);
            wakep();
        }
        _ => submit_global(&GQueue::of(gp)),
    }
    // `gp` must not be touched below: another M may run it.
    inside.finish();
}

/// Returns a random number. It is cheap and good enough to choose among equals, but not secret.
#[must_use]
pub fn random() -> u32 {
    if gate::is_open()
        && let Some(random) = turn::random()
    {
        return random;
    }
    /// State of the generator for callers without a P, in steps of splitmix64.
    static OUTSIDE: AtomicU64 = AtomicU64::new(0);
    if let Some(p) = Inside::enter().and_then(|inside| inside.p().map(P::random)) {
        return p;
    }
    (mix(OUTSIDE.fetch_add(GOLDEN, Relaxed)) >> 32) as u32
}

/// Returns whether spinning for a moment is worthwhile, because another goroutine may release what
/// the caller wants: another goroutine runs, and none waits for this P. Go's `canSpin`. (A plain
/// thread keeps no goroutine from running.)
#[must_use]
pub fn worth_spinning() -> bool {
    if SCHED.procs() == 1 || gate::is_open() && turn::are_taken() {
        return false;
    }
    let Some(inside) = Inside::enter() else {
        return true;
    };
    let nobody_waits = inside.p().is_some_and(|p| p.runq.is_empty());
    nobody_waits && SCHED.another_runs()
}
