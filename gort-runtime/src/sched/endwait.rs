//! Ends a wait, for callers that wake several goroutines at once. (`goready` in `wait/park.rs`
//! wakes one.)

use crate::bubble::turn::goroutine_to_queue;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::{GStatus, end_waiting};
use crate::proc::p::P;
use std::ptr::NonNull;

/// Makes `gp` Runnable and appends it to `runnable`. In an explored bubble, appends the goroutine
/// whose turn it is instead, if any.
///
/// The caller's M holds `p`, or no P. The caller has won the right to wake `gp` (it got `gp` from
/// `ready_into` or `Timers::run`), and owns the goroutines in the list afterwards.
pub(super) fn end_wait(p: Option<&P>, gp: NonNull<G>, runnable: &GQueue) {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). `gp` is Waiting, and the caller is the
    // one waker that owns it.
    let g = unsafe { gp.as_ref() };
    end_waiting(&g.status, GStatus::Runnable);
    if let Some(bubble) = g.blocked_in() {
        bubble.take_token();
    }
    P::made_runnable(p, g);
    if let Some(gp) = goroutine_to_queue(gp) {
        runnable.push_back(gp);
    }
}
