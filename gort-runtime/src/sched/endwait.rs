//! The end of a wait, for who wakes several at a time. (`goready` in `wait/park.rs` is for one.)

use crate::bubble::turn::has_turn;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::{GStatus, end_waiting};
use crate::proc::p::P;
use std::ptr::NonNull;

/// Makes `gp` Runnable, and puts it into `runnable`, or whoever's turn it is then. The caller, whose M holds `p` or none, has won
/// the right to wake it (it comes out of `ready_into` or `Timers::run`), and owns what is in the list afterwards.
pub(super) fn end_wait(p: Option<&P>, gp: NonNull<G>, runnable: &GQueue) {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1). It is Waiting, and its one waker's is the caller.
    let g = unsafe { gp.as_ref() };
    end_waiting(&g.status, GStatus::Runnable);
    if let Some(bubble) = g.blocked_in() {
        bubble.take_hold();
    }
    P::made_runnable(p, g);
    if let Some(gp) = has_turn(gp) {
        runnable.push_back(gp);
    }
}
