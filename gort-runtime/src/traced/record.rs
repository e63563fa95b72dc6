//! Recording functions, which the scheduler calls when something happens. Most of them inline only
//! the check whether a window is open (`gate.rs`). The rest of each is in a cold function.
//!
//! The caller owns the goroutine that it names (`proc/gstatus.rs`) and has not passed it on yet. If
//! the goroutine runs, the caller is inside the runtime, so that sysmon does not record at the same
//! time ([`loses_p`]).

use crate::base::lock::Lock;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::tls;
use crate::traced::clock::{STEP, ticks};
use crate::traced::event::{Before, Kind, NO_P, TraceEvent, Waker};
use crate::traced::gate;
use crate::traced::payload::{self, place};
use crate::traced::recorder::Recorder;
use std::ptr::NonNull;

/// The recorder for threads that are not Ms: sysmon, and the program's own threads.
static SHARED: Lock<Recorder> = Lock::new(Recorder::new(None));

/// Calls `f` with the recorder of the threads that are not Ms.
pub(crate) fn with_shared<R>(f: impl FnOnce(&Recorder) -> R) -> R {
    f(&SHARED.lock())
}

/// What happened to a goroutine: the part of a [`TraceEvent`] that the caller supplies.
#[derive(Clone, Copy)]
struct What {
    kind: Kind,
    /// What the goroutine did before, in case this is its first event in the window.
    before: Before,
    detail: u8,
    arg: u64,
}

impl What {
    const fn new(kind: Kind, before: Before) -> Self {
        Self {
            kind,
            before,
            detail: 0,
            arg: 0,
        }
    }
}

/// Records `what` about `g` in this window. `m` is the M of the calling thread, or `None` if the
/// thread is not an M. Returns the event's time, or `None` if there is no room for the event.
#[inline(always)]
fn record(m: Option<&M>, g: &G, window: u16, what: What) -> Option<u64> {
    match m {
        // SAFETY: all callers pass the M that they run on, so this is the M's thread. They own `g`.
        Some(m) => unsafe { record_in(&m.recorder, m.held_p(), g, window, ticks(), what) },
        None => record_shared(None, g, window, what),
    }
}

/// Does what [`record`] does, on a thread that is not an M, while the goroutine has `p`.
#[cold]
#[inline(never)]
fn record_shared(p: Option<&P>, g: &G, window: u16, what: What) -> Option<u64> {
    // SAFETY: the lock of the shared recorder is held. The callers own `g`.
    with_shared(|shared| unsafe { record_in(shared, p, g, window, ticks(), what) })
}

/// Does what [`record`] does, in `recorder` at the time `now`, while the goroutine has `p`.
///
/// # Safety
/// As for [`Recorder::push`]. The caller owns `g`.
#[inline(always)]
unsafe fn record_in(
    recorder: &Recorder,
    p: Option<&P>,
    g: &G,
    window: u16,
    now: u64,
    what: What,
) -> Option<u64> {
    let last = g.stamp.last_in(window);
    let event = TraceEvent {
        time: recorder.not_before(now).max(last + STEP),
        id: g.id(),
        arg: what.arg,
        kind: what.kind,
        detail: what.detail,
        window,
        p: p.map_or(NO_P, |p| p.id() as u16),
    };
    let pushed = if last == 0 {
        // SAFETY: the caller guarantees that it may push, and owns `g`.
        unsafe { push_first(recorder, g, event, what.before) }
    } else {
        // SAFETY: the caller guarantees that it may push.
        unsafe { recorder.push_one(event) }
    };
    pushed.then(|| {
        let woken = event.kind == Kind::Wakes;
        g.stamp.set(window, event.time, recorder.number(), woken);
        event.time
    })
}

/// Appends `event`, the goroutine's first in this window, after events that say what goroutine it
/// is and what it did before. If the event is [`Kind::Known`], appends only those.
///
/// # Safety
/// As for [`Recorder::push`]. The caller owns `g`.
#[cold]
#[inline(never)]
unsafe fn push_first(recorder: &Recorder, g: &G, event: TraceEvent, before: Before) -> bool {
    let known = TraceEvent {
        kind: Kind::Known,
        detail: before as u8,
        arg: place(g.spawned_at()),
        ..event
    };
    let mut events = [known; 4];
    let mut n = 1;
    // SAFETY: the caller owns the goroutine, which has not ended.
    if let Some(name) = unsafe { g.own_name() } {
        events[n] = TraceEvent {
            kind: Kind::Named,
            arg: payload::name(name),
            ..event
        };
        n += 1;
    }
    if before == Before::Waited {
        events[n] = TraceEvent {
            kind: Kind::WaitsAt,
            detail: g.reason() as u8,
            arg: place(g.site()),
            ..event
        };
        n += 1;
    }
    if event.kind != Kind::Known {
        events[n] = event;
        n += 1;
    }
    // SAFETY: the caller guarantees that it may push.
    let pushed = unsafe { recorder.push(&events[..n]) };
    if !pushed {
        for event in &events[1..n] {
            // SAFETY: the text was made above, and no log has it.
            unsafe { payload::forget(event.kind, event.arg) };
        }
    }
    pushed
}

/// Records `what` about `g`, which runs on `m`, if the window is still open.
#[inline(always)]
fn record_on(m: &M, g: &G, what: What) {
    if let Some(window) = gate::window() {
        m.recorder.set_acting(window, g.id());
        record(Some(m), g, window, what);
        // This is correct even if the goroutine keeps running: before another goroutine runs on
        // `m`, this one records another event when it parks, yields, queues or ends.
        m.recorder.set_switches(true);
    }
}

/// Records that `g` has been started: by the goroutine whose code runs here, by another thread, or
/// by a timer.
#[inline(always)]
pub(crate) fn starts(g: &G) {
    if gate::is_open() {
        starts_now(g);
    }
}

#[cold]
#[inline(never)]
fn starts_now(g: &G) {
    let Some(window) = gate::window() else { return };
    let m = tls::getm();
    let by = if g.is_by_timer() { None } else { m };
    let what = What {
        arg: by.map_or(0, |m| acting(m, window)),
        ..What::new(Kind::Starts, Before::Nothing)
    };
    record(m, g, window, what);
}

/// Returns the goroutine that acts on `m`, the M of the calling thread: the one that runs, or the
/// one that ran last, in a park's commit and at the goroutine's end. Returns 0 if it is not known.
#[inline]
fn acting(m: &M, window: u16) -> u64 {
    let Some(g) = m.goroutine() else {
        return m.recorder.acting(window);
    };
    if g.stamp.last_in(window) == 0 {
        make_known(m, g, window);
    }
    g.id()
}

/// Records that `g` runs on `m`, because `g` has no event in this window: the writer might not know
/// `g`.
#[cold]
#[inline(never)]
fn make_known(m: &M, g: &G, window: u16) {
    record(Some(m), g, window, What::new(Kind::Known, Before::Ran));
}

/// Records that `g` becomes the running goroutine of `m`.
#[inline(always)]
pub(crate) fn runs(m: &M, g: &G) {
    if gate::is_open() {
        runs_now(m, g);
    }
}

#[cold]
#[inline(never)]
fn runs_now(m: &M, g: &G) {
    let Some(window) = gate::window() else { return };
    m.recorder.set_acting(window, g.id());
    let what = What {
        arg: g.stamp.woken_in(window),
        ..What::new(Kind::Runs, Before::Queued)
    };
    let now = match m.recorder.switched_at() {
        // The clock need not be read: the goroutine's previous event and the end of the last run
        // are in the same log (`traced/mod.rs`, 6).
        Some(last) if g.stamp.last_in(window) != 0 && g.stamp.is_in(m.recorder.number()) => {
            last + STEP
        }
        _ => ticks(),
    };
    // SAFETY: the caller passes the M that it runs on, so this is the M's thread. It owns `g`.
    unsafe { record_in(&m.recorder, m.held_p(), g, window, now, what) };
    m.recorder.set_switches(false);
}

/// Makes the next run on `m` read the clock. Called if the thread of `m` does not run another
/// goroutine immediately, or takes long before it does.
pub(crate) fn next_run_reads_clock(m: &M) {
    m.recorder.set_switches(false);
}

/// Records that `g`, which runs on `m`, is about to wait. `set_wait` has stored the reason in `g`.
#[inline(always)]
pub(crate) fn parks(m: &M, g: &G) {
    if gate::is_open() {
        parks_now(m, g);
    }
}

#[cold]
#[inline(never)]
fn parks_now(m: &M, g: &G) {
    let what = What {
        detail: g.reason() as u8,
        arg: place(g.site()),
        ..What::new(Kind::Parks, Before::Ran)
    };
    record_on(m, g, what);
}

/// Records that `g`, which runs on `m`, was about to wait and does not wait.
#[inline(always)]
pub(crate) fn stays(m: &M, g: &G) {
    if gate::is_open() {
        record_ran(m, g, Kind::Stays);
    }
}

/// Records that `g`, which ran on `m`, goes to the end of its queue.
#[inline(always)]
pub(crate) fn yields(m: &M, g: &G) {
    if gate::is_open() {
        record_ran(m, g, Kind::Yields);
    }
}

/// Records that `g`, which ran on `m` and has lost its P, queues for another P.
#[inline(always)]
pub(crate) fn requeues(m: &M, g: &G) {
    if gate::is_open() {
        record_ran(m, g, Kind::Requeues);
    }
}

/// Records that the goroutine that runs on `m`, which had lost its P, has acquired another P.
#[inline(always)]
pub(crate) fn gets_p(m: &M) {
    if gate::is_open()
        && let Some(g) = m.goroutine()
    {
        record_ran(m, g, Kind::GetsP);
    }
}

/// Records that `g`, which ran on `m`, has ended.
#[inline(always)]
pub(crate) fn ends(m: &M, g: &G) {
    if gate::is_open() {
        record_ran(m, g, Kind::Ends);
    }
}

#[cold]
#[inline(never)]
fn record_ran(m: &M, g: &G, kind: Kind) {
    record_on(m, g, What::new(kind, Before::Ran));
}

/// Records that `g` has been woken: by the goroutine that runs, or ran last, on this thread, or by
/// this thread if it is not an M.
#[inline(always)]
pub(crate) fn wakes(g: &G) {
    if gate::is_open() {
        wakes_now(g);
    }
}

#[cold]
#[inline(never)]
fn wakes_now(g: &G) {
    let Some(window) = gate::window() else { return };
    let m = tls::getm();
    let (waker, arg) = match m {
        Some(m) => (Waker::Goroutine, acting(m, window)),
        None => (Waker::Thread, u64::from(os::thread_id().cast_unsigned())),
    };
    woken_by(m, g, window, waker, arg);
}

/// Records that `g` has been woken by its timer.
#[inline(always)]
pub(crate) fn timer_wakes(g: &G) {
    if gate::is_open() {
        woken_by_no_thread(g, Waker::Timer);
    }
}

/// Records that `g` has been woken by its file descriptor.
#[inline(always)]
pub(crate) fn network_wakes(g: &G) {
    if gate::is_open() {
        woken_by_no_thread(g, Waker::Network);
    }
}

#[cold]
#[inline(never)]
fn woken_by_no_thread(g: &G, waker: Waker) {
    if let Some(window) = gate::window() {
        woken_by(tls::getm(), g, window, waker, 0);
    }
}

#[inline(always)]
fn woken_by(m: Option<&M>, g: &G, window: u16, waker: Waker, arg: u64) {
    let what = What {
        detail: waker as u8,
        arg,
        ..What::new(Kind::Wakes, Before::Waited)
    };
    record(m, g, window, what);
}

/// Records that `running` loses `p` to the caller, which keeps that goroutine's M outside the
/// runtime, or is that M.
pub(crate) fn loses_p(running: NonNull<G>, p: &P) {
    let Some(window) = gate::window() else {
        return;
    };
    // SAFETY: the memory stays a G for ever (`record/mod.rs`, promise 1).
    let g = unsafe { running.as_ref() };
    let what = What::new(Kind::LosesP, Before::Ran);
    // This uses parts of the G that the goroutine's owner, its M, accesses only while it is inside
    // the runtime. The caller is that M, or keeps it outside (`proc/ownership.rs`): so these parts
    // belong to the caller until it lets the M in, and the goroutine does not end before that.
    record_shared(Some(p), g, window, what);
}

/// Returns whether a trace is being written.
#[inline(always)]
pub(crate) fn is_traced() -> bool {
    gate::trace().is_some()
}

/// A region or a call whose beginning has been recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    trace: u32,
    time: u64,
}

/// Records a beginning or an end of a region or a call, even while the trace pauses.
fn record_pair(m: &M, g: &G, what: What) -> Option<Begun> {
    let begun = gate::trace().and_then(|trace| {
        let time = record(Some(m), g, gate::last_window(), what)?;
        Some(Begun { trace, time })
    });
    if begun.is_none() {
        // SAFETY: the text, if there is one, was made for this event, and no log has it.
        unsafe { payload::forget(what.kind, what.arg) };
    }
    begun
}

/// Records that `g`, which runs on `m`, enters a region. Returns `None` if that could not be
/// recorded.
pub(crate) fn enters(m: &M, g: &G, name: &str) -> Option<Begun> {
    let what = What {
        arg: payload::region(name),
        ..What::new(Kind::Enters, Before::Ran)
    };
    record_pair(m, g, what)
}

/// Records that `g`, which runs on `m`, leaves a region or a call. Returns `None` if that could not
/// be recorded.
pub(crate) fn leaves(m: &M, g: &G, begun: Begun) -> Option<Begun> {
    if gate::trace() != Some(begun.trace) {
        return Some(begun);
    }
    let what = What {
        arg: begun.time,
        ..What::new(Kind::Leaves, Before::Ran)
    };
    record_pair(m, g, what)
}

/// Records that the goroutine that runs on `m` begins an announced blocking call.
pub(crate) fn calls(m: &M) -> Option<Begun> {
    record_pair(m, m.goroutine()?, What::new(Kind::Calls, Before::Ran))
}

/// Records that the goroutine that runs on `m` has returned from an announced blocking call.
pub(crate) fn returns(m: &M, begun: Option<Begun>) {
    if let (Some(begun), Some(g)) = (begun, m.goroutine()) {
        leaves(m, g, begun);
    }
}
