//! Goroutines on hold: what `hogs.rs` decides, and the Ms find.
//!
//! An M that has taken a suspect out of a queue during a hold puts it into `Shared::held`, under
//! the scheduler's lock and after it has seen there that the hold goes on. Sysmon ends a hold
//! under the same lock and submits what it finds. So nobody stays on hold without a hold.

use crate::g::G;
use crate::gqueue::GQueue;
use crate::prim::{AtomicBool, Ordering::Relaxed};
use crate::sched::SCHED;
use std::ptr::NonNull;

/// No suspect may run. Written under the scheduler's lock.
static HOLDING: AtomicBool = AtomicBool::new(false);

/// Whether there is a hold. Seen late, a suspect more is tried.
#[inline]
pub(crate) fn is_holding() -> bool {
    HOLDING.load(Relaxed)
}

/// For an M that has taken `gp` out of a queue: true if it is a suspect and on hold now. The
/// `coin` decides at which end of the queue.
#[cold]
pub(crate) fn put_on_hold(gp: NonNull<G>, coin: u32) -> bool {
    // SAFETY: the caller took `gp` out of a queue: it is ours.
    if !unsafe { gp.as_ref() }.suspect.load(Relaxed) {
        return false;
    }
    let shared = SCHED.shared.lock();
    let holding = is_holding();
    if holding && coin.is_multiple_of(2) {
        shared.held.push_back(gp);
    } else if holding {
        shared.held.push_front(gp);
    }
    holding
}

/// Begins a hold.
pub(crate) fn begin() {
    let _shared = SCHED.shared.lock();
    HOLDING.store(true, Relaxed);
}

/// Ends the hold; who was on hold is to be submitted.
pub(crate) fn end(held: &GQueue) {
    let shared = SCHED.shared.lock();
    HOLDING.store(false, Relaxed);
    held.append(&shared.held);
}
