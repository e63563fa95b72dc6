//! Starts and stops traces, and runs the thread that writes them.
//!
//! One lock protects everything here. The thread that holds it is the reader of all logs
//! (`traced/log.rs`). The writer thread takes the lock every [`PERIOD_NS`], and writes the events
//! that it finds to the file. So if the process is killed, the file has everything except about the
//! last hundredth of a second. [`stop`] takes the lock and writes one last time. It does not need
//! the writer thread, so it works in an exit handler too.
//!
//! The writer thread has a low priority. The first million events of a busy program take 20 ms, and
//! encoding them a quarter of a second. At normal priority that time was taken from the program if
//! it had no core to spare, or if the kernel put both threads on one core. A thread that stops the
//! trace asks the writer for the lock ([`WANTED`]), and encodes the rest itself, at its own
//! priority.

use super::packets::Packets;
use super::story::{Introduced, Story};
use crate::base::forked::forked;
use crate::base::lock::{Lock, LockGuard, Rank};
use crate::base::note::Note;
use crate::base::prim::hint::{AtomicBool, Ordering::Relaxed};
use crate::base::throw::at_end;
use crate::monitor::checkdead::helper_thread_runs;
use crate::os;
use crate::proc::m::M;
use crate::proc::stats::OUTSIDE;
use crate::report::list::{GoroutineInfo, GoroutineState, goroutines};
use crate::sched::state::SCHED;
use crate::traced::clock::{self, Rate, ticks};
use crate::traced::event::{Before, Kind, NO_P, TraceEvent};
use crate::traced::recorder::Recorder;
use crate::traced::{budget, gate, payload, pool, record};
use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

/// Interval between two looks of the writer at the logs.
const PERIOD_NS: u64 = 10_000_000;
/// Number of events for which the writer keeps memory between two looks.
const KEPT_EVENTS: usize = 1 << 16;
/// Number of bytes after which the buffer is written to the file. So the buffer stays in the cache,
/// even if many events have accumulated.
const CHUNK: usize = 1 << 18;
/// Number of goroutines that a trace may know before it checks which of them ended while it paused.
const SWEEP_AT: usize = 10_000;
/// Maximum number of attempts to complete the file when the process is about to end. They are a
/// millisecond apart.
const LAST_TRIES: u32 = 5_000;
/// Minimum age at which an event is read. By then, other threads see everything that was stored
/// before the clock was read for the event (`traced/mod.rs`).
const SETTLED_NS: u64 = 50_000;
/// Minimum time for which both clocks are compared to measure the counter's rate. The rate is then
/// right to within some millionths.
const COMPARED_NS: u64 = 5_000_000;

/// The note that the writer thread sleeps on.
static WRITER: Note = Note::new();

/// Whether a thread other than the writer thread wants the lock. The writer thread, which has a low
/// priority, then releases the lock as soon as it can, even if it has many events to write.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Makes the writer look at the logs soon.
pub(crate) fn wake_writer() {
    WRITER.wake();
}

/// The range of the numbers of a trace's windows. It may wrap around.
#[derive(Clone, Copy)]
struct Windows {
    first: u16,
    last: u16,
}

impl Windows {
    /// Returns the number that follows `window`.
    fn after(window: u16) -> u16 {
        window.checked_add(1).unwrap_or(1)
    }

    /// Returns `true` if an event of this window belongs to the trace. An event from 65,536 windows
    /// ago would pass too, but it would have to be delayed for ten minutes.
    fn contain(self, window: u16) -> bool {
        self.last.wrapping_sub(window) <= self.last.wrapping_sub(self.first)
    }
}

/// Events that Ps count even while nothing is recorded, so that the number of lost events is known.
#[derive(Clone, Copy, Default)]
struct Counts {
    runs: u64,
    parks: u64,
}

impl Counts {
    /// Returns the counts since the process began.
    fn now() -> Self {
        Self {
            runs: SCHED
                .allp()
                .iter()
                .map(|p| p.dispatches.load(Relaxed))
                .sum(),
            parks: SCHED
                .allp()
                .iter()
                .map(|p| p.stats.parks.get())
                .sum::<u64>()
                + OUTSIDE.parks(),
        }
    }
}

/// The trace that is being written.
struct Session {
    /// The windows that the trace has had so far (`traced/gate.rs`).
    windows: Windows,
    file: File,
    /// The error with which writing failed. Nothing is written after it.
    failed: Option<io::Error>,
    story: Story,
    /// The readings of both clocks when the trace began.
    began: (u64, u64),
    rate: Option<Rate>,
    /// Offset from the monotonic clock to CLOCK_BOOTTIME, the clock that Perfetto uses.
    since_boot: u64,
    /// The goroutines at the beginning of the trace. Empty after the first look.
    snapshot: Vec<GoroutineInfo>,
    /// The counts at the beginning of the trace.
    counts: Counts,
    /// The part of the counts since the beginning of the trace that has been recorded or reported
    /// as lost.
    accounted: Counts,
    /// Number of goroutines at which to check which of them still exist.
    sweep_at: usize,
    /// The time of the last event.
    last: u64,
    batch: Vec<TraceEvent>,
    room: Vec<u8>,
}

struct Shared {
    session: Option<Session>,
    /// The number of the last trace.
    number: u32,
    /// The number of the last trace's last window.
    window: u16,
    has_thread: bool,
    has_exit_handler: bool,
}

static SHARED: Lock<Shared> = Lock::ranked(
    Rank::Outer,
    Shared {
        session: None,
        number: 0,
        window: 0,
        has_thread: false,
        has_exit_handler: false,
    },
);

/// Starts a trace and its writer thread, and creates the file `path`.
pub(crate) fn start(path: &Path) -> io::Result<()> {
    if cfg!(gort_threads) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "goroutines are threads here, so no trace can be written",
        ));
    }
    let mut shared = lock_soon();
    if shared.session.is_some() {
        return Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "a trace is being written already",
        ));
    }
    let file = File::create(path)?;
    if !shared.has_thread {
        thread::Builder::new()
            .name("gort-trace".into())
            .spawn(write_for_ever)?;
        shared.has_thread = true;
        clock::choose();
    }
    if !shared.has_exit_handler {
        os::at_exit(stop_at_exit);
        at_end(stop_now);
        shared.has_exit_handler = true;
    }
    shared.number = shared.number.checked_add(1).unwrap_or(1);
    let window = Windows::after(shared.window);
    shared.session = Some(Session::begin(shared.number, window, file));
    drop(shared);
    WRITER.wake();
    Ok(())
}

/// Starts the trace that the environment variable `GORT_TRACE` asks for.
pub(crate) fn start_if_asked() {
    let Some(path) = env::var_os("GORT_TRACE").filter(|path| !path.is_empty()) else {
        return;
    };
    if let Err(e) = start(Path::new(&path)) {
        let line = format!("gort: GORT_TRACE={path:?} is ignored: {e}\n");
        os::write_stderr(line.as_bytes());
    }
}

/// Stops the trace. The file is complete when this function returns.
pub(crate) fn stop() -> io::Result<()> {
    stop_locked(lock_soon())
}

/// Acquires the lock. Makes the writer thread release it as soon as it can.
fn lock_soon() -> LockGuard<'static, Shared> {
    WANTED.store(true, Relaxed);
    let shared = SHARED.lock();
    WANTED.store(false, Relaxed);
    shared
}

fn stop_locked(mut shared: LockGuard<'_, Shared>) -> io::Result<()> {
    let Some(session) = shared.session.take() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no trace is being written",
        ));
    };
    let pauses = gate::window().is_none();
    gate::end();
    shared.window = session.windows.last;
    session.end(pauses)
}

extern "C" fn stop_at_exit() {
    // In the child of a `fork`, the trace belongs to the parent.
    if !forked() {
        drop(stop());
    }
}

/// Stops the trace, if there is one, before the process ends without running its exit handlers. The
/// caller may hold any lock. So this function only tries the traces' lock, for as long as the
/// writer may need to finish a look.
fn stop_now() {
    if gate::trace().is_none() || forked() {
        return;
    }
    WANTED.store(true, Relaxed);
    for _ in 0..LAST_TRIES {
        if let Some(shared) = SHARED.try_lock() {
            WANTED.store(false, Relaxed);
            drop(stop_locked(shared));
            return;
        }
        os::nap(Duration::from_millis(1));
    }
}

/// Runs the writer thread.
fn write_for_ever() {
    helper_thread_runs();
    os::lower_priority();
    // The number of the last trace that this thread has seen begin.
    let mut last = None;
    loop {
        let trace = gate::trace();
        if trace.is_some() && trace != last {
            pool::fill();
            last = trace;
        }
        let is_writing = SHARED
            .lock()
            .session
            .as_mut()
            .map(|session| session.drain_logs(true))
            .is_some();
        if is_writing {
            WRITER.sleep_until(os::now_ns() + PERIOD_NS);
        } else {
            WRITER.sleep();
        }
    }
}

/// Calls `f` with all recorders.
fn for_each_recorder(mut f: impl FnMut(&Recorder)) {
    for m in M::all() {
        f(&m.recorder);
    }
    record::with_shared(f);
}

impl Session {
    fn begin(number: u32, window: u16, file: File) -> Self {
        budget::fill();
        let began = (ticks(), os::now_ns());
        let counts = Counts::now();
        gate::begin(number, window);
        let snapshot = goroutines();
        let since_boot = os::boot_time_ns().saturating_sub(os::now_ns());
        let start = began.1 + since_boot;
        let mut packets = Packets::new();
        packets.clocks(start, &[(6, start), (3, began.1), (1, os::real_time_ns())]);
        let program = env::args().next().unwrap_or_default();
        Self {
            windows: Windows {
                first: window,
                last: window,
            },
            file,
            failed: None,
            story: Story::new(packets, start, &program, process::id().into()),
            began,
            rate: None,
            since_boot,
            snapshot,
            counts,
            accounted: Counts::default(),
            sweep_at: SWEEP_AT,
            last: start,
            batch: Vec::new(),
            room: Vec::new(),
        }
    }

    /// Returns the conversion between the two clocks. It stays the same for the whole trace, so
    /// that times never go back.
    fn rate(&mut self) -> Rate {
        if let Some(rate) = self.rate {
            return rate;
        }
        let compared = os::now_ns() - self.began.1;
        if compared < COMPARED_NS {
            os::nap(Duration::from_nanos(COMPARED_NS - compared));
        }
        *self
            .rate
            .insert(Rate::through(self.began, (ticks(), os::now_ns())))
    }

    /// Drains the logs and writes their events to the file: one *look*. While the trace records,
    /// events younger than [`SETTLED_NS`] are left for the next look. While it pauses, all events
    /// are taken. With `yields`, stops early if another thread wants the lock. The next look then
    /// writes the rest of the events.
    fn drain_logs(&mut self, yields: bool) {
        let rate = self.rate();
        let pauses = gate::window().is_none();
        let until = if pauses {
            u64::MAX
        } else {
            ticks().saturating_sub(rate.ticks_in(SETTLED_NS))
        };
        let mut batch = std::mem::take(&mut self.batch);
        let (windows, since_boot) = (self.windows, self.since_boot);
        for_each_recorder(|recorder| {
            let take = |event: TraceEvent| {
                if windows.contain(event.window) {
                    batch.push(event);
                } else {
                    // SAFETY: the event is dropped here, so its text is not taken again.
                    unsafe { payload::forget(event.kind, event.arg) };
                }
            };
            // SAFETY: the lock that protects the session is held, and its holder is the reader.
            unsafe { recorder.log.drain(|event| event.time <= until, take) };
        });
        batch.sort_by_key(|event| event.time);
        let ns = |ticks| rate.ns(ticks) + since_boot;
        let mut written = 0;
        for &event in &batch {
            if yields && WANTED.load(Relaxed) {
                break;
            }
            written += 1;
            let mut event = event;
            event.time = ns(event.time);
            if matches!(event.kind, Kind::Runs | Kind::Leaves) && event.arg != 0 {
                event.arg = ns(event.arg);
            }
            self.last = self.last.max(event.time);
            match event.kind {
                Kind::Runs => self.accounted.runs += 1,
                Kind::Parks => self.accounted.parks += 1,
                Kind::Stays => self.accounted.parks = self.accounted.parks.saturating_sub(1),
                _ => {}
            }
            self.story.add(event);
            if self.story.packets().len() > CHUNK {
                self.write();
            }
        }
        batch.drain(..written);
        batch.shrink_to(KEPT_EVENTS);
        let is_over = batch.is_empty();
        self.batch = batch;
        if !is_over {
            return;
        }
        for info in std::mem::take(&mut self.snapshot) {
            self.introduce(info);
        }
        self.story.end_look();
        budget::grant(SCHED.procs());
        if pauses && gate::trace().is_some() {
            self.resume();
        }
        self.write();
    }

    /// Adds a gap from the last event until now to the trace, and counts the events that were lost
    /// in it.
    fn add_gap(&mut self) {
        let now = Counts::now();
        let runs = (now.runs - self.counts.runs).saturating_sub(self.accounted.runs);
        let parks = (now.parks - self.counts.parks).saturating_sub(self.accounted.parks);
        self.accounted.runs += runs;
        self.accounted.parks += parks;
        let time = self.last;
        self.last = time.max(os::now_ns() + self.since_boot);
        self.story.pauses(time, self.last, runs, parks);
    }

    /// Ends a pause: reports the lost events and opens another window.
    fn resume(&mut self) {
        self.add_gap();
        if self.story.len() > self.sweep_at {
            let live = goroutines().iter().map(|info| info.id.number()).collect();
            self.story.sweep(self.last, &live);
            self.sweep_at = SWEEP_AT.max(2 * self.story.len());
        }
        self.windows.last = Windows::after(self.windows.last);
        gate::open(self.windows.last);
    }

    /// Declares a goroutine that existed when the trace began, unless its own events have done so.
    fn introduce(&mut self, info: GoroutineInfo) {
        let id = info.id.number();
        if self.story.knows(id) {
            return;
        }
        let (before, waits) = match info.state {
            GoroutineState::Created | GoroutineState::Runnable => (Before::Queued, None),
            GoroutineState::Running => (Before::Ran, None),
            GoroutineState::Waiting => (Before::Waited, Some((info.reason, info.at))),
        };
        self.story.introduce(&Introduced {
            id,
            name: info.name,
            started_at: info.spawned_at,
            before,
            waits,
            p: NO_P,
        });
    }

    fn write(&mut self) {
        let bytes = self.story.packets().take(std::mem::take(&mut self.room));
        if self.failed.is_none()
            && let Err(e) = self.file.write_all(&bytes)
        {
            self.failed = Some(e);
        }
        self.room = bytes;
    }

    /// Writes the rest of the trace. `pauses` says that nothing was being recorded.
    fn end(mut self, pauses: bool) -> io::Result<()> {
        self.drain_logs(false);
        if pauses {
            self.add_gap();
        }
        let now = os::now_ns() + self.since_boot;
        self.story.end(now.max(self.last));
        self.write();
        pool::empty();
        self.failed.map_or(Ok(()), Err)
    }
}
