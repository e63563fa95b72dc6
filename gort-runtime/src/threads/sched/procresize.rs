//! The number of Ps, if goroutines are threads: all that can run do, and only the number is stored.

use crate::sched::state::SCHED;

/// Stores the number, and returns the previous one.
pub(crate) fn procresize(procs: u32) -> u32 {
    let mut shared = SCHED.shared.lock();
    let old = SCHED.procs();
    shared.set_procs(procs);
    old
}
