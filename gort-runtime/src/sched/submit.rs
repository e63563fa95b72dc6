//! Submitting work, and waking Ms for it.
//!
//! `README.md` describes the protocol. In short: a submitter makes its work visible, executes a
//! barrier, and calls [`wakep`], which wakes an M unless one is already looking. On the frequent
//! paths the barrier is light: an M that falls asleep pays for both sides.

use super::endwait::end_wait;
use super::hand::startm;
use crate::base::forked::refuse_in_child;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence, light_barrier,
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

/// Makes `gp` the next goroutine to run on `p`, and issues a submitter's barrier. The caller's M
/// holds `p`.
#[inline]
pub(crate) fn runq_put_next(p: &P, gp: NonNull<G>) {
    if let Some(displaced) = p.runq.put_next(gp) {
        runq_put(p, displaced);
    }
    light_barrier();
}

/// Moves goroutines that did not fit into a local queue to the global one.
#[cold]
fn overflow_to_global(batch: &Overflow<G>) {
    let list = GQueue::new();
    for gp in batch.iter().filter_map(|&gp| NonNull::new(gp)) {
        list.push_back(gp);
    }
    // For a moment they were in no queue: an M may have gone to sleep without seeing them.
    submit_global(&list);
}

/// Submits goroutines to the global queue.
pub(crate) fn submit_global(list: &GQueue) {
    refuse_in_child();
    SCHED.put_global(list);
    fence(SeqCst);
    wakep();
}

/// Makes parked goroutines runnable on `p`. The caller's M holds `p`, and the caller has won the
/// right to wake them.
pub(super) fn inject(p: &P, list: &GQueue) {
    let runnable = GQueue::new();
    while let Some(gp) = list.pop_front() {
        // SAFETY: Gs live for ever. `gp` is Waiting, and the caller has won the right to wake it.
        record::network_wakes(unsafe { gp.as_ref() });
        end_wait(Some(p), gp, &runnable);
    }
    queue_here(p, &runnable);
}

/// Submits runnable goroutines to `p`, which the caller's M holds.
///
/// If the global queue has work, the goroutines are queued behind it. Without this rule, while the
/// network kept filling the local queue, goroutines that had overflowed into the global one would
/// wait for 61 time slices each (`tcp_echo` with 512 connections: the slowest percent took 16 times
/// the median).
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
    light_barrier();
    wakep();
}

/// Makes parked goroutines runnable, for a thread without a P. The caller has won the right to wake
/// them.
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

/// Wakes an M to look for work, if no M is looking and a P is idle.
///
/// The caller has made its work visible and has then executed a barrier, which may be light.
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
        SCHED.idle.submitter_found_no_p();
        return;
    };
    let m = shared.pick_m();
    drop(shared);
    startm(m, p, None);
}

/// Wakes an M if the timekeeper sleeps beyond `when`, or if there is no timekeeper. The caller has
/// added a timer that is the earliest of its P.
pub(crate) fn wake_for_timer(when: u64) {
    fence(SeqCst);
    let until = SCHED.poll_until.load(Relaxed);
    if until == 0 || until > when {
        wakep();
    }
}

/// Wakes an M if none sleeps in the network poll. The woken M will go to sleep there. Called by a
/// thread that waits for the network and has no P to idle. The wait has already been counted.
pub(crate) fn wake_for_poll() {
    fence(SeqCst);
    if !netpoll::has_blocked_poller() {
        wakep();
    }
}
