//! Changing the number of Ps while goroutines run: Go's `procresize`, without stopping the world.
//!
//! More: the new Ps enter the idle list, and an M is woken to look for work. Fewer: idle Ps
//! leave the list at once. One that is held is retired by its holder, the next time it looks for
//! a goroutine to run (`sched/procresize.rs`): what is queued goes to the global queue. From a
//! goroutine that does not come back sysmon takes the P first, like any other for which somebody
//! waits.
//!
//! Timers stay in the heap of a P that is retired: thieves and the M that keeps time look
//! there as before, and sysmon, in case that all Ms are busy.
//!
//! # Why no wake-up is lost
//! A P that is retired is one that its holder neither runs nor lists as idle. So the rule for
//! submitters (`sched/README.md`, "Submitting") must hold without it: if they saw the holder
//! spinning, it passes on the duty to look by `wakep`, as any M that stops spinning; if they saw no
//! P idle, they have left word for whoever idles *another* P next, or have seen none
//! because all others run. There always is one: P 0 is never surplus.

use crate::api::start::{MAX_PROCS, ensure_started};
use crate::sched::procresize::procresize;
use crate::sched::state::SCHED;

/// Sets how many goroutines run at the same time, and returns what it was; 0 only asks, and
/// more than 1,024 counts as 1,024. Go's `runtime.GOMAXPROCS(n)`.
///
/// Does not wait: a goroutine that runs on a P too many goes on until it next enters the
/// runtime, or for some 10 ms.
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
