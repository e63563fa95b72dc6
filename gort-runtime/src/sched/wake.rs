//! Submitting work, and starting, stopping and waking Ms.
//!
//! See `README.md` for the protocol. In short: work is made visible, then a full
//! barrier, then [`wakep`] looks whether somebody is already looking.

use super::find::Found;
use super::newm::newm;
use super::pinned;
use crate::base::prim::{
    Ordering::{Relaxed, Release, SeqCst},
    fence,
};
use crate::monitor::checkdead;
use crate::netpoll;
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::{GStatus, end_waiting};
use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::runq::Overflow;
use crate::proc::stats;
use crate::sched::state::{PickedM, SCHED};
use std::ptr::{self, NonNull};

/// How long a surplus thread stays idle before it exits.
const SURPLUS_IDLE_NS: u64 = 5_000_000_000;
/// Timers wake an idle thread at most this often: many that lie close together would each cost
/// a wake-up (benchmark `timers`). Go's poller sleeps whole milliseconds.
const GATHER_NS: u64 = 500_000;

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
    SCHED.put_global(list);
    fence(SeqCst);
    wakep();
}

/// Makes parked goroutines runnable on `p`, which the caller's M holds.
pub(super) fn inject(p: &P, list: &GQueue) {
    let runnable = GQueue::new();
    while let Some(gp) = list.pop_front() {
        end_wait(Some(p), gp);
        runnable.push_back(gp);
    }
    queue_here(p, &runnable);
}

/// Submits runnable goroutines to `p`, which the caller's M holds.
///
/// With work in the global queue they go behind that: if the network kept filling the local
/// one, what had overflowed would wait for 61 time slices each (`tcp_echo` with 512
/// connections: the slowest percent took 16 times the median).
pub(super) fn queue_here(p: &P, list: &GQueue) {
    if list.is_empty() {
        return;
    }
    let behind = SCHED.global_has_work();
    let global = GQueue::new();
    while let Some(gp) = list.pop_front() {
        if pinned::send_home(gp) {
            continue;
        }
        if behind {
            global.push_back(gp);
        } else {
            runq_put(p, gp);
        }
    }
    if !global.is_empty() {
        SCHED.put_global(&global);
    }
    fence(SeqCst);
    wakep();
}

/// Makes parked goroutines runnable, for a thread without a P.
pub(crate) fn inject_global(list: &GQueue) {
    let runnable = GQueue::new();
    while let Some(gp) = list.pop_front() {
        end_wait(None, gp);
        runnable.push_back(gp);
    }
    queue_globally(&runnable);
}

/// Submits runnable goroutines, for a thread without a P.
pub(crate) fn queue_globally(list: &GQueue) {
    let anywhere = GQueue::new();
    while let Some(gp) = list.pop_front() {
        if !pinned::send_home(gp) {
            anywhere.push_back(gp);
        }
    }
    if !anywhere.is_empty() {
        submit_global(&anywhere);
    }
}

/// The caller, whose M holds `p` or none, won the right to wake `gp`.
pub(super) fn end_wait(p: Option<&P>, gp: NonNull<G>) {
    // SAFETY: whoever filled the list won the right to wake these.
    let g = unsafe { gp.as_ref() };
    end_waiting(&g.status, GStatus::Runnable);
    stats::made_runnable(p, g);
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
fn wakep_slow() {
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

/// Wakes an M that was taken out of the list in which it slept.
fn wake_m(m: &M) {
    m.note.wake();
    if m.polls.load(Relaxed) {
        netpoll::interrupt();
    }
}

/// Gives `p` to an M that was picked under the scheduler's lock. It runs `first`; without
/// one it looks for work, and the caller has counted it as spinning.
fn startm(m: PickedM, p: &'static P, first: Option<Found>) {
    let (m, is_idle) = match m {
        PickedM::Idle(m) => (m, true),
        PickedM::Exited(m) => (m, false),
        PickedM::New => (M::leak(), false),
    };
    m.spinning.set(first.is_none());
    if let Some(Found { gp, inherit }) = first {
        m.nextg.set(gp.as_ptr());
        m.nextg_inherits.set(inherit);
    }
    m.nextp.set(p);
    if is_idle {
        wake_m(m);
    } else {
        newm(m);
    }
}

/// Gives `p` to an M that sleeps, has been taken out of its list, and does not spin.
pub(super) fn hand_p(m: &M, p: &'static P) {
    m.spinning.set(false);
    m.nextp.set(p);
    wake_m(m);
}

/// Sleeps until a P is handed to `m`; the M holds none. False: it is surplus and
/// its thread is to exit. With `watch` it looks after timers and the network meanwhile, if
/// no other M does.
pub(super) fn stopm(m: &M, watch: bool) -> bool {
    debug_assert!(m.curg.get().is_null(), "an M sleeps that runs a goroutine");
    let mut watch = watch;
    loop {
        let mut until = if watch { SCHED.earliest_timer() } else { 0 };
        let mut shared = SCHED.shared.lock();
        if pinned::is_on() {
            shared = match pinned::stop_at_home(m, shared) {
                Ok(()) => return true,
                Err(shared) => shared,
            };
        }
        let duties = shared.midle_put(m, until, watch);
        let surplus = shared.nmidle > SCHED.procs() && !pinned::is_inhabited(m);
        checkdead::check(&shared);
        drop(shared);
        if duties.time {
            // Who adds a timer from now on sees until when we sleep; who has added
            // one before, we see (`wake_for_timer` has the other half).
            fence(SeqCst);
            match SCHED.earliest_timer() {
                0 => {}
                earliest => until = until.min(earliest),
            }
            // Others go by the time in `poll_until`: what relies on it is late by this at most.
            until = until.max(SCHED.timer_wake.load(Relaxed) + GATHER_NS);
        }
        let polled = GQueue::new();
        let woken = if duties.poll {
            netpoll::poll(duties.time.then_some(until), &polled);
            // Whoever wakes us for work wakes the note as well.
            false
        } else if duties.time {
            m.note.sleep_until(until)
        } else if surplus {
            m.note.sleep_until(os::now_ns() + SURPLUS_IDLE_NS)
        } else {
            m.note.sleep();
            true
        };
        if woken {
            break;
        }
        if duties.time {
            SCHED.timer_wake.store(os::now_ns(), Relaxed);
        }
        let mut shared = SCHED.shared.lock();
        if duties.poll {
            shared.poll_ended(m);
        }
        if !shared.midle_remove(m) {
            // Somebody has just taken us out of the list: the P is on its way.
            drop(shared);
            inject_global(&polled);
            m.note.sleep();
            break;
        }
        if duties.poll || duties.time {
            if let Some(p) = shared.pidle_get() {
                drop(shared);
                acquirep(m, p);
                inject(p, &polled);
                return true;
            }
            drop(shared);
            inject_global(&polled);
            // Every P has an M, which looks at timers and waiters before it idles.
            watch = false;
        } else {
            return false;
        }
    }
    acquirep(m, m.nextp.replace(ptr::null()));
    true
}

/// Ties `p` to `m`.
pub(crate) fn acquirep(m: &M, p: *const P) {
    // SAFETY: Ps live for ever; this one was taken from the idle list or handed over.
    let p = unsafe { &*p };
    debug_assert!(m.p.get().is_null() && p.m.load(Relaxed).is_null());
    m.p.set(p);
    // It may have been idle for long; a goroutine may park before the next look at the clock.
    p.coarse_now.set(os::now_ns());
    // Release: sysmon reads the M's words through it.
    p.m.store(ptr::from_ref(m).cast_mut(), Release);
}

/// Unties this M's P and returns it.
pub(super) fn releasep(m: &M) -> &'static P {
    let p = m.p();
    m.p.set(ptr::null());
    p.m.store(ptr::null_mut(), Relaxed);
    p
}

/// Counts `m` among those that look for work.
pub(super) fn become_spinning(m: &M) {
    m.spinning.set(true);
    SCHED.idle.start_spinning();
}

/// Hands `p` to another M, because this one's goroutine keeps the thread.
///
/// The other M looks for work like any other and idles the P if there is none.
pub(crate) fn handoffp(p: &'static P) {
    SCHED.idle.start_spinning();
    let mut shared = SCHED.shared.lock();
    shared.handoffs += 1;
    let m = shared.pick_m();
    drop(shared);
    startm(m, p, None);
}

/// Hands this M's P to another M together with a goroutine to run.
pub(super) fn pass_p_on(m: &M, first: Found) {
    let p = releasep(m);
    let other = SCHED.shared.lock().pick_m();
    startm(other, p, Some(first));
}

/// Counts this M as asleep until the goroutine wired to it can run, and hands on its P.
///
/// In one step under the lock: at no moment may everybody seem to be asleep while the P,
/// perhaps with work in its queue, is on its way (`checkdead.rs`).
pub(super) fn wired_sleep(m: &M) {
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

/// Hands this M's P to the M that a goroutine is wired to, and sleeps. False: the
/// thread is to exit.
pub(super) fn startlockedm(m: &M, lockedm: *const M) -> bool {
    let p = releasep(m);
    // SAFETY: a wired M sleeps in `stoplockedm` until we wake it.
    let lockedm = unsafe { &*lockedm };
    SCHED.shared.lock().wired_asleep -= 1;
    lockedm.nextp.set(p);
    lockedm.note.wake();
    stopm(m, true)
}
