//! Whose turn it is on an M whose goroutines stay on it (`migrate=never`, `pinned.rs`).
//!
//! The line of Ms that want a P is served by whoever would idle one, by whoever is to hand one on,
//! and by every M after [`YIELD_EVERY`] time slices, or after one that goroutines have used up together.

use super::found::Found;
use super::hand::{acquirep, hand_p, handoffp, releasep};
use super::submit::wakep;
use crate::base::lock::LockGuard;
use crate::base::prim::Ordering::Relaxed;
use crate::monitor::checkdead;
use crate::proc::m::OnG0;
use crate::proc::p::P;
use crate::proc::runq::CAP;
use crate::sched::state::{SCHED, Shared};
use std::ptr::{self, NonNull};

/// Time slices after which an M gives its P to one that wants it.
const YIELD_EVERY: u32 = 61;
/// New goroutines that may run ahead of those that have started: who yields comes behind
/// all that are queued at the P,
const NEW_IN_A_ROW: u32 = CAP;
/// but not behind a chain of goroutines that each start the next.
const CHAINED_IN_A_ROW: u32 = 61;

/// What an M with a P does next.
pub(super) enum Turn {
    /// Run this one, which belongs to it.
    Home(Found),
    /// Find a new goroutine.
    New,
    /// The P is gone: sleep until there is another.
    Stop,
}

/// Whose turn it is on `m`, which holds `p`.
pub(super) fn turn(m: &OnG0, p: &P) -> Turn {
    m.home.fetch();
    let tick = p.schedtick.load(Relaxed).is_multiple_of(YIELD_EVERY);
    let over = !m.home.next.get().is_null() && p.slice_used_up();
    if over && let Some(gp) = NonNull::new(m.home.next.replace(ptr::null_mut())) {
        m.home.local.push_back(gp);
    }
    if (tick || over) && give_to_wanting(m, p) {
        return Turn::Stop;
    }
    let wired = !m.lockedg.get().is_null();
    let new_waits = !p.runq.is_empty() || SCHED.global_has_work();
    let news = m.home.new_in_a_row.get();
    if let Some(gp) = NonNull::new(m.home.next.replace(ptr::null_mut())) {
        return Turn::Home(Found { gp, inherit: true });
    }
    if wired && (tick && new_waits || m.home.local.is_empty()) {
        // New goroutines may not run here.
        handoffp(releasep(m));
        stop_spinning(m);
        return Turn::Stop;
    }
    let chained = !p.runq.peek_next().is_null();
    let enough_new = news
        >= if chained {
            CHAINED_IN_A_ROW
        } else {
            NEW_IN_A_ROW
        };
    if wired || !new_waits || enough_new {
        m.home.new_in_a_row.set(0);
        if let Some(gp) = m.home.local.pop_front() {
            return Turn::Home(Found { gp, inherit: false });
        }
    } else {
        m.home.new_in_a_row.set(news + 1);
    }
    Turn::New
}

/// Gives the P to an M that wants one, if there is any.
fn give_to_wanting(m: &OnG0, p: &P) -> bool {
    if !SCHED.wanted.load(Relaxed) {
        return false;
    }
    let Some(other) = SCHED.shared.lock().take_wanting() else {
        return false;
    };
    // So that the other does not give it back at once.
    p.next_slice();
    hand_p(other, releasep(m));
    stop_spinning(m);
    true
}

/// `m` is about to sleep: if it was to look for work, another M shall.
fn stop_spinning(m: &OnG0) {
    if m.spinning.replace(false) {
        SCHED.idle.stop_spinning();
        wakep();
    }
}

/// Gives idle Ps to those that want one: Ps have become idle in an unusual way.
pub(crate) fn serve_wanting() {
    while SCHED.wanted.load(Relaxed) {
        let mut shared = SCHED.shared.lock();
        let Some(p) = shared.pidle_get() else { return };
        let Some(m) = shared.take_wanting() else {
            shared.pidle_put(p);
            return;
        };
        drop(shared);
        hand_p(m, p);
    }
}

/// `m` has no P, and the scheduler's lock is held. With something to do at home, or
/// wired, it sleeps here and has a P afterwards; otherwise it sleeps like any other M.
pub(super) fn stop_at_home(
    m: &OnG0,
    mut shared: LockGuard<'static, Shared>,
) -> Result<(), LockGuard<'static, Shared>> {
    if !m.home.rest() {
        if let Some(p) = shared.pidle_get() {
            drop(shared);
            acquirep(m, p);
            return Ok(());
        }
        shared.want_p(m);
    } else if !m.lockedg.get().is_null() {
        m.home.rests_wired.set(true);
        shared.wired_asleep += 1;
        checkdead::check(&shared);
    } else {
        return Err(shared);
    }
    drop(shared);
    m.note.sleep();
    acquirep(m, m.nextp.replace(ptr::null()));
    Ok(())
}
