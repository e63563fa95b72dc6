//! What an M keeps for traces: its log, and whose code its thread runs.

use crate::traced::budget;
use crate::traced::event::TraceEvent;
use crate::traced::log::Log;
use std::cell::Cell;

/// One M's part. All but the reader's side of the log is its own thread's.
pub(crate) struct Recorder {
    pub(crate) log: Log,
    /// The time of the last event.
    last: Cell<u64>,
    /// The goroutine that ran here last: it is the one that wakes, also in a park's commit and at its end.
    acting: Cell<u64>,
}

impl Recorder {
    crate::base::prim::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                log: Log::new(),
                last: Cell::new(0),
                acting: Cell::new(0),
            }
        }
    }

    /// Returns a time for an event at `now` that is not before the last one here.
    #[inline]
    pub(crate) fn not_before(&self, now: u64) -> u64 {
        now.max(self.last.get())
    }

    #[inline]
    pub(crate) fn acting(&self) -> u64 {
        self.acting.get()
    }

    #[inline]
    pub(crate) fn set_acting(&self, id: u64) {
        self.acting.set(id);
    }

    /// Appends `events`, whose times are from [`not_before`](Self::not_before); false: there is no room for them.
    ///
    /// # Safety
    /// The caller runs on the M's own thread, or holds the lock of the shared recorder.
    #[inline]
    pub(crate) unsafe fn push(&self, events: &[TraceEvent]) -> bool {
        // SAFETY: caller's clause: it is the M's thread or holds the lock, which makes it the log's owner.
        let pushed = unsafe { self.log.push(events, budget::take) };
        if pushed && let Some(last) = events.last() {
            self.last.set(last.time);
        }
        pushed
    }
}
