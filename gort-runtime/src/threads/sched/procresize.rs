//! How many goroutines run at the same time: as many as can. Only the number is kept.

use crate::sched::state::SCHED;

/// Sets the number that is told, and returns what it was.
pub(crate) fn procresize(procs: u32) -> u32 {
    let mut shared = SCHED.shared.lock();
    let old = SCHED.procs();
    shared.set_procs(procs);
    old
}
