//! Submitting goroutines: waking their threads. The names are those of `sched/submit.rs`.

use super::clock;
use crate::base::forked::refuse_in_child;
use crate::base::throw::throw;
use crate::netpoll;
use crate::proc::bind::wake;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::p::P;
use std::ptr::NonNull;

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
