//! Putting goroutines on hold and submitting them again: `held.rs` argues it.

use super::held::holds;
use super::state::SCHED;
use super::submit::wakep;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::proc::g::G;
use std::ptr::NonNull;

/// For an M that has taken `gp` out of a queue: true if it is a suspect and on hold now. The
/// `coin` decides at which end of the queue.
#[cold]
pub(crate) fn put_on_hold(gp: NonNull<G>, coin: u32) -> bool {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which only an atomic is read.
    let suspect = unsafe { gp.as_ref() }.suspect.load(Relaxed);
    if !holds(suspect) {
        return false;
    }
    let shared = SCHED.shared.lock();
    if !holds(suspect) {
        return false;
    }
    shared.held.put(gp, suspect, coin);
    true
}

/// Sysmon: moves the bar, and submits those whom it leaves (`Held::set_bar`).
pub(crate) fn set_bar(bar: u64, barred: u64) {
    {
        let shared = &mut *SCHED.shared.lock();
        // Under the same lock: in no queue, with all Ms asleep, they would pass for a deadlock.
        shared.held.set_bar(bar, barred, &shared.runq);
        SCHED.publish_runqsize(shared);
    }
    fence(SeqCst);
    wakep();
}
