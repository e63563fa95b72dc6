//! Recording what the scheduler does, for a trace (`perfetto/` writes the file).
//!
//! Every M has a log (`log.rs`) to which its own thread appends one event for each thing that happens: a
//! goroutine runs, parks, is woken, ends. Threads that are no Ms share one log under a lock. A writer thread reads
//! the logs every few milliseconds and encodes what it finds. So recording on an M takes no lock and waits for nobody.
//!
//! # What it costs
//! While no trace is written, each place that records loads one word (`gate.rs`) and does not take a branch.
//! While one is written, an event is one look at the processor's cycle counter and 32 bytes.
//!
//! # The order of events
//! The writer sorts the events of all logs by their times. That this gives the order in which things happened follows from
//! five rules:
//! 1. An event about a goroutine is recorded by the goroutine's owner (`proc/gstatus.rs`), and is in its log before the
//!    owner passes the goroutine on.
//! 2. Its time is at least [`clock::STEP`] after that of the goroutine's previous event, which lies in the G
//!    (`stamp.rs`). So for one goroutine sorting by time is exact, even where the clocks of two cores differ.
//! 3. The times in one log never go back.
//! 4. One look of the writer begins by reading the clock, and takes only events up to that time, or rather a little before: the
//!    instruction that reads the counter is not ordered with loads and stores, which takes some nanoseconds' care.
//! 5. The reader acquires what the owner of a log has released.
//!
//! Why the writer never sees the second of two events of a goroutine without the first: suppose the writer looks at log A
//! before the first event is there, and then finds the second one in log B. The first event came into log A after the writer
//! had begun its look, and the clock was read for the second event after that (1). So the second event's
//! time is later than the beginning of the look, and the writer leaves it for the next look (4), at which it finds
//! both.
//!
//! Sysmon is not the owner of the goroutine whose P it takes. It records that event while the ownership protocol
//! (`proc/ownership.rs`) keeps the goroutine's M out of the runtime, where all other events of a running goroutine are
//! recorded. So that event too lies between the goroutine's event before and the one after.
//!
//! # Starting and stopping beside events
//! The word that every place looks at holds the number of the present *window*, 0 for none (`gate.rs`). Recording loads the number
//! once, and stores it in the event. A thread that has loaded it and is delayed until the trace has been stopped leaves
//! an event behind that nobody reads, or that the writer of the next trace drops, since it has a number of
//! another trace. A G remembers the number as well: its first event in each window is preceded by the goroutine's name and
//! origin, and by what it did before.
//!
//! A goroutine that waits when the trace begins, and has no event, is in a list that `start` makes. A
//! goroutine of that list that is woken meanwhile has an event of its own, which says what it did when the trace
//! began; so the list counts only for those of which the first look has found no event.
//!
//! # An M that ends, a P that is taken
//! A log belongs to an M and not to a thread, and an M lives for ever: what an M has recorded is read also when
//! its thread has ended, and the next thread that gets the M goes on behind it. No log belongs to a P, so nothing changes
//! hands when a P does.
//!
//! # When there is too much
//! What all logs may take between two looks is limited (`budget.rs`). When that is used up the window closes for all, and nothing
//! is recorded until the next look opens another one. The writer knows from the counts of the Ps how many runs and parks
//! that were, and puts an event `lost N events` into the trace. So a traced program keeps its pace and memory is bounded; what
//! a trace shows of a very busy program is stretches in which everything is there. (Rejected: to
//! wait for the writer. That would stop Ms with locks held, and change the order of things that a trace is to
//! show. Also rejected: to drop single events; the picture would be wrong everywhere.)

pub(crate) mod budget;
pub(crate) mod clock;
pub(crate) mod event;
#[cfg(not(loom))]
pub(crate) mod gate;
pub(crate) mod log;
#[cfg(not(loom))]
pub(crate) mod payload;
#[cfg_attr(loom, path = "record_loom.rs")]
pub(crate) mod record;
pub(crate) mod recorder;
pub(crate) mod stamp;
