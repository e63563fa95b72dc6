//! Records what the scheduler does, for a trace (`perfetto/` writes the file).
//!
//! Every M has a log (`log.rs`). The M's thread appends one event to it for each thing that
//! happens: a goroutine runs, parks, is woken, ends. Threads that are not Ms share one log under a
//! lock. A writer thread *looks* at the logs every 10 ms: it takes the events and encodes them. So
//! recording on an M takes no lock and never waits.
//!
//! # What it costs
//! While no trace is written, each recording site loads one word (`gate.rs`) and does not take a
//! branch. While one is written, an event costs 5 to 10 ns: 92 instructions, 32 bytes in memory
//! that was provided beforehand (`pool.rs`), and for two of three events a read of the processor's
//! cycle counter.
//! `bench/NOTES.md` ("What a trace costs") says what an event cost before recording was made
//! faster, and what it costs now.
//!
//! # The order of events
//! The writer sorts the events of all logs by their times. Six rules make this the order in which
//! things happened:
//! 1. The goroutine's owner (`proc/gstatus.rs`) records an event about it, and appends the event to
//!    a log before it passes the goroutine on.
//! 2. An event's time is at least [`clock::STEP`] after that of the goroutine's previous event,
//!    which is stored in the G (`stamp.rs`). So sorting by time is exact for one goroutine, even if
//!    the clocks of two cores differ.
//! 3. The times in one log never decrease.
//! 4. Each time the writer looks at the logs, it reads the clock first, and takes only events up to
//!    slightly before that time. The margin is needed because the instruction that reads the
//!    counter is not ordered with loads and stores, which may be late by some nanoseconds.
//! 5. The writer acquires what the owner of a log has released (`log.rs`).
//! 6. The clock is read for every event, with one exception. A run that immediately follows the end
//!    of another run on the same M has that end's time, plus a [`clock::STEP`]. This is done only
//!    if the log that gets the event has the goroutine's previous event too.
//!
//! The writer never sees the second of two events of a goroutine without the first. Suppose that
//! the writer looks at log A before the first event is there, and then finds the second one in log
//! B. The first event was appended to log A after the writer had begun to look, and the clock was
//! read for the second event after that (1). So the second event's time is later than the beginning
//! of the look, and the writer leaves the event for the next look (4), which finds both. If the
//! clock was not read for the second event, both events are in one log, in their order (6). If the
//! clock was not read for the first event, that event is a run. Two runs of a goroutine never
//! follow each other, so the clock was read for the second event.
//!
//! A thread that takes a P does not own the goroutine that loses it. It records that event while
//! the ownership protocol (`proc/ownership.rs`) keeps the goroutine's M out of the runtime, and all
//! other events of a running goroutine are recorded inside the runtime. So the thread acts for the
//! owner, and writes the G's time too (2). The protocol passes on what the thread writes, as it
//! passes on the M's P pointer.
//!
//! # Starting and stopping while events are recorded
//! The word that every recording site loads holds the number of the current *window*, or 0 if there
//! is none (`gate.rs`). A recording thread loads the number once and stores it in the event. A
//! thread that has loaded the number may be delayed until the trace has been stopped. Then no
//! writer reads its event, or the writer of the next trace drops the event, because its number
//! belongs to another trace. A G remembers the number too: before its first event in each window,
//! it records its name, its origin and what it did before.
//!
//! A goroutine that waits when the trace begins has no event. `start` makes a list of such
//! goroutines. If such a goroutine is woken before the first look, its own event says what it did
//! when the trace began. So the writer uses the list only for goroutines for which the first look
//! has found no event.
//!
//! # Ms whose threads end, Ps that are taken
//! A log belongs to an M and not to a thread, and an M lives for ever. So what an M has recorded is
//! read even if its thread has ended, and the next thread that gets the M appends after it. No log
//! belongs to a P, so a P that changes hands changes no log's owner.
//!
//! # When there is too much
//! The number of segments that all logs together may take between two looks is limited
//! (`budget.rs`). When the limit is reached, the window closes for all threads, and nothing is
//! recorded until the next look opens another window. The Ps' counters tell the writer how many
//! runs and parks were not recorded, and it puts a slice `lost N events` into the trace. So a
//! traced program keeps its pace, and the memory for events is bounded. The trace of a very busy
//! program is complete in some stretches, and has a gap between one and the next. (Two designs were
//! rejected. Waiting for the writer would stop Ms that hold locks, and would change the order of
//! the events that the trace shows. Dropping single events would make the picture wrong
//! everywhere.)

pub(crate) mod budget;
pub(crate) mod clock;
pub(crate) mod event;
#[cfg(not(loom))]
pub(crate) mod gate;
pub(crate) mod log;
#[cfg(not(loom))]
pub(crate) mod payload;
pub(crate) mod pool;
#[cfg_attr(loom, path = "record_loom.rs")]
pub(crate) mod record;
pub(crate) mod recorder;
pub(crate) mod segment;
pub(crate) mod stamp;
