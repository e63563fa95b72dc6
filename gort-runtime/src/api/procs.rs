//! Changes the number of Ps while goroutines run: Go's `procresize`, without stopping the world.
//!
//! When the number grows, the new Ps enter the idle list, and an M is woken to look for work. When
//! it shrinks, idle surplus Ps leave the list immediately. A surplus P that is held is retired by
//! its holder the next time it looks for a goroutine to run (`sched/procresize.rs`): its queue
//! moves to the global queue. If the goroutine on such a P does not return to the scheduler, sysmon
//! takes the P, as if work were waiting for it, and hands it to another M, which retires it.
//!
//! Timers stay in the heap of a retired P. Thieves and the timekeeper still look there, and so does
//! sysmon, in case all Ms are busy.
//!
//! # Why no wake-up is lost
//! A retired P is neither run by its holder nor listed as idle. So the rule for submitters
//! (`sched/README.md`, "Submitting") must hold without it. If a submitter saw the holder spinning,
//! the holder calls `wakep`, like any M that stops spinning, so that another M looks for the work.
//! If a submitter saw no idle P, it has set `needspinning` for the M that next idles *another* P.
//! There always is one: P 0 is never surplus.

use crate::api::start::{MAX_PROCS, ensure_started};
use crate::sched::procresize::procresize;
use crate::sched::state::SCHED;

/// Sets how many goroutines can run at the same time, and returns the previous number. 0 changes
/// nothing, and more than 1,024 counts as 1,024. Go's `runtime.GOMAXPROCS(n)`.
///
/// Does not wait: a goroutine that runs on a surplus P continues until it next enters the runtime,
/// or for about 10 ms.
///
/// ```
/// use gort::runtime::{max_procs, set_max_procs};
///
/// let before = set_max_procs(2);
/// assert_eq!(max_procs(), 2);
/// set_max_procs(before);
/// ```
pub fn set_max_procs(n: usize) -> usize {
    ensure_started();
    if n == 0 {
        return SCHED.procs() as usize;
    }
    procresize(n.min(MAX_PROCS) as u32) as usize
}
