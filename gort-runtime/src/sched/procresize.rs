//! Changes the number of Ps, and retires surplus ones (`api/procs.rs`).

use super::hand::releasep;
use super::submit::{submit_global, wakep};
use crate::base::prim::{Ordering::SeqCst, fence};
use crate::proc::gqueue::GQueue;
use crate::proc::m::OnG0;
use crate::sched::state::SCHED;

/// Sets the number of Ps that may run goroutines, and returns the previous number.
pub(crate) fn procresize(procs: u32) -> u32 {
    let mut shared = SCHED.shared.lock();
    let old = SCHED.procs();
    shared.set_procs(procs);
    drop(shared);
    // If this made Ps idle, work may have been submitted before, when there was no idle P to wake
    // an M for. `pidle_put` has executed the barrier that is needed to see that work.
    wakep();
    old
}

/// Retires the P of `m`: moves its queue to the global queue, and leaves `m` without a P. Runs on
/// g0.
#[cold]
pub(super) fn retire(m: &OnG0) {
    let p = m.p();
    p.stacks.give_back_all();
    let queued = GQueue::new();
    while let Some(gp) = p.runq.get_next().or_else(|| p.runq.get()) {
        queued.push_back(gp);
    }
    releasep(m);
    if m.spinning.replace(false) {
        SCHED.idle.stop_spinning();
    }
    SCHED.shared.lock().retire(p);
    if queued.is_empty() {
        fence(SeqCst);
        wakep();
    } else {
        submit_global(&queued);
    }
}
