//! Programs with more Ps than cores: which Ms search for work, and what they take.
//!
//! An M that searches takes a core from one that runs a goroutine. And a theft from an M that has
//! lost its core needs a barrier that interrupts the other cores (`proc/ownership.rs`). If Ms that
//! run out of work always searched, more Ms than cores would be awake. Each would have one or two
//! goroutines, which stand still while their M has no core, so the others would steal them one by
//! one.
//!
//! Therefore no more Ms search than there are cores. And in a *crowd*, which is when Ms that do not
//! search hold as many Ps as there are cores, a searching M takes goroutines only from queues that
//! stand still. Otherwise it naps. A queue stands still if no goroutine has left it since a
//! searching M last looked at it in a crowd: the goroutine that runs there computes or blocks, or
//! its M has no core. So goroutines in such a queue wait for one or two naps, and in other queues
//! for their turn.
//!
//! (`gort-bench run grid 8 300000 channel,0,770,8` on 2 cores: 820 ns without these rules, 550 with
//! them, Go 550 to 620. On 2 Ps: 510.)
//!
//! All of this is a hint. An M that naps in a crowd counts as searching, so no submitter relies on
//! another.

use crate::base::prim::{Ordering::Relaxed, hint::AtomicU32};
use crate::proc::p::P;
use crate::sched::state::SCHED;

/// The number of cores that this process may use.
static CORES: AtomicU32 = AtomicU32::new(u32::MAX);

/// Sets the number of cores. Called once, at start-up.
pub(crate) fn set_cores(cores: usize) {
    CORES.store(u32::try_from(cores).unwrap_or(u32::MAX), Relaxed);
}

/// Returns whether an M that has run out of work should search. At most half as many Ms search as
/// Ps are busy. More would only get in each other's way.
pub(super) fn may_search() -> bool {
    let searching = SCHED.idle.nmspinning();
    2 * searching < SCHED.busy_procs() && searching < CORES.load(Relaxed)
}

/// Returns whether the Ms that do not search hold as many Ps as there are cores.
pub(super) fn is_crowded() -> bool {
    let searching = SCHED.idle.nmspinning();
    SCHED.busy_procs().saturating_sub(searching) >= CORES.load(Relaxed)
}

/// Returns whether the queue of `victim` stands still. For use in a crowd.
pub(super) fn stands_still(victim: &P) -> bool {
    let before = victim.progress_seen.load(Relaxed);
    let progress = if victim.runq.ring_has_entries() {
        victim.runq.taken()
    } else {
        // Only `runnext` waits, and the next dispatch takes it.
        victim.dispatches.load(Relaxed) as u32
    };
    victim.progress_seen.store(progress, Relaxed);
    progress == before
}
