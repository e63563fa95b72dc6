//! What the scheduler calls when something happens. Each of these is a look at `gate.rs`; the rest is out of the way.
//!
//! The caller owns the goroutine that it names (`proc/gstatus.rs`), and has not passed it on yet.

use crate::base::lock::Lock;
use crate::base::note::Note;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::tls;
use crate::traced::clock::{STEP, ticks};
use crate::traced::event::{Before, Event, Kind, NO_P, Waker};
use crate::traced::gate;
use crate::traced::payload::{self, place};
use crate::traced::recorder::Recorder;
use crate::traced::ring::Pushed;
use std::ptr::NonNull;

/// For threads that are no Ms: sysmon, and the program's own.
static SHARED: Lock<Recorder> = Lock::new(Recorder::new());

/// What the writer thread sleeps on: it is woken when a ring fills.
pub(crate) static WRITER: Note = Note::new();

/// Calls `f` with the recorder of the threads that are no Ms.
pub(crate) fn with_shared<R>(f: impl FnOnce(&Recorder) -> R) -> R {
    f(&SHARED.lock())
}

/// What happened to a goroutine, without the rest of an [`Event`].
#[derive(Clone, Copy)]
struct What {
    kind: Kind,
    /// What it did before, should this be its first event.
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

    /// No ring has it.
    fn forget(self) {
        // SAFETY: the text was made with this, and nobody else has it.
        unsafe { payload::forget(self.kind, self.arg) };
    }
}

/// Records `what` of `g` on the thread of `m`, or on one that is no M's.
#[cold]
#[inline(never)]
fn record(m: Option<&M>, g: &G, what: What) -> bool {
    let Some(trace) = gate::number() else {
        what.forget();
        return false;
    };
    match m {
        // SAFETY: this is the M's own thread: all callers pass the M that they run on.
        Some(m) => unsafe { record_in(&m.recorder, m.held_p(), g, trace, what) },
        // SAFETY: the lock of the shared recorder is held.
        None => with_shared(|shared| unsafe { record_in(shared, None, g, trace, what) }),
    }
}

/// # Safety
/// As for [`Recorder::push`]. The caller owns `g`.
unsafe fn record_in(recorder: &Recorder, p: Option<&P>, g: &G, trace: u16, what: What) -> bool {
    let last = g.stamp.last_in(trace);
    let now = recorder.not_before(ticks());
    let event = Event {
        time: now.max(last + STEP),
        id: g.id(),
        arg: what.arg,
        kind: what.kind,
        detail: what.detail,
        trace,
        p: p.map_or(NO_P, |p| p.id() as u16),
    };
    let pushed = if last == 0 {
        // SAFETY: caller's clauses.
        unsafe { push_first(recorder, g, event, what.before) }
    } else {
        // SAFETY: caller's clause: it may push.
        unsafe { recorder.push(&[event]) }
    };
    match pushed {
        Pushed::Lost => {
            what.forget();
            return false;
        }
        Pushed::Kept => {}
        Pushed::Filling => wake_writer(),
    }
    g.stamp.set(trace, event.time, event.kind == Kind::Wakes);
    true
}

#[cold]
fn wake_writer() {
    WRITER.wake();
}

/// Puts in `event` and before it who the goroutine is: it has had none in this trace.
///
/// # Safety
/// As for [`Recorder::push`]. The caller owns `g`.
#[cold]
unsafe fn push_first(recorder: &Recorder, g: &G, event: Event, before: Before) -> Pushed {
    let mut events = [Event {
        kind: Kind::Known,
        detail: before as u8,
        arg: place(g.spawned_at()),
        ..event
    }; 4];
    let mut n = 1;
    // SAFETY: caller's clause: it owns the goroutine, which has not ended.
    if let Some(name) = unsafe { g.own_name() } {
        events[n] = Event {
            kind: Kind::Named,
            arg: payload::name(name),
            ..event
        };
        n += 1;
    }
    if before == Before::Waited {
        events[n] = Event {
            kind: Kind::WaitsAt,
            detail: g.reason() as u8,
            arg: place(g.site()),
            ..event
        };
        n += 1;
    }
    events[n] = event;
    // SAFETY: caller's clause.
    let pushed = unsafe { recorder.push(&events[..=n]) };
    if pushed == Pushed::Lost {
        for event in &events[1..n] {
            // SAFETY: made here, and no ring has it.
            unsafe { payload::forget(event.kind, event.arg) };
        }
    }
    pushed
}

/// `g` has been started by the goroutine whose code this is, or by another thread, or a timer.
#[inline(always)]
pub(crate) fn starts(g: &G) {
    if gate::is_open() {
        let m = tls::getm();
        let what = What {
            arg: if g.is_by_timer() {
                0
            } else {
                m.map_or(0, |m| m.recorder.acting())
            },
            ..What::new(Kind::Starts, Before::Nothing)
        };
        record(m, g, what);
    }
}

/// `g` is the running goroutine of `m` from here on.
#[inline(always)]
pub(crate) fn runs(m: &M, g: &G) {
    if gate::is_open() {
        m.recorder.set_acting(g.id());
        let woken = gate::number().map_or(0, |trace| g.stamp.woken_in(trace));
        let what = What {
            arg: woken,
            ..What::new(Kind::Runs, Before::Queued)
        };
        record(Some(m), g, what);
    }
}

/// `g`, the goroutine that runs on `m`, is about to wait, for what its `set_wait` has said.
#[inline(always)]
pub(crate) fn parks(m: &M, g: &G) {
    if gate::is_open() {
        let what = What {
            detail: g.reason() as u8,
            arg: place(g.site()),
            ..What::new(Kind::Parks, Before::Ran)
        };
        m.recorder.set_acting(g.id());
        record(Some(m), g, what);
    }
}

/// `g`, the goroutine that runs on `m`, was about to wait and does not.
#[inline(always)]
pub(crate) fn stays(m: &M, g: &G) {
    if gate::is_open() {
        record(Some(m), g, What::new(Kind::Stays, Before::Ran));
    }
}

/// `g`, which ran on `m`, goes to the end of its queue.
#[inline(always)]
pub(crate) fn yields(m: &M, g: &G) {
    if gate::is_open() {
        record(Some(m), g, What::new(Kind::Yields, Before::Ran));
    }
}

/// `g`, which ran on `m` and has lost its P, queues for another.
#[inline(always)]
pub(crate) fn requeues(m: &M, g: &G) {
    if gate::is_open() {
        record(Some(m), g, What::new(Kind::Requeues, Before::Ran));
    }
}

/// The goroutine that runs on `m` had lost its P, and has another.
#[inline(always)]
pub(crate) fn gets_p(m: &M) {
    if gate::is_open()
        && let Some(g) = m.goroutine()
    {
        record(Some(m), g, What::new(Kind::GetsP, Before::Ran));
    }
}

/// `g`, which ran on `m`, has ended.
#[inline(always)]
pub(crate) fn ends(m: &M, g: &G) {
    if gate::is_open() {
        m.recorder.set_acting(g.id());
        record(Some(m), g, What::new(Kind::Ends, Before::Ran));
    }
}

/// `g` has been woken by the goroutine that runs, or ran last, on this thread, or by a thread of another kind.
#[inline(always)]
pub(crate) fn wakes(g: &G) {
    if gate::is_open() {
        wakes_from_here(g);
    }
}

#[cold]
#[inline(never)]
fn wakes_from_here(g: &G) {
    let m = tls::getm();
    let (waker, arg) = match m {
        Some(m) => (Waker::Goroutine, m.recorder.acting()),
        None => (Waker::Thread, u64::from(os::thread_id().cast_unsigned())),
    };
    wakes_as(m, g, waker, arg);
}

/// `g` has been woken by its timer.
#[inline(always)]
pub(crate) fn timer_wakes(g: &G) {
    if gate::is_open() {
        wakes_as(tls::getm(), g, Waker::Timer, 0);
    }
}

/// `g` has been woken by its descriptor.
#[inline(always)]
pub(crate) fn network_wakes(g: &G) {
    if gate::is_open() {
        wakes_as(tls::getm(), g, Waker::Network, 0);
    }
}

fn wakes_as(m: Option<&M>, g: &G, waker: Waker, arg: u64) {
    let what = What {
        detail: waker as u8,
        arg,
        ..What::new(Kind::Wakes, Before::Waited)
    };
    record(m, g, what);
}

/// Sysmon takes `p` from `running`, whose M it keeps in user code.
pub(crate) fn loses_p(running: Option<NonNull<G>>, p: &P) {
    let (Some(trace), Some(gp)) = (gate::number(), running) else {
        return;
    };
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); only an atomic is read.
    let id = unsafe { gp.as_ref() }.id();
    with_shared(|shared| {
        let event = Event {
            time: shared.not_before(ticks()),
            id,
            arg: 0,
            kind: Kind::LosesP,
            detail: 0,
            trace,
            p: p.id() as u16,
        };
        // SAFETY: the lock of the shared recorder is held.
        unsafe { shared.push(&[event]) };
    });
}

/// The goroutine `g`, which runs on `m`, enters a region. Returns whether that has been recorded.
pub(crate) fn enters(m: &M, g: &G, name: &str) -> bool {
    let what = What {
        arg: payload::region(name),
        ..What::new(Kind::Enters, Before::Ran)
    };
    record(Some(m), g, what)
}

/// The goroutine `g`, which runs on `m`, leaves a region. Returns whether that has been recorded.
pub(crate) fn leaves(m: &M, g: &G) -> bool {
    record(Some(m), g, What::new(Kind::Leaves, Before::Ran))
}

/// The goroutine that runs on `m` begins an announced blocking call. Returns whether that has been recorded.
pub(crate) fn calls(m: &M) -> bool {
    if gate::is_open()
        && let Some(g) = m.goroutine()
    {
        return record(Some(m), g, What::new(Kind::Calls, Before::Ran));
    }
    false
}

/// The goroutine that runs on `m` has come back from an announced blocking call whose beginning was recorded, if `told`.
pub(crate) fn returns_if(told: bool, m: &M) {
    if told && let Some(g) = m.goroutine() {
        record(Some(m), g, What::new(Kind::Returns, Before::Ran));
    }
}
