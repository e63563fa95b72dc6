//! Submitting goroutines: waking their threads. The names are those of `sched/submit.rs`.

use super::clock;
use crate::base::forked::refuse_in_child;
use crate::base::throw::throw;
use crate::bubble::turn::has_turn;
use crate::netpoll;
use crate::proc::bind::wake;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::{GStatus, end_waiting};
use crate::proc::p::P;
use std::ptr::NonNull;

/// Makes `gp` Runnable, which the caller has won the right to wake, and puts it into `runnable`, or whoever's turn it is then.
pub(super) fn end_wait(p: Option<&P>, gp: NonNull<G>, runnable: &GQueue) {
    // SAFETY: it is Waiting, so its record is there; its one waker is the caller.
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

/// Submits runnable goroutines.
pub(crate) fn submit_global(list: &GQueue) {
    refuse_in_child();
    while let Some(gp) = list.pop_front() {
        wake(gp);
    }
}

/// Submits runnable goroutines.
pub(crate) fn queue_globally(list: &GQueue) {
    submit_global(list);
}

/// There is no P to have a queue.
pub(crate) fn queue_here(_: &P, _: &GQueue) {
    no_p()
}

/// There is no P to have a queue.
pub(crate) fn runq_put_next(_: &P, _: NonNull<G>) {
    no_p()
}

fn no_p() -> ! {
    throw("a P where goroutines are threads")
}

/// Nobody looks for work.
pub(crate) fn wakep() {}

/// A timer has been added that is the earliest.
pub(crate) fn wake_for_timer(_when: u64) {
    clock::look();
}

/// Somebody waits for a descriptor.
pub(crate) fn wake_for_poll() {
    netpoll::somebody_waits();
}
