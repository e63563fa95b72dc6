//! Goroutines that found no stack when they were to run first.
//!
//! Each has reserved one (`stack/pool.rs`), but the kernel may refuse its guard, or other Ps keep those
//! that are free. They wait here, under the scheduler's lock, for the next one that is given back.
//!
//! # Nobody waits beside a free stack for ever
//! Who is about to wait says so in `starving`, then looks at the idle Ps' stacks and at the pool, under
//! the scheduler's lock throughout. Who gives a stack back to the pool asks afterwards whether somebody is
//! starving: of the two the one that comes second to the pool's lock finds the other. What a P has kept for
//! itself because nobody starved then, it gives to the pool when a goroutine next ends there, after some
//! dispatches, and before it idles: that is decided under the scheduler's lock, so no P idles with stacks while somebody waits.
//! An M that finds nothing does not nap while somebody waits (`find.rs`): it idles its P.
//! Sysmon takes the P from one that computes, as for any work, and tries again now and then, in case that the
//! kernel has changed its mind.
//!
//! If all Ms sleep and somebody waits here, nobody will ever give a stack back (`checkdead.rs`).

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

/// For an M that holds `p` and found no stack for `gp`: tries once more, or has it wait; true if it has one.
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

/// Whether somebody waits. Seen late, a stack more is kept by its P.
#[inline]
pub(crate) fn is_any() -> bool {
    SCHED.starving.load(Relaxed)
}

impl Shared {
    /// Puts up to `n` of those who wait into the global queue.
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

    /// An M is about to idle `p`: its stacks are for those who wait.
    pub(super) fn feed_from(&mut self, p: &P) {
        if !self.starved.is_empty() {
            let n = p.stacks.give_back_all();
            self.feed(n);
        }
    }
}

/// A stack was given back by an M that holds `p`, or none: those who wait may try.
#[cold]
pub(crate) fn feed(p: Option<&P>) {
    let kept = p.map_or(0, |p| p.stacks.give_back_all());
    feed_up_to(kept.max(1));
}

/// What `p` has kept, whose M is the caller's, is for those who wait.
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
