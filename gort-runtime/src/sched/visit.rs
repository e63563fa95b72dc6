//! Access to the run queue of another P, for thieves.
//!
//! While a thief changes the queue, no other thread may change it. If an M holds the P, the thief
//! keeps that M in user code (`proc/ownership.rs`). If no M holds the P, because it is idle or on
//! its way to the next M, the thief keeps Ms from acquiring it.
//!
//! # Protocol
//! `P::m` names the M that holds the P, or is null. `P::visited` is set while a thief accesses the
//! queue.
//! - *A thief*: sets `visited` by a compare-and-swap; full barrier; reads `m`. If `m` is null, the
//!   queue is the thief's. Otherwise the thief visits that M (`ownership.rs`). In the end the thief
//!   clears `visited` (release).
//! - *An M acquires the P* (`acquirep`): stores `m`; full barrier; waits until `visited` is clear
//!   (acquire).
//! - *An M gives up the P* (`releasep`), or another thread has taken it (`untie`): the M or that
//!   thread stores null into `m` (release), and leaves the queue alone from then on.
//!
//! # Why a thief and an M never both change the queue
//! The thief stores `visited`, then loads `m`; the acquiring M stores `m`, then loads `visited`.
//! The barriers are full. Either the thief sees an M, or the M sees the thief and waits. While
//! `visited` is set, no M begins to use the P. So the M that the thief has found in `m` either
//! still holds the P, or has given it up, and then no M holds it. If the thief has found null, no M
//! holds the P either. The thief sees what earlier holders did to the queue: it has acquired this
//! by its visit to the last holder, or by its load of null, which was stored as a release.

use crate::base::prim::{
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence, fence_after_rmw, wait_hint,
};
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::runq::Runq;
use std::ptr;

/// Calls `visit` with the queue of `victim`, which `visit` may change. Returns `None` if another
/// thief accesses the queue, or if the M that holds `victim` is inside the runtime. `visit` must
/// not block.
pub(super) fn visit<R>(victim: &P, visit: impl FnOnce(&Runq<G>) -> R) -> Option<R> {
    if victim
        .visited
        .compare_exchange(false, true, Acquire, Relaxed)
        .is_err()
    {
        return None;
    }
    fence_after_rmw();
    let m = victim.m.load(Acquire);
    // SAFETY: null, or an M, and Ms live for ever (`proc/m.rs`).
    let result = match unsafe { m.as_ref() } {
        None => Some(visit(&victim.runq)),
        Some(m) => m.ownership.visit(|| visit(&victim.runq)),
    };
    victim.visited.store(false, Release);
    result
}

/// Names `m` as the M that holds `p`, and waits until no thief accesses its queue. `acquirep` calls
/// this.
pub(super) fn settle(m: &M, p: &P) {
    // Release: sysmon and thieves read the M's words through this pointer.
    p.m.store(ptr::from_ref(m).cast_mut(), Release);
    fence(SeqCst);
    let mut looks = 0;
    while p.visited.load(Acquire) {
        wait_hint(looks);
        looks += 1;
    }
}
