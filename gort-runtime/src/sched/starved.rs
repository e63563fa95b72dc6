//! Goroutines that found no stack when they were about to run for the first time.
//!
//! Each of them has reserved a stack (`stack/pool.rs`), but the kernel may refuse to set up its
//! guard, or other Ps may keep the free ones. Such goroutines wait here, under the scheduler's
//! lock, for the next stack that is given back.
//!
//! # Why no goroutine waits for ever while a stack is free
//! An M that finds no stack sets `starving`, then looks at the idle Ps' stacks and at the pool,
//! holding the scheduler's lock throughout. A thread that gives a stack back to the pool checks
//! `starving` afterwards. Of these two, the one that takes the pool's lock second notices the
//! other: either the M finds the stack, or the thread sees `starving`. A P that saw `starving`
//! unset may have kept stacks for itself. It gives them to the pool when a goroutine next ends
//! there, after some dispatches, and before it idles. An M decides under the scheduler's lock
//! whether its P must do so before it idles, so no P idles with stacks while a goroutine waits. An
//! M that finds no work does not nap while a goroutine waits (`find.rs`): it idles its P. If a
//! goroutine computes for long, sysmon takes its P, as it does for any queued work. Sysmon also
//! tries again now and then, in case the kernel no longer refuses.
//!
//! If all Ms sleep and a goroutine waits here, no stack will ever be given back (`checkdead.rs`).

use super::state::{SCHED, Shared};
use super::submit::wakep;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::proc::bind::bind;
use crate::proc::g::G;
use crate::proc::p::P;
use std::ptr::NonNull;

/// Tries once more to find a stack for `gp`, and makes it wait if there is none. Returns `true` if
/// it has a stack. The calling M holds `p` and has already failed once.
#[cold]
pub(super) fn bind_or_wait(p: &P, gp: NonNull<G>) -> bool {
    let shared = SCHED.shared.lock();
    SCHED.starving.store(true, Relaxed);
    for idle in shared.idle_ps() {
        idle.stacks.give_back_all();
    }
    let bound = bind(p, gp);
    if !bound {
        shared.starved.push_back(gp);
    }
    SCHED.starving.store(!shared.starved.is_empty(), Relaxed);
    bound
}

/// Returns whether a goroutine waits for a stack. An M that sees a change late keeps at most one
/// stack too many in its P.
#[inline]
pub(crate) fn is_any() -> bool {
    SCHED.starving.load(Relaxed)
}

impl Shared {
    /// Moves up to `n` of the waiting goroutines to the global queue.
    fn feed(&mut self, n: u32) {
        for _ in 0..n {
            let Some(gp) = self.starved.pop_front() else {
                break;
            };
            self.runq.push_back(gp);
        }
        SCHED.starving.store(!self.starved.is_empty(), Relaxed);
        SCHED.publish_runqsize(self);
    }

    /// Gives the stacks of `p` to waiting goroutines. The calling M is about to idle `p`.
    pub(super) fn feed_from(&mut self, p: &P) {
        if !self.starved.is_empty() {
            let n = p.stacks.give_back_all();
            self.feed(n);
        }
    }
}

/// Lets waiting goroutines try again, after a stack has been given back. The calling M holds `p`,
/// or no P.
#[cold]
pub(crate) fn feed(p: Option<&P>) {
    let kept = p.map_or(0, |p| p.stacks.give_back_all());
    feed_up_to(kept.max(1));
}

/// Gives the stacks that `p` has kept to waiting goroutines. The caller's M holds `p`.
#[cold]
pub(super) fn share(p: &P) {
    let kept = p.stacks.give_back_all();
    if kept != 0 {
        feed_up_to(kept);
    }
}

fn feed_up_to(n: u32) {
    SCHED.shared.lock().feed(n);
    fence(SeqCst);
    wakep();
}
