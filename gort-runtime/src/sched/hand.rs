//! Giving Ps to Ms and taking them: `acquirep` and `releasep`, `startm`, `handoffp`, `takep`.
//!
//! A P that changes hands is accounted for at every moment: it is with its M, in the list of idle
//! Ps, or on its way to an M that was picked under the scheduler's lock and no longer counts as
//! idle or exited.

use super::found::Found;
use super::newm::newm;
use super::visit::settle;
use crate::base::prim::Ordering::{Acquire, Relaxed, Release};
use crate::netpoll;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::sched::state::{PickedM, SCHED};
use crate::traced::record;
use std::ptr::{self, NonNull};

/// Maximum number of Ps that [`take_lent`] checks.
const MAX_LENT_CHECKS: usize = 8;

/// Ties `p` to `m`. Contract: no M holds `p`; `m` is this thread's M and holds no P.
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

/// Takes `p`, lent or not, from `m`, if `m` is outside the runtime: its goroutine computes for long
/// or blocks in a call. Returns the goroutine, which continues without the P. The caller must give
/// the P to another M. Only sysmon calls this.
pub(crate) fn takep(p: &P, m: &M) -> Option<NonNull<G>> {
    let mut from = None;
    m.ownership.take(|| {
        from = untie(p, m);
        from.is_some()
    });
    from
}

/// Takes a P that another M has lent (`proc/ownership.rs`), if it is `wanted`. The caller's M holds
/// no P.
///
/// Ms that look at the same time begin at different Ps. An M looks at [`MAX_LENT_CHECKS`] Ps only:
/// going to sleep is not much dearer than that.
pub(super) fn take_lent(m: &M, wanted: impl Fn(&P) -> bool) -> Option<&'static P> {
    let (allp, procs) = (SCHED.allp(), SCHED.procs() as usize);
    let mut looks = (0..procs.min(MAX_LENT_CHECKS)).map(|i| allp[(m.id as usize + i) % procs]);
    looks.find(|p| take_if_lent(p, &wanted))
}

/// Takes `p` if its M has lent it and it is `wanted`. The caller's M holds no P.
fn take_if_lent(p: &P, wanted: impl Fn(&P) -> bool) -> bool {
    // SAFETY: the pointer is null or an M, and Ms live for ever (`proc/m.rs`). This function
    // accesses only the M's atomics. `untie` also accesses the M's `p`, while the M is kept in user
    // code.
    let holder = unsafe { p.m.load(Acquire).as_ref() };
    let lends = holder.filter(|m| m.ownership.is_lent() && wanted(p));
    let taken = lends.is_some_and(|m| m.ownership.take_lent(|| untie(p, m).is_some()));
    if taken {
        p.stats.borrows.increment();
    }
    taken
}

/// Lends the P of `m`, which is outside the runtime, and wakes `other`, which takes that P if no
/// other M is faster. The caller has taken `other` out of the list of idle Ms.
pub(super) fn lend_to(other: &M, m: &M, p: &'static P) {
    m.ownership.lend();
    other.spinning.set(false);
    other.nextp.set(p);
    other.nextp_is_lent.set(true);
    wake(other);
}

/// Acquires the P with which `m` was woken. Returns `false` if that P was lent and is gone: its M
/// has taken it back, or another M has taken it.
pub(super) fn acquire_nextp(m: &OnG0) -> bool {
    let p = m.nextp.replace(ptr::null());
    // SAFETY: if the P is lent, the pointer is not null: `lend_to` sets both cells before it wakes
    // the M. Ps live for ever (`sched/allp.rs`).
    if m.nextp_is_lent.replace(false) && !take_if_lent(unsafe { &*p }, |_| true) {
        return false;
    }
    acquirep(m, p);
    true
}

/// Checks that `m` still holds `p`, and unties the two. Returns the goroutine that continues
/// without the P, or `None` if `m` does not hold it any more. A taker calls this while the
/// goroutine's M is kept in user code (`proc/ownership.rs`).
fn untie(p: &P, m: &M) -> Option<NonNull<G>> {
    if !ptr::eq(m.p.get(), p) || !ptr::eq(p.m.load(Relaxed), m) {
        return None;
    }
    let running = NonNull::from(m.goroutine()?);
    record::loses_p(running, p);
    m.times_taken
        .store(m.times_taken.load(Relaxed).wrapping_add(1), Relaxed);
    // Release: a thief may change the queue from now on (`visit.rs`).
    p.m.store(ptr::null_mut(), Release);
    Some(running)
}

/// Counts `m` as spinning.
pub(super) fn become_spinning(m: &M) {
    m.spinning.set(true);
    SCHED.idle.start_spinning();
}

/// Hands `p` to another M. The thread that has just lost `p` is busy with a goroutine, or ends.
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
        wake(m);
    } else {
        newm(m);
    }
}

/// Wakes an M that was taken out of the list of idle Ms.
fn wake(m: &M) {
    m.note.wake();
    if m.polls.load(Relaxed) {
        netpoll::interrupt();
    }
}
