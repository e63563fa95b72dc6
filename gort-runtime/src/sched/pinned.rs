//! `migrate=never`: a goroutine that has started stays on the thread where it first ran.
//!
//! Run queues, stealing and the global queue are for goroutines that have not started; one
//! that has is queued at its M (`proc/home.rs`). An M needs a P for them as for any others. It keeps
//! the one it has; if it sleeps when somebody is made ready for it, it is given an idle one, or
//! *wants* a P: it waits in a line of Ms. The line is served by whoever would idle a P, by
//! whoever is to hand one on, and by every M after [`YIELD_EVERY`] time slices, or after one that
//! goroutines have used up together.
//!
//! Invariant, under the scheduler's lock: while an M wants a P, none is idle.
//!
//! # The price
//! Who computes or blocks keeps its neighbours from running for so long, since nobody else can
//! run them: only new goroutines go elsewhere. A goroutine that is wired to its thread shares it
//! with those that started there before; new ones stay away from it.

use super::find::{Found, slice_used_up};
use super::wake::{acquirep, hand_p, handoffp, releasep, wakep};
use crate::base::config::{self, Migration};
use crate::base::lock::LockGuard;
use crate::base::prim::Ordering::Relaxed;
use crate::monitor::checkdead;
use crate::proc::g::G;
use crate::proc::home::Home;
use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::runq::CAP;
use crate::proc::tls;
use crate::sched::state::{SCHED, Shared};
use std::ptr::{self, NonNull};

/// Time slices after which an M gives its P to one that wants it.
const YIELD_EVERY: u32 = 61;
/// New goroutines that may run ahead of those that have started: who yields comes behind
/// all that are queued at the P,
const NEW_IN_A_ROW: u32 = CAP;
/// but not behind a chain of goroutines that each start the next.
const CHAINED_IN_A_ROW: u32 = 61;

/// Whether goroutines stay on their threads.
#[inline]
pub(crate) fn is_on() -> bool {
    config::get().migration == Migration::Never
}

/// Whether `g` stays on a thread.
pub(crate) fn has_home(g: &G) -> bool {
    is_on() && !g.last_m.get().is_null()
}

/// Queues a goroutine that was made ready at its M; false if it may run anywhere.
#[inline]
pub(crate) fn send_home(gp: NonNull<G>) -> bool {
    is_on() && put(gp, Home::put_next)
}

/// Queues a goroutine that yields behind all others; false if it may run anywhere.
#[inline]
pub(crate) fn send_home_last(gp: NonNull<G>) -> bool {
    is_on() && put(gp, |home, gp| home.local.push_back(gp))
}

#[cold]
fn put(gp: NonNull<G>, put_here: fn(&Home, NonNull<G>)) -> bool {
    // SAFETY: the caller owns the Runnable goroutine. An M's memory lives for ever.
    let Some(m) = (unsafe { gp.as_ref().last_m.get().as_ref() }) else {
        return false;
    };
    if tls::getm().is_some_and(|here| ptr::eq(here, m)) {
        put_here(&m.home, gp);
    } else if m.home.send(gp) {
        wake(m);
    }
    true
}

/// Wakes an M for which there is something to do.
fn wake(m: &'static M) {
    let mut shared = SCHED.shared.lock();
    if !shared.end_rest(m) {
        // Somebody else has, and it has a P or wants one.
        return;
    }
    match shared.pidle_get() {
        Some(p) => {
            drop(shared);
            hand_p(m, p);
        }
        None => shared.want_p(m),
    }
}

/// `m` starts to run `gp` for the first time.
pub(super) fn moves_in(m: &M, gp: NonNull<G>) {
    // SAFETY: the caller runs `gp`.
    let last_m = unsafe { &gp.as_ref().last_m };
    if last_m.get().is_null() {
        last_m.set(m);
        m.home.population.set(m.home.population.get() + 1);
    }
}

/// On g0: a goroutine has ended on `m`.
pub(crate) fn moved_out(m: &M) {
    if is_on() {
        m.home.population.set(m.home.population.get() - 1);
    }
}

/// Whether `m` must live on for goroutines that belong to it.
pub(super) fn is_inhabited(m: &M) -> bool {
    m.home.population.get() != 0
}

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
pub(super) fn turn(m: &M, p: &P) -> Turn {
    m.home.fetch();
    let tick = p.schedtick.load(Relaxed).is_multiple_of(YIELD_EVERY);
    let over = !m.home.next.get().is_null() && slice_used_up(p);
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
fn give_to_wanting(m: &M, p: &P) -> bool {
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
fn stop_spinning(m: &M) {
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
    m: &M,
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
