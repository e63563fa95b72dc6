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

/// Must not be called: there are no Ps.
pub(crate) fn queue_here(_: &P, _: &GQueue) {
    no_p()
}

/// Must not be called: there are no Ps.
pub(crate) fn runq_put_next(_: &P, _: NonNull<G>) {
    no_p()
}

fn no_p() -> ! {
    throw("a P was used, but in this build goroutines are threads")
}

/// Does nothing: no thread looks for work.
pub(crate) fn wakep() {}

/// Wakes or starts the timer thread. The caller has added a timer that is the earliest.
pub(crate) fn wake_for_timer(_when: u64) {
    clock::wake_or_start();
}

/// Wakes or starts the poll thread. The caller waits for a descriptor.
pub(crate) fn wake_for_poll() {
    netpoll::wake_or_start();
}
