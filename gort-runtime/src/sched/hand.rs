//! Giving Ps to Ms: `acquirep` and `releasep`, `startm`, `handoffp`.
//!
//! A P that changes hands is counted somewhere at every moment: with its M, in the list of idle Ps, or
//! on its way to an M that was picked under the scheduler's lock and is neither idle nor exited any more.

use super::found::Found;
use super::newm::newm;
use crate::base::prim::Ordering::{Relaxed, Release};
use crate::netpoll;
use crate::os;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::sched::state::{PickedM, SCHED};
use std::ptr;

/// Ties `p`, which nobody else holds, to `m`, which is this thread's and holds none.
pub(crate) fn acquirep(m: &M, p: *const P) {
    // SAFETY: not null: it comes from `pidle_get`, or from the `nextp` of an M that was woken or
    // started, which is filled in first (`startm`, `startlockedm`; `mstart` looks). Ps live
    // for ever (`sched/allp.rs`).
    let p = unsafe { &*p };
    debug_assert!(m.p.get().is_null() && p.m.load(Relaxed).is_null());
    m.p.set(p);
    // It may have been idle for long; a goroutine may park before the next look at the clock.
    p.coarse_now.set(os::now_ns());
    // Release: sysmon reads the M's words through it.
    p.m.store(ptr::from_ref(m).cast_mut(), Release);
}

/// Unties this M's P and returns it.
pub(super) fn releasep(m: &M) -> &'static P {
    let p = m.p();
    m.p.set(ptr::null());
    p.m.store(ptr::null_mut(), Relaxed);
    p
}

/// Counts `m` among those that look for work.
pub(super) fn become_spinning(m: &M) {
    m.spinning.set(true);
    SCHED.idle.start_spinning();
}

/// Hands `p` to another M, because this one's goroutine keeps the thread.
///
/// The other M looks for work like any other and idles the P if there is none.
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

/// Gives `p` to an M that was picked under the scheduler's lock. It runs `first`; without
/// one it looks for work, and the caller has counted it as spinning.
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
