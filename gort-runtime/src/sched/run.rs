//! `schedule` finds the next goroutine, and `execute` makes it the running one.

use super::find::find_runnable;
use super::found::Found;
use super::hand::{acquirep, handoffp, releasep};
use super::migrate::{must_move, send_away};
use super::stop::stopm;
use super::submit::{runq_put, submit_global, wakep};
use super::wired::{startlockedm, wired_sleep};
use crate::arch::Gobuf;
use crate::base::prim::{Ordering::Relaxed, light_barrier};
use crate::proc::bind::bind;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::m::OnG0;
use crate::proc::p::P;
use crate::sched::held::{self, is_holding};
use crate::sched::hold::put_on_hold;
use crate::sched::starved;
use crate::sched::state::SCHED;
use crate::traced::record;
use std::ptr::{self, NonNull};

/// Finds the next goroutine and returns its context. The last step of `mcall` resumes it. Returns
/// g0's own context if this thread must exit.
pub(crate) fn schedule(m: &OnG0) -> *mut Gobuf {
    if !m.lockedg.get().is_null() {
        return stoplockedm(m);
    }
    loop {
        // An M whose P was taken while its goroutine was busy arrives here without a P.
        if m.held_p().is_none() && !stopm(m, true) {
            return m.g0();
        }
        let Some(found) = find_runnable(m) else {
            return m.g0();
        };
        let Found { gp, inherit } = found;
        if m.spinning.get() {
            stop_spinning_with_work(m);
        }
        // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). `find_runnable` took `gp` out of a
        // queue, or another M sent it here, so it is ours.
        let g = unsafe { gp.as_ref() };
        if is_holding() && put_on_hold(gp, m.p().random()) {
            continue;
        }
        if g.stack.get().is_none() {
            record::next_run_reads_clock(m);
            if !bind(m.p(), gp) && !starved::bind_or_wait(m.p(), gp) {
                continue;
            }
        }
        let lockedm = if g.wired.get() == 0 {
            ptr::null()
        } else {
            g.lockedm.get()
        };
        let stays = if !lockedm.is_null() {
            startlockedm(m, lockedm)
        } else if must_move(m, gp) {
            send_away(m, found)
        } else {
            return execute(m, gp, inherit);
        };
        if !stays {
            return m.g0();
        }
    }
}

/// Makes `gp`, which is Runnable and ours, the running goroutine of `m`. Returns its saved context.
#[inline(always)]
fn execute(m: &OnG0, gp: NonNull<G>, inherit: bool) -> *mut Gobuf {
    let p = m.p();
    // SAFETY: Gs live for ever. The caller guarantees that this one is Runnable and ours.
    let g = unsafe { gp.as_ref() };
    casgstatus(&g.status, GStatus::Runnable, GStatus::Running);
    p.runs(g);
    record::runs(m, g);
    m.curg.set(gp.as_ptr());
    // A goroutine that announced a blocking call on this M has parked in that call or has returned
    // from it.
    m.end_announced_call();
    p.dispatches
        .store(p.dispatches.load(Relaxed).wrapping_add(1), Relaxed);
    if inherit {
        p.streak.set(p.streak.get() + 1);
    } else {
        p.next_slice();
    }
    m.ownership.leave();
    G::gobuf(gp)
}

/// Uncounts a spinning M that has found work, and wakes another M in case there is more work (Go's
/// `resetspinning`).
fn stop_spinning_with_work(m: &OnG0) {
    m.spinning.set(false);
    SCHED.idle.stop_spinning();
    wakep();
}

/// Ends the thread to which a goroutine was still wired when it ended: what the goroutine has
/// changed in the thread must not affect another goroutine.
pub(crate) fn leave_thread(m: &OnG0) -> *mut Gobuf {
    if m.held_p().is_some() {
        handoffp(releasep(m));
    }
    m.g0()
}

/// Hands on the P, because the goroutine that is wired to this M has parked. Then sleeps until
/// another M hands over that goroutine together with a P, and runs it.
fn stoplockedm(m: &OnG0) -> *mut Gobuf {
    wired_sleep(m);
    m.note.sleep();
    wired_wakes(m)
}

/// Runs the goroutine that is wired to this M, with the P that `startlockedm` has handed over.
pub(super) fn wired_wakes(m: &OnG0) -> *mut Gobuf {
    acquirep(m, m.nextp.replace(ptr::null()));
    let gp = m.lockedg.get();
    // SAFETY: the pointer is not null: `schedule` checked it before this M slept, and only this
    // thread changes it. The goroutine is ours to run: `startlockedm` took it out of a queue and
    // woke us.
    execute(m, unsafe { NonNull::new_unchecked(gp) }, false)
}

/// Moves the running goroutine to the tail of the local queue. Go's `gosched_m`.
///
/// Go uses the global queue. The local one needs no lock, and still every goroutine that was queued
/// here runs once before the caller continues. If the global queue has work (half of a full local
/// queue moves there), the caller queues behind that.
pub(crate) fn yield_to_queue(m: &OnG0, gp: NonNull<G>) -> *mut Gobuf {
    // SAFETY: Gs live for ever. It was running on this M, so it is ours until it is queued.
    let g = unsafe { gp.as_ref() };
    if m.held_p().is_some() {
        g.hog_epoch.store(held::TESTED, Relaxed);
    }
    record::yields(m, g);
    queue_behind(m, gp);
    schedule(m)
}

/// Queues the running goroutine behind the goroutines that wait for this M's P. If the M has none,
/// queues it in the global queue. `gp` must not be touched afterwards.
pub(super) fn queue_behind(m: &OnG0, gp: NonNull<G>) {
    // SAFETY: Gs live for ever. It was running on this M, so it is ours until it is queued.
    let g = unsafe { gp.as_ref() };
    g.yields();
    casgstatus(&g.status, GStatus::Running, GStatus::Runnable);
    m.curg.set(ptr::null_mut());
    P::made_runnable(m.held_p(), g);
    match m.held_p() {
        Some(p) if !SCHED.global_has_work() => {
            // `runnext` must be queued in front of the caller, not merely left as the next to run:
            // at the end of a time slice the head of the queue would run before it, and that may be
            // the caller.
            let next = p.runq.get_next();
            if let Some(next) = next {
                runq_put(p, next);
            }
            runq_put(p, gp);
            if next.is_some() {
                // For a moment `next` was in no queue: an M may have gone to sleep without seeing
                // it.
                light_barrier();
                wakep();
            }
        }
        _ => submit_global(&GQueue::of(gp)),
    }
}
