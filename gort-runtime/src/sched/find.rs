//! `find_runnable`: where an M looks for work, and in which order.
//!
//! 1. The due timers of this P, if it is time to check them (`due.rs`).
//! 2. In every 61st time slice, the global queue, so that two goroutines that keep each other busy
//!    cannot starve it.
//! 3. `runnext`, within the rest of the time slice; then the local ring.
//! 4. A share of the global queue.
//! 5. The network, if a goroutine waits for it and no idle M sleeps in the poll.
//! 6. Other Ps, if not too many Ms are searching already (`steal.rs`).
//! 7. Found nothing, but other Ps keep dispatching: nap, and start again at 1 ([`NAP`]).
//! 8. Found nothing: give up the P, look everywhere once more, sleep.
//!
//! While there is work, the M also polls the network at some of the dispatches at which it reads
//! the clock. Otherwise goroutines that only yield would starve the network.
//!
//! Steps 6 to 8 are one side of the protocol in `README.md`.

use super::crowd;
use super::due::due;
use super::found::Found;
use super::hand::{acquirep, become_spinning, releasep};
use super::procresize::retire;
use super::steal::{Stolen, run_due_timers_of_others, steal_work};
use super::stop::stopm;
use super::submit::{inject, runq_put, wakep};
use crate::arch;
use crate::base::prim::{
    Ordering::{Relaxed, SeqCst},
    fence, spin_hint,
};
use crate::netpoll;
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::m::OnG0;
use crate::proc::p::P;
use crate::proc::runq::CAP;
use crate::sched::starved;
use crate::sched::state::SCHED;
use crate::traced::record;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// Number of time slices between two looks at the global queue while the local one is not empty.
/// Go's number: a prime, so that no pattern of goroutines can stay in step with it.
const GLOBAL_EVERY: u32 = 61;
/// Number of dispatches between two looks at the clock, for the times that dumps show.
const CLOCK_EVERY: u64 = 64;
/// A P with enough work polls the network only if the last poll is longer ago than this. A poll
/// costs a system call.
const POLL_NS: u64 = 100_000;
/// How long an M that found nothing naps while other Ps run one goroutine after the other. The
/// kernel adds its timer slack, 50 µs.
///
/// When goroutines hand values on, each makes the next one ready on its own P and then parks, so
/// there is nothing to steal. Without the nap, the idle M slept, was woken for the next of these
/// goroutines at the cost of two system calls, and found nothing again. During a nap the M keeps
/// its P and its count as spinning, so no submitter wakes it. Work that enters a ring in the
/// meantime is found after the nap. On 2 Ps, in ns, before and after: `pingpong_unbuf` 224, 165;
/// `stages` 1,111, 788; `select_timeout` 444, 319; `ring` 454, 370.
const NAP: Duration = Duration::from_micros(10);
/// How long an M watches the other Ps to see whether they dispatch.
const WATCHED_NS: u64 = 3_000;
/// With this many goroutines in a queue, their memory is probably not in the cache.
const CROWD: u32 = 16;
/// Number of cache lines of a goroutine's record that a switch touches.
const RECORD_LINES: usize = 4;
/// Number of cache lines above the stack pointer that are used soon after a switch.
const STACK_LINES: usize = 10;
/// Of this many new goroutines that would run ahead of the queue in a row, the last is queued
/// instead, and the head of the queue runs.
pub(super) const NEW_IN_A_ROW: u32 = 61;

/// Finds work for `m`, sleeping until there is some. Returns `None` if the thread must exit; the P
/// has then been given up.
#[inline]
pub(super) fn find_runnable(m: &OnG0) -> Option<Found> {
    loop {
        if let Some(gp) = NonNull::new(m.nextg.replace(ptr::null_mut())) {
            // Another M sent it here together with the P (`migrate.rs`).
            let inherit = m.nextg_inherits.get();
            return Some(Found { gp, inherit });
        }
        let p = m.p();
        if SCHED.is_surplus(p) {
            retire(m);
            if !stopm(m, true) {
                return None;
            }
            continue;
        }
        if p.dispatches.load(Relaxed).is_multiple_of(CLOCK_EVERY) {
            let now = os::now_ns();
            p.coarse_now.set(now);
            if netpoll::overdue(now, POLL_NS) {
                record::next_run_reads_clock(m);
                look_at_network(p);
            }
            if starved::is_any() {
                starved::share(p);
            }
        }
        if let Some(found) = due(p) {
            return Some(found);
        }
        if p.schedtick.load(Relaxed).is_multiple_of(GLOBAL_EVERY)
            && SCHED.global_has_work()
            && let Some(gp) = SCHED.get_global(&SCHED.shared.lock())
        {
            return Found::new(gp);
        }
        if let Some(found) = local(p) {
            return Some(found);
        }
        record::next_run_reads_clock(m);
        if SCHED.global_has_work()
            && let Some(gp) = global_share(p)
        {
            return Found::new(gp);
        }
        if netpoll::has_waiters() && !netpoll::has_blocked_poller() && look_at_network(p) {
            continue;
        }

        if m.spinning.get() || crowd::may_search() {
            if !m.spinning.get() {
                become_spinning(m);
            }
            let before = dispatches_of_others(p);
            match steal_work(p) {
                Stolen::Goroutine(gp) => return Found::new(gp),
                Stolen::RanTimers => continue,
                Stolen::Refused => {
                    // The M that has the queue is about to run something, or has lost its core.
                    // This M naps even if something waits for an M to idle: while there is work in
                    // a queue, it could not idle anyway.
                    os::nap(NAP);
                    continue;
                }
                Stolen::Nothing => {}
            }
            if may_nap(p, before) {
                os::nap(NAP);
                continue;
            }
        } else if run_due_timers_of_others(p) {
            // Enough Ms are searching, but they might not have a core yet. Without this look, the
            // timekeeper would find the same timer due again and again (benchmark `timers`).
            continue;
        }

        match give_up_p(m) {
            GaveUp::Found(gp) => return Found::new(gp),
            GaveUp::LookAgain => {}
            GaveUp::Exit => return None,
        }
    }
}

/// Returns whether an M that has searched in vain should nap and keep its P. `before` is the number
/// of goroutines that the other Ps had dispatched before the search.
///
/// It must not nap if something waits for an M to idle. A network wait needs an M in the poll, and
/// a goroutine without a stack needs the stacks that this P keeps.
pub(super) fn may_nap(p: &P, before: u64) -> bool {
    !netpoll::has_waiters() && !starved::is_any() && others_dispatch(p, before)
}

/// Watches the other Ps for a moment. Returns `true` if one of them dispatches a goroutine.
fn others_dispatch(p: &P, before: u64) -> bool {
    let since = os::now_ns();
    loop {
        if dispatches_of_others(p) != before {
            return true;
        }
        // Idle Ps dispatch nothing.
        if SCHED.busy_procs() <= 1 || os::now_ns() - since >= WATCHED_NS {
            return false;
        }
        spin_hint();
    }
}

/// Returns how many goroutines all Ps other than `p` have dispatched.
pub(super) fn dispatches_of_others(p: &P) -> u64 {
    let others = SCHED.allp().iter().filter(|&&other| !ptr::eq(other, p));
    others.fold(0, |sum, other| {
        sum.wrapping_add(other.dispatches.load(Relaxed))
    })
}

/// Takes a goroutine from the local queue: `runnext` first, unless the pair to which it belongs has
/// used up the time slice.
#[inline]
fn local(p: &P) -> Option<Found> {
    if let Some(gp) = p.runq.get_next() {
        p.stolen_next.runs_here();
        // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). We took it out of the queue, so it
        // is ours.
        let is_new = unsafe { gp.as_ref() }.is_new.replace(false);
        if p.slice_used_up() {
            return queue_behind_all(p, gp);
        }
        if is_new && count_new(p) {
            return queue_behind_local(p, gp);
        }
        return Some(Found { gp, inherit: true });
    }
    let gp = p.runq.get()?;
    if let Some(next) = p.runq.peek_in_crowd(CROWD) {
        prefetch(next);
    }
    Found::new(gp)
}

/// Queues `gp` behind every queued goroutine, here and in the global queue, and returns one of
/// those. `gp` was to run next, but its pair has used up the time slice. Go's `gopreempt_m`.
///
/// Queueing it behind the local queue only would not be enough. Goroutines in the global queue
/// would get only one turn per time slice of such a pair, or of a chain of goroutines that each
/// make the next one ready here.
#[cold]
fn queue_behind_all(p: &P, gp: NonNull<G>) -> Option<Found> {
    if p.runq.is_empty() && !SCHED.global_has_work() {
        return Found::new(gp);
    }
    let other = {
        let shared = SCHED.shared.lock();
        let other = shared.runq.pop_front();
        shared.runq.push_back(gp);
        SCHED.publish_runqsize(&shared);
        other
    };
    // For a moment `gp` was in no queue: an M may have gone to sleep without seeing it.
    fence(SeqCst);
    wakep();
    // If thieves have emptied the local queue, `gp` is in the global one.
    other.or_else(|| p.runq.get()).and_then(Found::new)
}

/// Queues `gp` behind the local queue, and behind the global one if that has work. `gp` was to run
/// next, but enough new goroutines have run ahead of the queue.
#[cold]
fn queue_behind_local(p: &P, gp: NonNull<G>) -> Option<Found> {
    if SCHED.global_has_work() {
        return queue_behind_all(p, gp);
    }
    // Put before get, so that the queue is never empty in between: an M that is about to sleep
    // would not see `gp`.
    runq_put(p, gp);
    p.runq.get().and_then(Found::new)
}

/// Prefetches what the switches to the next two goroutines will touch. With thousands of goroutines
/// all of it is cold, and each line that is not prefetched takes 100 to 300 ns. The first
/// goroutine's record has been prefetched before, as the second one's, so it says where the stack
/// is. The lines there are its saved context, and the frames of the operation for which it waited.
///
/// (`gort-bench run parked_memory 1 500000`: releasing a goroutine takes 750 ns without the stack's
/// lines, and 390 with them. `skynet`: the record's lines save 6 to 9 % of the CPU time.)
#[inline]
fn prefetch([first, second]: [NonNull<G>; 2]) {
    for line in 0..RECORD_LINES {
        arch::prefetch(second.as_ptr().cast::<u8>().wrapping_add(64 * line));
    }
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). While we are inside the runtime, no
    // thief takes the goroutine out of our queue (`proc/runq.rs`), so no thread changes its
    // context.
    let sp = unsafe { first.as_ref() }.buf.get().sp;
    if !sp.is_null() {
        for line in 0..STACK_LINES {
            arch::prefetch(sp.wrapping_add(64 * line));
        }
    }
}

/// Counts a new goroutine that runs ahead of the queue. Returns `true` if it is one too many.
///
/// Without a limit, goroutines that each start the next would hold every other goroutine up for a
/// whole time slice per turn. (Go has that weakness: golang/go#52934.)
#[inline]
fn count_new(p: &P) -> bool {
    let n = p.new_in_a_row.get() + 1;
    let enough = n == NEW_IN_A_ROW;
    p.new_in_a_row.set(if enough { 0 } else { n });
    enough
}

/// Queues the goroutines whose descriptors are ready. Returns `true` if there are any.
fn look_at_network(p: &P) -> bool {
    let ready = GQueue::new();
    netpoll::poll_without_blocking(&ready);
    let any = !ready.is_empty();
    inject(p, &ready);
    any
}

/// Takes this P's share of the global queue: returns the first goroutine, and moves the others into
/// the local queue. Go's `globrunqgetbatch`.
fn global_share(p: &P) -> Option<NonNull<G>> {
    let shared = SCHED.shared.lock();
    let len = shared.runq.len();
    let n = len.min(len / SCHED.procs() + 1).min(CAP / 2);
    let first = shared.runq.pop_front()?;
    for _ in 1..n {
        let Some(gp) = shared.runq.pop_front() else {
            break;
        };
        // The ring is empty and `n` is at most half its capacity, so `gp` fits.
        p.runq.put(gp, |_| {
            crate::base::throw::throw("local run queue was not empty")
        });
    }
    // This must come last: an M that is about to sleep looks at the size first, then at the rings.
    SCHED.publish_runqsize(&shared);
    Some(first)
}

pub(super) enum GaveUp {
    /// The M found work, and holds a P.
    Found(NonNull<G>),
    /// The M holds a P and should look again.
    LookAgain,
    /// The thread is surplus, and the M holds no P.
    Exit,
}

/// Gives up the P, looks everywhere once more, and sleeps.
pub(super) fn give_up_p(m: &OnG0) -> GaveUp {
    let was_spinning = m.spinning.get();
    {
        let mut shared = SCHED.shared.lock();
        shared.feed_from(m.p());
        if let Some(gp) = SCHED.get_global(&shared) {
            return GaveUp::Found(gp);
        }
        let p = releasep(m);
        let must_spin = if SCHED.is_surplus(p) {
            shared.retire(p);
            false
        } else {
            shared.pidle_put(p)
        };
        if must_spin && !was_spinning {
            // A submitter saw no idle P and relies on the next M that idles one.
            if let Some(p) = shared.pidle_get() {
                acquirep(m, p);
                become_spinning(m);
                return GaveUp::LookAgain;
            }
        }
    }
    if was_spinning {
        // From here on, a submitter that sees no spinning M wakes one. Work that was submitted
        // earlier is visible to the looks below.
        m.spinning.set(false);
        SCHED.idle.stop_searching();
        if SCHED.global_has_work() || SCHED.allp().iter().any(|p| !p.runq.is_empty()) {
            let mut shared = SCHED.shared.lock();
            if let Some(p) = shared.pidle_get() {
                drop(shared);
                acquirep(m, p);
                become_spinning(m);
                return GaveUp::LookAgain;
            }
            // Every P is held by an M, which may be about to idle it without a look.
            SCHED.idle.former_spinner_found_no_p();
        }
    }
    if stopm(m, true) {
        GaveUp::LookAgain
    } else {
        GaveUp::Exit
    }
}
