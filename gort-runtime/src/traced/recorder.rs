//! An M's state for traces: its log, and the goroutine whose code its thread runs.

use crate::traced::budget;
use crate::traced::event::TraceEvent;
use crate::traced::log::Log;
use std::cell::Cell;

/// The state of one M, or of all threads that are not Ms. Only the owner's thread accesses it,
/// except for the reader's fields of the log.
pub(crate) struct Recorder {
    pub(crate) log: Log,
    /// The time of the last event.
    last: Cell<u64>,
    /// The goroutine that ran here last. Wake-ups on this thread are attributed to it, including
    /// those in a park's commit and at the goroutine's end.
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

    /// Returns `now`, or the time of the last event here if that is later.
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

    /// Appends `events`, whose times are from [`not_before`](Self::not_before). Returns `false` if
    /// there is no room for them.
    ///
    /// # Safety
    /// The caller runs on the M's own thread, or holds the lock of the shared recorder.
    #[inline]
    pub(crate) unsafe fn push(&self, events: &[TraceEvent]) -> bool {
        // SAFETY: the caller runs on the M's thread or holds the lock, so it owns the log.
        let pushed = unsafe { self.log.push(events, budget::take) };
        if pushed && let Some(last) = events.last() {
            self.last.set(last.time);
        }
        pushed
    }
}
