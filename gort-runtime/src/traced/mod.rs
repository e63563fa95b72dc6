//! Recording what the scheduler does, for a trace (`perfetto/` writes the file).
//!
//! Every M has a ring (`ring.rs`) into which its own thread writes one event for each thing that happens: a
//! goroutine runs, parks, is woken, ends. Threads that are no Ms share one ring under a lock. A writer thread reads
//! the rings every few milliseconds and encodes what it finds. So recording takes no lock and waits for nobody.
//!
//! # What it costs
//! While no trace is written, each place that records loads one word (`gate.rs`) and does not take a branch.
//! While one is written, an event is one look at the processor's cycle counter and 32 bytes.
//!
//! # The order of events
//! The writer sorts the events of all rings by their times. That this gives the order in which things happened follows from
//! five rules:
//! 1. An event about a goroutine is recorded by the goroutine's owner (`proc/gstatus.rs`), and is in its ring before the
//!    owner passes the goroutine on.
//! 2. Its time is at least [`clock::STEP`] after that of the goroutine's previous event, which lies in the G
//!    (`stamp.rs`). So for one goroutine sorting by time is exact, even where the clocks of two cores differ.
//! 3. The times in one ring never go back.
//! 4. One look of the writer begins by reading the clock, and takes only events up to that time.
//! 5. The reader's load of a ring's head acquires what the owner released.
//!
//! Why the writer never sees the second of two events of a goroutine without the first: suppose the writer looks at ring A
//! before the first event is there, and then finds the second one in ring B. The first event came into ring A after the writer
//! had begun its look, and the clock was read for the second event after that (1). So the second event's
//! time is later than the beginning of the look, and the writer leaves it for the next look (4), at which it finds
//! both.
//!
//! # Starting and stopping beside events
//! The word in `gate.rs` is the number of the trace that is being written, 0 for none. Recording loads it once, and stores
//! it in the event. A thread that has loaded the number and is delayed until the trace has been stopped leaves an event
//! behind that nobody reads, or that the writer of the next trace drops, since it has another number.
//! A G remembers the number as well: its first event in each trace is preceded by the goroutine's name and origin.
//!
//! # When the writer falls behind
//! A ring that is full takes no event: the M counts what was lost and goes on. A traced program keeps its pace, and
//! memory is bounded. The writer reads the count and puts an event `lost N events` into the trace. A goroutine whose event was
//! lost keeps its old state in the picture until its next event. (Rejected: to wait for the writer. It would
//! stop Ms with locks held, and change the order of things that a trace is to show.)

pub(crate) mod clock;
pub(crate) mod event;
#[cfg(not(loom))]
pub(crate) mod gate;
#[cfg(not(loom))]
pub(crate) mod payload;
#[cfg_attr(loom, path = "record_loom.rs")]
pub(crate) mod record;
pub(crate) mod recorder;
pub(crate) mod ring;
pub(crate) mod stamp;
