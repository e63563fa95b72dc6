//! `migrate=never`: a goroutine that has started stays on the thread where it first ran.
//!
//! Run queues, stealing and the global queue are for goroutines that have not started; one
//! that has is queued at its M (`proc/home.rs`). An M needs a P for them as for any others. It keeps
//! the one it has; if it sleeps when somebody is made ready for it, it is given an idle one, or
//! *wants* a P: it waits in a line of Ms. `turn.rs` says how the line is served.
//!
//! Invariant, under the scheduler's lock: while an M wants a P, none is idle.
//!
//! # The price
//! Who computes or blocks keeps its neighbours from running for so long, since nobody else can
//! run them: only new goroutines go elsewhere. A goroutine that is wired to its thread shares it
//! with those that started there before; new ones stay away from it.

use super::hand::hand_p;
use crate::base::config::{self, Migration};
use crate::proc::g::G;
use crate::proc::home::Home;
use crate::proc::m::M;
use crate::proc::tls;
use crate::sched::state::SCHED;
use std::ptr::{self, NonNull};

/// Whether goroutines stay on their threads.
#[inline]
pub(crate) fn is_on() -> bool {
    config::get().migration == Migration::Never
}

/// Whether `g` stays on a thread.
pub(crate) fn has_home(g: &G) -> bool {
    is_on() && !g.last_m.get().is_null()
}

/// Queues a goroutine that was made ready, and that the caller owns, at its M; false if it may run anywhere.
#[inline]
pub(crate) fn send_home(gp: NonNull<G>) -> bool {
    is_on() && put(gp, Home::put_next)
}

/// Queues a goroutine that yields, and that the caller owns, behind all others; false if it may run anywhere.
#[inline]
pub(crate) fn send_home_last(gp: NonNull<G>) -> bool {
    is_on() && put(gp, |home, gp| home.local.push_back(gp))
}

#[cold]
fn put(gp: NonNull<G>, put_here: fn(&Home, NonNull<G>)) -> bool {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), Runnable and the caller's. `last_m` is null or an
    // M, and those live for ever (`proc/m.rs`).
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

/// `m`, this thread's, is about to run `gp`, which it has taken out of a queue: from the first time on they
/// belong together.
pub(super) fn moves_in(m: &M, gp: NonNull<G>) {
    // SAFETY: a G for ever; it is Runnable and the caller's, who took it out of a queue.
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
