//! Giving Ps to Ms: `acquirep` and `releasep`, `startm`, `handoffp`.
//!
//! A P that changes hands is accounted for at every moment: it is with its M, in the list of idle
//! Ps, or on its way to an M that was picked under the scheduler's lock and no longer counts as
//! idle or exited.

use super::found::Found;
use super::newm::newm;
use super::visit::settle;
use crate::base::prim::Ordering::{Relaxed, Release};
use crate::netpoll;
use crate::os;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::sched::state::{PickedM, SCHED};
use std::ptr;

/// Ties `p` to `m`. No M holds `p`; `m` is this thread's M and holds no P.
pub(crate) fn acquirep(m: &M, p: *const P) {
    // SAFETY: not null: it comes from `pidle_get`, or from the `nextp` of an M that was woken or
    // started, which is filled in first (`startm`, `startlockedm`; `mstart` checks it). Ps live for
    // ever (`sched/allp.rs`).
    let p = unsafe { &*p };
    debug_assert!(m.p.get().is_null() && p.m.load(Relaxed).is_null());
    m.p.set(p);
    // The P may have been idle for long, and a goroutine may park before the next look at the
    // clock.
    p.coarse_now.set(os::now_ns());
    settle(m, p);
}

/// Unties this M's P and returns it.
pub(super) fn releasep(m: &M) -> &'static P {
    let p = m.p();
    m.p.set(ptr::null());
    // Release: a thief may change the queue from now on (`visit.rs`).
    p.m.store(ptr::null_mut(), Release);
    p
}

/// Counts `m` as spinning.
pub(super) fn become_spinning(m: &M) {
    m.spinning.set(true);
    SCHED.idle.start_spinning();
}

/// Hands `p` to another M, because a goroutine keeps the thread that held it.
///
/// The other M looks for work as usual, and idles the P if there is none.
pub(crate) fn handoffp(p: &'static P) {
    SCHED.idle.start_spinning();
    let mut shared = SCHED.shared.lock();
    shared.handoffs += 1;
    let m = shared.pick_m();
    drop(shared);
    startm(m, p, None);
}

/// Hands this M's P to another M together with a goroutine to run.
pub(super) fn pass_p_on(m: &OnG0, first: Found) {
    let p = releasep(m);
    let other = SCHED.shared.lock().pick_m();
    startm(other, p, Some(first));
}

/// Gives `p` to an M that was picked under the scheduler's lock. The M runs `first`. If that is
/// `None`, the M looks for work, and the caller has counted it as spinning.
pub(super) fn startm(m: PickedM, p: &'static P, first: Option<Found>) {
    let (m, is_idle) = match m {
        PickedM::Idle(m) => (m, true),
        PickedM::Exited(m) => (m, false),
        PickedM::New => (M::leak(), false),
    };
    m.spinning.set(first.is_none());
    if let Some(Found { gp, inherit }) = first {
        m.nextg.set(gp.as_ptr());
        m.nextg_inherits.set(inherit);
    }
    m.nextp.set(p);
    if is_idle {
        m.note.wake();
        if m.polls.load(Relaxed) {
            netpoll::interrupt();
        }
    } else {
        newm(m);
    }
}
