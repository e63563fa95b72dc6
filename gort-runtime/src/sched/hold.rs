//! Puts goroutines on hold and submits them again. `held.rs` argues why no goroutine stays on hold
//! too long.

use super::held::holds;
use super::state::SCHED;
use super::submit::wakep;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::proc::g::G;
use std::ptr::NonNull;

/// Puts `gp` on hold if it is untested and must wait. Returns `true` if it did. The calling M has
/// taken `gp` out of a queue. `coin` decides to which end of the queue of held goroutines `gp`
/// goes.
#[cold]
pub(crate) fn put_on_hold(gp: NonNull<G>, coin: u32) -> bool {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1), and only an atomic is read.
    let epoch = unsafe { gp.as_ref() }.hog_epoch.load(Relaxed);
    if !holds(epoch) {
        return false;
    }
    let shared = SCHED.shared.lock();
    if !holds(epoch) {
        return false;
    }
    shared.held.put(gp, epoch, coin);
    true
}

/// Moves the bar, and submits the goroutines that are no longer on hold (`Held::set_bar`). Only
/// sysmon calls this.
pub(crate) fn set_bar(bar: u64, old_epoch: u64) {
    {
        let shared = &mut *SCHED.shared.lock();
        // The goroutines enter the run queue in the same critical section in which they leave
        // `held`. Between two critical sections they would be in no queue. If all Ms slept at that
        // moment, sysmon would report a deadlock.
        shared.held.set_bar(bar, old_epoch, &shared.runq);
        SCHED.publish_runqsize(shared);
    }
    fence(SeqCst);
    wakep();
}
