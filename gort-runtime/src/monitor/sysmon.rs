//! sysmon: the thread without a P that takes Ps from Ms whose goroutines do not make progress.
//!
//! It looks at every P once every 20 µs while it finds anything to do. When it finds nothing, it
//! looks more and more rarely, down to once every 10 ms (1 ms while there are announced calls).
//! While every P is idle it does not look at all. It takes a P under these conditions:
//!
//! | the M that holds the P | with work waiting | without |
//! |---|---|---|
//! | has been in an announced call | for 20 µs | for 10 ms |
//! | has been in user code, asleep in the kernel | for 1 ms; less in a burst (`burst.rs`) | for 100 ms |
//! | has run the same goroutine | for 10 ms | for 100 ms |
//!
//! It also ends the time slice of goroutines that hand a P on to each other for longer than 10 ms,
//! if the P has not ended the slice itself by then.
//!
//! Work is waiting if something is in the P's queue or a timer of the P is due, or if something is
//! in the global queue and no P is idle. Without work waiting, sysmon takes the P only so that in
//! an otherwise idle program every thread can sleep, sysmon included. Go's `sysmon` and `retake`.

use crate::base::prim::Ordering::{Acquire, Relaxed};
use crate::base::sleepers;
use crate::monitor::burst::{Burst, Pace};
use crate::monitor::checkdead::{self, Liveness, StuckTests};
use crate::monitor::hogs::Hogs;
use crate::netpoll;
use crate::os;
use crate::proc::gqueue::GQueue;
use crate::proc::m::M;
use crate::proc::p::{P, SLICE_NS};
use crate::report::quit::quit_if_asked;
use crate::report::schedtrace::Schedtrace;
use crate::sched::due::run_due;
use crate::sched::hand::{handoffp, takep};
use crate::sched::newm::{start_left_threads, start_spare_threads};
use crate::sched::starved;
use crate::sched::state::SCHED;
use crate::sched::submit::{inject_global, queue_globally};
use crate::signal::{catch, mask};
use crate::{record, stack};
use std::thread;

/// The sleep between two rounds, in microseconds, while sysmon finds something to do. As in Go.
const SHORTEST_SLEEP_US: u64 = 20;
/// The longest sleep between two rounds, in microseconds: one time slice, as in Go. So sysmon
/// notices the end of a slice with a delay of at most one slice.
const LONGEST_SLEEP_US: u64 = 10_000;
/// The longest sleep, in microseconds, while there are announced calls, any of which may turn out
/// to be long. Waking up every 20 µs for calls that turn out to be short costs a tenth of a core
/// (`syscall_block`).
const LONGEST_SLEEP_WITH_CALLS_US: u64 = 1_000;
/// The longest sleep, in microseconds, while only a foreign thread could still wake a goroutine
/// (see `checkdead.rs`). Sysmon then wakes up only to detect a deadlock.
const LONGEST_WATCH_US: u64 = 1_000_000;
/// Limits the next sleep (only that one), in microseconds, if a goroutine waits for a P whose
/// goroutines run for longer than [`SLOW_NS`] each. The goroutine that runs there now may be
/// asleep, and sysmon takes the P of a sleeper after 1 ms.
const WATCH_SLEEP_US: u64 = 1_000;
/// A P counts as slow if its goroutines run for at least this long each, on average, in
/// nanoseconds: five of sysmon's shortest sleeps. Where runs are shorter, a queued goroutine soon
/// has its turn.
const SLOW_NS: u64 = 100_000;
/// Number of idle threads to keep ready in a burst of blocking calls, for the next Ps that sysmon
/// takes. Starting a thread takes longer than waking one.
const SPARES: u32 = 3;
/// Number of rounds without anything to do before sleeps grow longer: 1 ms of shortest sleeps, as
/// in Go.
const PATIENCE: u32 = 50;
/// Number of rounds with the longest sleep and every P idle before sysmon parks: 50 ms. In a
/// program that is idle for a shorter time, no goroutine has to wake sysmon.
const IDLE_ROUNDS: u32 = 5;

/// How long an announced call keeps its P while work waits, in nanoseconds: one of sysmon's
/// shortest sleeps, as in Go. A shorter call costs less than handing the P on.
const ANNOUNCED_NS: u64 = 20_000;
/// How long a goroutine keeps its P while no work waits, in nanoseconds. No goroutine needs the P.
/// Sysmon takes the P only so that sysmon itself can park.
const IDLE_HOLDER_NS: u64 = 100_000_000;
/// Sysmon polls the network if a goroutine waits for a descriptor and no thread has polled for this
/// long, in nanoseconds. As in Go.
const POLL_NS: u64 = 10_000_000;

/// Starts sysmon's thread.
pub(crate) fn start() {
    let started = thread::Builder::new().name("gort-sysmon".into()).spawn(|| {
        run();
    });
    if let Err(e) = started {
        crate::base::throw::fatal(&format!("cannot start the monitor thread: {e}"));
    }
}

/// What sysmon has seen of a P, and when that began.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    dispatches: u64,
    since: u64,
    /// The time slice, when it was first seen, and the number of dispatches at that time.
    slice: u32,
    slice_since: u64,
    slice_dispatches: u64,
    /// The id of the P's holder and the value of its `calls`, and when sysmon first saw both.
    call: (u32, u32),
    called_at: u64,
    /// When sysmon last asked what the thread does.
    asked_at: u64,
    /// When sysmon last looked at the P.
    looked_at: u64,
}

fn run() {
    mask::begin();
    let mut seen = Vec::new();
    let mut hogs = Hogs::default();
    let mut burst = Burst::default();
    let mut stacks = stack::Trimmer::default();
    let mut records = record::SlabTrimmer::default();
    let mut sleepers = sleepers::Watch::default();
    let mut quiet = 0u32;
    let mut idle = 0u32;
    let mut sleep_us = SHORTEST_SLEEP_US;
    let mut watch_us = LONGEST_SLEEP_US;
    let mut is_watching = false;
    let mut trace = Schedtrace::new();
    let mut stuck = StuckTests::default();
    loop {
        let nap_us = if is_watching {
            sleep_us.min(WATCH_SLEEP_US)
        } else {
            sleep_us
        };
        let pace = burst.pace(os::now_ns());
        let woken = if pace == Pace::Hot {
            quiet = 0;
            thread::yield_now();
            nap(&mut trace, 0, false)
        } else {
            nap(&mut trace, after_us(nap_us), pace == Pace::Precise)
        };
        if woken {
            stuck.alive();
        }
        let now = os::now_ns();
        stacks.trim_if_due(now);
        records.trim_if_due(now);
        sleepers.look_if_due(now);
        if !hogs.update(now) && SCHED.idle.npidle() == SCHED.procs() {
            idle += 1;
            if idle >= IDLE_ROUNDS
                && sleep_us >= LONGEST_SLEEP_US
                && stacks.is_done()
                && records.is_done()
            {
                if park(&mut trace, &mut stuck, watch_us) {
                    (quiet, idle, sleep_us) = (0, 0, SHORTEST_SLEEP_US);
                    watch_us = LONGEST_SLEEP_US;
                } else {
                    watch_us = (watch_us * 2).min(LONGEST_WATCH_US);
                }
                continue;
            }
        } else {
            idle = 0;
        }
        look_at_network(now);
        burst.end_if_over(now);
        let result = retake(now, &mut seen, &mut hogs, &mut burst);
        is_watching = result.found_slow && !is_watching;
        quiet = if result.took {
            0
        } else {
            quiet.saturating_add(1)
        };
        sleep_us = if quiet < PATIENCE {
            SHORTEST_SLEEP_US
        } else if SCHED.sysmon.take_blocking() {
            (sleep_us * 2).min(LONGEST_SLEEP_WITH_CALLS_US)
        } else {
            (sleep_us * 2).min(LONGEST_SLEEP_US)
        };
    }
}

/// Sleeps until a P is busy, and returns `true`. If sysmon may still have to detect a deadlock,
/// sleeps for at most `watch_us`, and then returns `false`.
fn park(trace: &mut Schedtrace, stuck: &mut StuckTests, watch_us: u64) -> bool {
    let found = {
        let shared = SCHED.shared.lock();
        if !shared.sysmon_parks() {
            stuck.alive();
            return true;
        }
        checkdead::count_and_check(&shared)
    };
    stuck.update(found);
    let until = match found {
        Liveness::Alive => u64::MAX,
        Liveness::OnlyForeignThreads => after_us(watch_us),
    };
    let woken = nap(trace, until, false);
    if woken {
        stuck.alive();
    }
    woken
}

/// Sleeps until the clock reads `until` (returns `false`) or until woken (returns `true`). During
/// that time, prints the reports and starts the threads that others have asked for. With
/// `precisely`, the kernel must not delay the end of the sleep by its usual slack of up to 50 µs.
fn nap(trace: &mut Schedtrace, until: u64, precisely: bool) -> bool {
    loop {
        let sleep = || SCHED.sysmon.sleep_until(until.min(trace.due()));
        let woken = if precisely {
            os::with_precise_timers(sleep)
        } else {
            sleep()
        };
        let now = os::now_ns();
        quit_if_asked();
        mask::update();
        catch::deliver();
        start_left_threads();
        trace.print_if_due(now);
        if woken || now >= until {
            return woken;
        }
    }
}

fn after_us(us: u64) -> u64 {
    os::now_ns() + us * 1000
}

/// Polls the network if no thread has polled it for [`POLL_NS`]. That happens only while every P is
/// busy: otherwise an idle M sleeps in the poll.
fn look_at_network(now: u64) {
    if netpoll::overdue(now, POLL_NS) {
        let ready = GQueue::new();
        netpoll::poll_without_blocking(&ready);
        inject_global(&ready);
    }
}

/// The result of [`retake`].
#[derive(Default)]
struct RetakeResult {
    /// Whether a P was taken.
    took: bool,
    /// Whether a goroutine waits for a P on which a run takes [`SLOW_NS`] or longer on average. The
    /// goroutine that runs there now may be asleep.
    found_slow: bool,
}

/// Takes Ps from holders that do not make progress.
fn retake(now: u64, seen: &mut Vec<Seen>, hogs: &mut Hogs, burst: &mut Burst) -> RetakeResult {
    seen.resize_with(SCHED.allp().len(), Seen::default);
    let mut result = RetakeResult::default();
    for (&p, seen) in SCHED.allp().iter().zip(seen) {
        // SAFETY: the pointer is null or an M, and Ms live for ever (`proc/m.rs`). Sysmon accesses
        // the M's atomics. It accesses the M's `p` only while the M's thread is kept in user code
        // (`take`).
        let Some(m) = (unsafe { p.m.load(Acquire).as_ref() }) else {
            run_timers_of_surplus(p, now);
            continue;
        };
        let dispatches = p.dispatches.load(Relaxed);
        seen.limit_slice(p, dispatches, now);
        let calls = m.calls.load(Relaxed);
        let call = (m.id, calls);
        if dispatches != seen.dispatches {
            let moved = dispatches - seen.dispatches;
            let slow = moved.saturating_mul(SLOW_NS) <= now - seen.looked_at;
            result.found_slow |= slow && has_work(p, now);
            *seen = Seen {
                dispatches,
                since: now,
                call,
                called_at: now,
                asked_at: now,
                looked_at: now,
                ..*seen
            };
            if !burst.asks_immediately() {
                continue;
            }
        }
        seen.looked_at = now;
        if call != seen.call {
            (seen.call, seen.called_at) = (call, now);
        }
        let announced = calls % 2 != 0;
        let running_ns = now - seen.since;
        let calling_ns = if announced { now - seen.called_at } else { 0 };
        let mut sleeps = false;
        let due = if has_work(p, now) {
            // The slice also ends for a goroutine that makes short calls all the time.
            sleeps = !announced && seen.is_asleep(m, now, burst);
            sleeps || running_ns >= SLICE_NS || calling_ns >= ANNOUNCED_NS
        } else {
            running_ns >= IDLE_HOLDER_NS || calling_ns >= SLICE_NS
        };
        if !due {
            continue;
        }
        // From the moment at which the P is taken until another M has been picked for it, no M is
        // responsible for the P's queue, and the former M may sleep. `Moving` keeps deadlock
        // detection from reporting a deadlock during that time.
        let _moving = checkdead::Moving::new();
        if let Some(gp) = takep(p, m) {
            result.took = true;
            if sleeps {
                burst.found_asleep(m, now);
            }
            if announced {
                m.calls_long.store(true, Relaxed);
            } else {
                hogs.lost_p(m, gp, sleeps, now);
            }
            // Hand the P on only after `lost_p`, which decides which goroutines are on hold and so
            // must not run there next.
            handoffp(p);
            if sleeps && burst.asks_immediately() {
                start_spare_threads(SPARES);
            }
        }
    }
    result
}

impl Seen {
    /// Ends a time slice that goroutines with long runs hand on to each other. A time slice that
    /// only one goroutine has used so far may still be handed on once.
    fn limit_slice(&mut self, p: &P, dispatches: u64, now: u64) {
        let slice = p.schedtick.load(Relaxed);
        if slice != self.slice {
            (self.slice, self.slice_since, self.slice_dispatches) = (slice, now, dispatches);
        } else if now - self.slice_since >= SLICE_NS && dispatches != self.slice_dispatches {
            p.slice_is_over.store(true, Relaxed);
        }
    }

    /// Asks the kernel from time to time whether the holder's thread sleeps.
    fn is_asleep(&mut self, m: &M, now: u64, burst: &Burst) -> bool {
        if now - self.asked_at < burst.ask_after(now - self.since) || m.ownership.is_inside() {
            return false;
        }
        self.asked_at = now;
        os::thread_wants_cpu(m.tid.load(Relaxed)) == Some(false)
    }
}

/// Runs the due timers of a surplus P, and submits the goroutines that they wake.
fn run_timers_of_surplus(p: &P, now: u64) {
    let next = p.timers.next();
    if SCHED.is_surplus(p) && next != 0 && next <= now {
        let _moving = checkdead::Moving::new();
        let ready = GQueue::new();
        run_due(&p.timers, None, now, u32::MAX, &ready);
        queue_globally(&ready);
    }
}

/// Returns whether work waits for `p`.
fn has_work(p: &P, now: u64) -> bool {
    let timer = p.timers.next();
    !p.runq.is_empty()
        || SCHED.is_surplus(p)
        || starved::is_any()
        || (timer != 0 && timer <= now)
        || (SCHED.global_has_work() && SCHED.idle.npidle() == 0)
}
