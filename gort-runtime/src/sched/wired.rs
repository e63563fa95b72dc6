//! Ms with a wired goroutine: how their Ps are handed on and back.

use super::hand::{releasep, startm};
use super::stop::stopm;
use crate::monitor::checkdead;
use crate::proc::m::{M, OnG0};
use crate::sched::state::SCHED;
use crate::traced::record;

/// Counts this M as asleep until the goroutine wired to it can run, and hands on its P.
///
/// Both happen in one step under the lock: all Ms must never seem to be asleep while the P, perhaps
/// with work in its queue, is on its way (`checkdead.rs`).
pub(super) fn wired_sleep(m: &OnG0) {
    record::next_run_reads_clock(m);
    let p = m.held_p().map(|_| releasep(m));
    if p.is_some() {
        SCHED.idle.start_spinning();
    }
    let mut shared = SCHED.shared.lock();
    shared.wired_asleep += 1;
    match p {
        Some(p) => {
            shared.handoffs += 1;
            let other = shared.pick_m();
            drop(shared);
            startm(other, p, None);
        }
        None => {
            checkdead::check(&shared);
        }
    }
}

/// Hands this M's P to the M that a goroutine is wired to, and sleeps. Returns `false` if the
/// thread must exit. The caller has taken that goroutine out of a queue.
pub(super) fn startlockedm(m: &OnG0, lockedm: *const M) -> bool {
    let p = releasep(m);
    // SAFETY: `lockedm` is not null, because the goroutine is wired. Ms live for ever
    // (`proc/m.rs`). The M's `nextp` is ours to fill: the M sleeps in `stoplockedm`, or is about to
    // sleep there, until we wake it.
    let lockedm = unsafe { &*lockedm };
    SCHED.shared.lock().wired_asleep -= 1;
    lockedm.nextp.set(p);
    lockedm.note.wake();
    stopm(m, true)
}
