//! The number of Ps, if goroutines are threads. The number is only stored: all runnable goroutines
//! run at the same time.

use crate::sched::state::SCHED;

/// Stores the number, and returns the previous one.
pub(crate) fn procresize(procs: u32) -> u32 {
    let mut shared = SCHED.shared.lock();
    let old = SCHED.procs();
    shared.set_procs(procs);
    old
}
