//! Changing the number of Ps, and giving up one of which there are too many (`api/procs.rs`).

use super::hand::releasep;
use super::submit::{submit_global, wakep};
use crate::base::prim::{Ordering::SeqCst, fence};
use crate::proc::gqueue::GQueue;
use crate::proc::m::OnG0;
use crate::sched::state::SCHED;

/// Sets the number of Ps that may run goroutines, and returns what it was.
pub(crate) fn procresize(procs: u32) -> u32 {
    let mut shared = SCHED.shared.lock();
    let old = SCHED.procs();
    shared.set_procs(procs);
    drop(shared);
    // Ps that are idle from now on were not when somebody submitted work. `pidle_put` had the barrier for that, if
    // there are any.
    wakep();
    old
}

/// On g0: what is queued goes to the global queue, and `m` has no P.
#[cold]
pub(super) fn retire(m: &OnG0) {
    let p = releasep(m);
    p.stacks.give_back_all();
    let queued = GQueue::new();
    while let Some(gp) = p.runq.get_next().or_else(|| p.runq.get()) {
        queued.push_back(gp);
    }
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
