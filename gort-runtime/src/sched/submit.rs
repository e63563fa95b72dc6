//! Submitting work, and waking Ms for it.
//!
//! See `README.md` for the protocol. In short: work is made visible, then a full
//! barrier, then [`wakep`] looks whether somebody is already looking.

use super::endwait::end_wait;
use super::hand::startm;
use crate::base::forked::refuse_in_child;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::netpoll;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::p::P;
use crate::proc::runq::Overflow;
use crate::sched::state::SCHED;
use crate::traced::record;
use std::ptr::NonNull;

/// Puts a runnable goroutine at the tail of `p`'s queue. The caller's M holds `p`.
#[inline]
pub(crate) fn runq_put(p: &P, gp: NonNull<G>) {
    p.runq.put(gp, overflow_to_global);
}

/// Makes `gp` the next to run on `p`; a full barrier. The caller's M holds `p`.
#[inline]
pub(crate) fn runq_put_next(p: &P, gp: NonNull<G>) {
    if let Some(displaced) = p.runq.put_next(gp) {
        runq_put(p, displaced);
        fence(SeqCst);
    }
}

/// Moves what did not fit into a local queue to the global one.
#[cold]
fn overflow_to_global(batch: &Overflow<G>) {
    let list = GQueue::new();
    for gp in batch.iter().filter_map(|&gp| NonNull::new(gp)) {
        list.push_back(gp);
    }
    // For a moment they were in no queue: an M may have gone to sleep over it.
    submit_global(&list);
}

/// Submits goroutines to the global queue.
pub(crate) fn submit_global(list: &GQueue) {
    refuse_in_child();
    SCHED.put_global(list);
    fence(SeqCst);
    wakep();
}

/// Makes parked goroutines, which the caller has won the right to wake, runnable on `p`, which its M holds.
pub(super) fn inject(p: &P, list: &GQueue) {
    let runnable = GQueue::new();
    while let Some(gp) = list.pop_front() {
        // SAFETY: a G for ever; it is Waiting, and the caller has won the right to wake it.
        record::network_wakes(unsafe { gp.as_ref() });
        end_wait(Some(p), gp, &runnable);
    }
    queue_here(p, &runnable);
}

/// Submits runnable goroutines to `p`, which the caller's M holds.
///
/// With work in the global queue they go behind that: if the network kept filling the local
/// one, what had overflowed would wait for 61 time slices each (`tcp_echo` with 512
/// connections: the slowest percent took 16 times the median).
pub(crate) fn queue_here(p: &P, list: &GQueue) {
    if list.is_empty() {
        return;
    }
    if SCHED.global_has_work() {
        SCHED.put_global(list);
    } else {
        while let Some(gp) = list.pop_front() {
            runq_put(p, gp);
        }
    }
    fence(SeqCst);
    wakep();
}

/// Makes parked goroutines, which the caller has won the right to wake, runnable, for a thread without a P.
pub(crate) fn inject_global(list: &GQueue) {
    let runnable = GQueue::new();
    while let Some(gp) = list.pop_front() {
        // SAFETY: as in `inject`.
        record::network_wakes(unsafe { gp.as_ref() });
        end_wait(None, gp, &runnable);
    }
    queue_globally(&runnable);
}

/// Submits runnable goroutines, for a thread without a P.
pub(crate) fn queue_globally(list: &GQueue) {
    if !list.is_empty() {
        submit_global(list);
    }
}

/// Wakes an M to look for work if nobody is looking and a P is idle.
///
/// The caller has made its work visible and then executed a full barrier.
#[inline]
pub(crate) fn wakep() {
    if SCHED.idle.must_wake() {
        wakep_slow();
    }
}

#[cold]
pub(super) fn wakep_slow() {
    refuse_in_child();
    let mut shared = SCHED.shared.lock();
    let Some(p) = shared.pidle_get() else {
        SCHED.idle.nobody_to_wake();
        return;
    };
    let m = shared.pick_m();
    drop(shared);
    startm(m, p, None);
}

/// A timer that is its P's earliest has been added: if the idle M that keeps time
/// sleeps longer than that, or none does, somebody has to look.
pub(crate) fn wake_for_timer(when: u64) {
    fence(SeqCst);
    let until = SCHED.poll_until.load(Relaxed);
    if until == 0 || until > when {
        wakep();
    }
}

/// Somebody waits for the network who has no P to idle: if no idle M sleeps in the poll,
/// one has to look, and goes to sleep there. The wait has been counted.
pub(crate) fn wake_for_poll() {
    fence(SeqCst);
    if !netpoll::somebody_blocked() {
        wakep();
    }
}
