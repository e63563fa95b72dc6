//! Running the due timers of a P.
//!
//! Timers wake goroutines, and some start goroutines (`life/timed.rs`). The timer code only returns
//! them; this file makes them runnable.
//!
//! # Ahead of the queue
//! A goroutine that was woken by the clock has waited for a certain time, and would be late if it
//! queued behind others. So it runs next, ahead of `runnext` and the queues. (Go puts it into
//! `runnext`.) If several timers are due, their goroutines run in the order of their times, one
//! each time the P checks its timers. Until then the timers stay in the heap, where idle Ms find
//! them like any due timer. So no separate queue of due goroutines is needed.
//!
//! # No goroutine starves
//! - Woken goroutines run in the time slice of the goroutine before them, and may use [`DUE_NS`] of
//!   it. They may overtake others because they usually have little to do, but queued goroutines may
//!   have just as little to do between two turns. If woken goroutines use up this part of a slice, a
//!   queued goroutine has a turn. If they use up [`OVERRUNS`] parts and others are still due, those
//!   go to the end of the queue.
//! - After [`FEW_IN_A_ROW`] due goroutines, a queued goroutine has a turn, since it may have far
//!   less to do. After a long dispatch, a queued goroutine's turn may be long, too. A queued
//!   goroutine then has a turn only after [`MANY_IN_A_ROW`] due goroutines.
//!
//! If nothing is queued, there is nothing to overtake, and all due goroutines go through the queue
//! at once.
//!
//! The clock also counts the time in which the kernel runs other threads. With more Ps than cores,
//! it often stops an M for longer than `DUE_NS`. So goroutines do not go to the end of the queue
//! when the first part is used up. When they did, they were late by a whole round of the queue
//! (`fault_timer_latency` with 8 Ps, beside other programs).
//!
//! # How late
//! Reading the clock costs as much as two switches. While dispatches are short, the P reads the
//! clock at every [`TIMERS_EVERY`]th dispatch, so a timer is late by a few microseconds. After the
//! first long dispatch it reads the clock at each of the next [`READINGS`] dispatches, so a timer
//! is late by the time that one goroutine computes before it lets others run.

use super::endwait::end_wait;
use super::found::Found;
use super::submit::{queue_here, wakep};
use crate::base::config;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::base::throw::throw;
use crate::bubble::turn::goroutine_to_queue;
use crate::os;
use crate::proc::bind::{DETACHED, give_unused, take_record};
use crate::proc::gqueue::GQueue;
use crate::proc::p::{P, SLICE_NS};
use crate::sched::state::SCHED;
use crate::time::{Ran, Timers};
use crate::traced::record;

/// Number of dispatches between two readings of the clock, while the local queue is not empty and
/// dispatches are short. Reading the clock costs 41 ns and a switch 20, so this adds a quarter to
/// the cost of a switch.
const TIMERS_EVERY: u64 = 8;
/// Number of dispatches, after a long one, at each of which the P reads the clock. Long dispatches
/// often follow each other.
const READINGS: u32 = 64;
/// If at least this time, in nanoseconds, passes between two readings of the clock, the dispatches
/// between them count as long. A thousandth of this time is spent on reading the clock.
const LONG_NS: u64 = 50_000;
/// How many due goroutines may run before a queued goroutine does, while dispatches are short: as
/// many as between two readings of the clock.
const FEW_IN_A_ROW: u32 = 8;
/// How many due goroutines may run before a queued goroutine does, after a long dispatch. The same
/// number as `GLOBAL_EVERY` in `find.rs`.
const MANY_IN_A_ROW: u32 = 61;
/// How much of a time slice due goroutines may use, in nanoseconds. Queued goroutines are left with
/// most of it.
const DUE_NS: u64 = SLICE_NS / 4;
/// How many parts of time slices may be used up, while goroutines are due, before these go to the
/// end of the queue. With 2, three programs that computed beside `fault_timer_latency` made it fail
/// in two of ten runs.
const OVERRUNS: u32 = 8;
/// How long a timer is put off, in nanoseconds, if there is no stack for the goroutine that it
/// starts: half a time slice, in which other goroutines may end and free theirs.
const RETRY_NS: u64 = 5_000_000;

/// Returns a goroutine that this P's timers have woken or started, to run ahead of the queue. May
/// also queue others.
#[inline]
pub(super) fn due(p: &P) -> Option<Found> {
    let next = p.timers.next();
    if next == 0 || !is_time_to_check(p, next) {
        return None;
    }
    due_at(p, next)
}

#[inline]
fn is_time_to_check(p: &P, next: u64) -> bool {
    next <= p.coarse_now.get()
        || p.readings_left.get() != 0
        || p.dispatches.load(Relaxed).is_multiple_of(TIMERS_EVERY)
        || p.runq.is_empty()
}

#[inline(never)]
fn due_at(p: &P, next: u64) -> Option<Found> {
    let before = p.coarse_now.get();
    let readings_left = p.readings_left.get();
    if before < next || readings_left != 0 || p.due_runs.get() {
        let now = os::now_ns();
        p.coarse_now.set(now);
        if p.due_runs.replace(false) {
            p.due_ns.set(p.due_ns.get() + (now - before));
        }
        let long = now - before >= LONG_NS;
        p.readings_left.set(if long {
            READINGS
        } else {
            readings_left.saturating_sub(1)
        });
    }
    let now = p.coarse_now.get();
    if now < next {
        return None;
    }
    let overtakes = !p.runq.is_empty() || SCHED.global_has_work();
    let used_up = p.due_ns.get() >= DUE_NS;
    let ready = GQueue::new();
    if !overtakes || (used_up && p.due_overruns.get() + 1 >= OVERRUNS) {
        p.due_overruns.set(0);
        run_due(&p.timers, Some(p), now, u32::MAX, &ready);
        queue_here(p, &ready);
        return None;
    }
    let in_a_row = p.due_in_a_row.get();
    let most = if p.readings_left.get() == 0 {
        FEW_IN_A_ROW
    } else {
        MANY_IN_A_ROW
    };
    if used_up || in_a_row >= most {
        if used_up {
            p.due_overruns.set(p.due_overruns.get() + 1);
            p.due_ns.set(0);
        }
        p.due_in_a_row.set(0);
        return None;
    }
    p.due_in_a_row.set(in_a_row + 1);
    run_due(&p.timers, Some(p), now, 1, &ready);
    let gp = ready.pop_front()?;
    p.due_runs.set(true);
    let next = p.timers.next();
    if next != 0 && next <= now {
        // Another M may run it.
        fence(SeqCst);
        wakep();
    } else {
        p.due_overruns.set(0);
    }
    Some(Found { gp, inherit: true })
}

/// Runs the `timers` of any P that are due at `now`, until `ready` has `most` goroutines. These are
/// runnable then, and the caller must queue them. The caller's M holds `p`, or no P; the caller may
/// also be a plain thread.
pub(crate) fn run_due(timers: &Timers, p: Option<&P>, now: u64, most: u32, ready: &GQueue) {
    let woken = GQueue::new();
    let mut record = None;
    let mut no_stacks = false;
    loop {
        let ran = timers.run(now, most - ready.len(), record.is_some(), &woken);
        while let Some(gp) = woken.pop_front() {
            // SAFETY: Gs live for ever. `gp` is Waiting, and `run` has won the right to wake it.
            record::timer_wakes(unsafe { gp.as_ref() });
            end_wait(p, gp, ready);
        }
        match ran {
            Ran::Enough => break,
            Ran::NeedsRecord => {
                if !no_stacks {
                    record = take_record(p, DETACHED, config::get().stack).ok();
                    no_stacks = record.is_none();
                }
                if no_stacks {
                    timers.put_off(now, now + RETRY_NS);
                }
            }
            Ran::Start(start) => {
                let Some(gp) = record.take() else {
                    throw("a goroutine was to be started without a record")
                };
                // SAFETY: what `make` requires holds: `run` has taken the timer out of the heap for
                // us, and the record is Idle and ours, from `take_record`. The goroutine is ours,
                // too, until it is queued.
                unsafe {
                    (start.make)(&start, gp, SCHED.count_start(p));
                    let g = gp.as_ref();
                    // It does not belong to a chain of goroutines that start each other.
                    g.is_new.set(false);
                    P::made_runnable(p, g);
                }
                if let Some(gp) = goroutine_to_queue(gp) {
                    ready.push_back(gp);
                }
            }
        }
    }
    if let Some(gp) = record {
        // Other Ms have run the timer.
        give_unused(p, gp);
    }
}
