//! Traces from start to stop, and the thread that writes them.
//!
//! Everything is under one lock: whoever holds it is the reader of all rings (`traced/ring.rs`). The writer thread takes
//! it every [`PERIOD_NS`], or when a ring fills, and writes to the file what it finds. So what a process had done
//! a moment before it was killed is in the file. [`stop`] takes the lock and does the same once more. It does not need
//! the thread, so it works in an exit handler too.

use super::packets::Packets;
use super::story::{Introduced, Story};
use crate::base::forked::forked;
use crate::base::lock::{Lock, Rank};
use crate::monitor::checkdead::helper_thread_runs;
use crate::os;
use crate::proc::m::M;
use crate::report::list::{GoroutineInfo, GoroutineState, goroutines};
use crate::traced::clock::{self, Rate, ticks};
use crate::traced::event::{Before, Event, Kind, NO_P};
use crate::traced::recorder::Recorder;
use crate::traced::{gate, payload, record};
use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

/// How often the writer looks at the rings.
const PERIOD_NS: u64 = 10_000_000;
/// How long both clocks are compared at least, to know how fast the counter counts: then it is right to some millionths.
const COMPARED_NS: u64 = 5_000_000;

/// The trace that is being written.
struct Session {
    number: u16,
    file: File,
    /// What writing has failed with. Nothing is written any more.
    failed: Option<io::Error>,
    story: Story,
    /// The clocks when it began.
    began: (u64, u64),
    rate: Option<Rate>,
    /// What is added to the monotonic clock to get the one that Perfetto goes by.
    since_boot: u64,
    /// The goroutines as they were when it began, until the first look.
    snapshot: Vec<GoroutineInfo>,
    /// What had been lost when somebody last looked.
    lost: u64,
    /// The time of the last event.
    last: u64,
    batch: Vec<Event>,
    room: Vec<u8>,
}

struct Shared {
    session: Option<Session>,
    /// The number of the last trace.
    number: u16,
    has_thread: bool,
    has_exit_handler: bool,
}

static SHARED: Lock<Shared> = Lock::ranked(
    Rank::Outer,
    Shared {
        session: None,
        number: 0,
        has_thread: false,
        has_exit_handler: false,
    },
);

/// Begins a trace that is written to `path`.
pub(crate) fn start(path: &Path) -> io::Result<()> {
    if cfg!(gort_threads) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "where goroutines are threads no trace can be written",
        ));
    }
    let mut shared = SHARED.lock();
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
        shared.has_exit_handler = true;
    }
    shared.number = shared.number.checked_add(1).unwrap_or(1);
    let number = shared.number;
    shared.session = Some(Session::begin(number, file));
    drop(shared);
    record::WRITER.wake();
    Ok(())
}

/// Begins the trace that `GORT_TRACE` asks for.
pub(crate) fn start_if_asked() {
    let Some(path) = env::var_os("GORT_TRACE").filter(|path| !path.is_empty()) else {
        return;
    };
    if let Err(e) = start(Path::new(&path)) {
        let line = format!("gort: GORT_TRACE={path:?} is ignored: {e}\n");
        os::write_stderr(line.as_bytes());
    }
}

/// Ends the trace; the file is complete when this returns.
pub(crate) fn stop() -> io::Result<()> {
    let mut shared = SHARED.lock();
    let Some(session) = shared.session.take() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no trace is being written",
        ));
    };
    gate::close();
    session.end()
}

extern "C" fn stop_at_exit() {
    // In the child of a `fork` it is the parent's trace.
    if !forked() {
        drop(stop());
    }
}

/// Ends the trace, if there is one, before the process ends without its exit handlers.
pub(crate) fn stop_now() {
    if gate::is_open() {
        stop_at_exit();
    }
}

/// The writer thread.
fn write_for_ever() {
    helper_thread_runs();
    loop {
        let is_writing = SHARED
            .lock()
            .session
            .as_mut()
            .map(|session| session.look(false))
            .is_some();
        if is_writing {
            record::WRITER.sleep_until(os::now_ns() + PERIOD_NS);
        } else {
            record::WRITER.sleep();
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

/// Returns how many pushes have been lost since the process began.
fn lost() -> u64 {
    let mut lost = 0;
    for_each_recorder(|recorder| lost += recorder.ring().1);
    lost
}

impl Session {
    fn begin(number: u16, file: File) -> Self {
        let lost = lost();
        let began = (ticks(), os::now_ns());
        gate::open(number);
        let snapshot = goroutines();
        let since_boot = os::boot_time_ns().saturating_sub(os::now_ns());
        let start = began.1 + since_boot;
        let mut packets = Packets::default();
        packets.clocks(start, &[(6, start), (3, began.1), (1, os::real_time_ns())]);
        let program = env::args().next().unwrap_or_default();
        Self {
            number,
            file,
            failed: None,
            story: Story::new(packets, start, &program, process::id().into()),
            began,
            rate: None,
            since_boot,
            snapshot,
            lost,
            last: start,
            batch: Vec::new(),
            room: Vec::new(),
        }
    }

    /// Returns the line between the two clocks. The same for the whole trace, so that times never go back.
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

    /// Writes what has been recorded since the last look. `all`: also what is being recorded meanwhile.
    fn look(&mut self, all: bool) {
        let rate = self.rate();
        let until = if all { u64::MAX } else { ticks() };
        let mut batch = std::mem::take(&mut self.batch);
        let (number, since_boot) = (self.number, self.since_boot);
        for_each_recorder(|recorder| {
            let Some(ring) = recorder.ring().0 else {
                return;
            };
            let take = |event: Event| {
                if event.trace == number {
                    batch.push(event);
                } else {
                    // SAFETY: nobody is told of it.
                    unsafe { payload::forget(event.kind, event.arg) };
                }
            };
            // SAFETY: the session is behind the lock whose holder is the reader.
            unsafe { ring.drain(|event| event.time <= until, take) };
        });
        batch.sort_by_key(|event| event.time);
        let ns = |ticks| rate.ns(ticks) + since_boot;
        for mut event in batch.drain(..) {
            event.time = ns(event.time);
            if event.kind == Kind::Runs && event.arg != 0 {
                event.arg = ns(event.arg);
            }
            self.last = self.last.max(event.time);
            self.story.tell(event);
        }
        self.batch = batch;
        for info in std::mem::take(&mut self.snapshot) {
            self.introduce(info);
        }
        self.story.looked();
        let lost = lost();
        if lost != self.lost {
            let now = os::now_ns() + self.since_boot;
            self.story.lost(now, lost - self.lost);
            self.lost = lost;
        }
        self.write();
    }

    /// Tells of a goroutine that was there when the trace began, unless its own events have.
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
        let bytes = self.story.packets.take(std::mem::take(&mut self.room));
        if self.failed.is_none()
            && let Err(e) = self.file.write_all(&bytes)
        {
            self.failed = Some(e);
        }
        self.room = bytes;
    }

    /// Writes the rest.
    fn end(mut self) -> io::Result<()> {
        self.look(true);
        let now = os::now_ns() + self.since_boot;
        self.story.end(now.max(self.last));
        self.write();
        self.failed.map_or(Ok(()), Err)
    }
}
