//! An M's state for traces: its log, and the goroutine whose code its thread runs.

use crate::traced::budget;
use crate::traced::event::TraceEvent;
use crate::traced::log::Log;
use std::cell::Cell;

/// The state of one M, or of all threads that are not Ms. Only the owner's thread accesses it,
/// except for the reader's fields of the log.
pub(crate) struct Recorder {
    pub(crate) log: Log,
    /// The number of the log, less than 2^15. Several logs may have the number 0.
    number: u16,
    /// Whether the last event here was the end of a run, and the M has only switched since then.
    switches: Cell<bool>,
    /// The window of `acting`.
    window: Cell<u16>,
    /// The time of the last event.
    last: Cell<u64>,
    /// The goroutine that ran here last, if that was recorded in `window`.
    acting: Cell<u64>,
}

impl Recorder {
    crate::base::prim::const_unless_loom! {
        /// Creates the recorder of the M with this number, or one for other threads.
        pub(crate) fn new(m: Option<u32>) -> Self {
            let number = match m {
                Some(m) if m < 0x7fff => m as u16 + 1,
                _ => 0,
            };
            Self {
                log: Log::new(),
                number,
                switches: Cell::new(false),
                window: Cell::new(0),
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
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Returns the time of the last event here. Returns `None` if the M has done more than switch
    /// since then, or if other logs may have the same number.
    #[inline]
    pub(crate) fn switched_at(&self) -> Option<u64> {
        (self.switches.get() && self.number != 0).then(|| self.last.get())
    }

    /// Stores whether the M now switches from one goroutine to another.
    #[inline]
    pub(crate) fn set_switches(&self, switches: bool) {
        self.switches.set(switches);
    }

    /// Returns the goroutine that ran here last in this window, or 0 if none is known.
    #[inline]
    pub(crate) fn acting(&self, window: u16) -> u64 {
        if self.window.get() == window {
            self.acting.get()
        } else {
            0
        }
    }

    #[inline]
    pub(crate) fn set_acting(&self, window: u16, id: u64) {
        self.window.set(window);
        self.acting.set(id);
    }

    /// Appends `event`, whose time is from [`not_before`](Self::not_before). Returns `false` if
    /// there is no room for it.
    ///
    /// # Safety
    /// The caller runs on the M's own thread, or holds the lock of the shared recorder.
    #[inline(always)]
    pub(crate) unsafe fn push_one(&self, event: TraceEvent) -> bool {
        // SAFETY: the caller runs on the M's thread or holds the lock, so it owns the log.
        let pushed = unsafe { self.log.push_one(event, budget::take) };
        if pushed {
            self.last.set(event.time);
        }
        pushed
    }

    /// Appends `events`, whose times are from [`not_before`](Self::not_before). Returns `false` if
    /// there is no room for them.
    ///
    /// # Safety
    /// The caller runs on the M's own thread, or holds the lock of the shared recorder.
    pub(crate) unsafe fn push(&self, events: &[TraceEvent]) -> bool {
        // SAFETY: the caller runs on the M's thread or holds the lock, so it owns the log.
        let pushed = unsafe { self.log.push(events, budget::take) };
        if pushed && let Some(last) = events.last() {
            self.last.set(last.time);
        }
        pushed
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_actor_of_an_earlier_window_is_not_known_to_act_now() {
        let recorder = Recorder::new(None);
        assert_eq!(recorder.acting(1), 0);
        recorder.set_acting(1, 7);
        assert_eq!((recorder.acting(1), recorder.acting(2)), (7, 0));
    }

    #[test]
    fn only_a_log_with_a_unique_number_shares_a_time() {
        for (m, shares) in [(None, false), (Some(0), true), (Some(0x7fff), false)] {
            let recorder = Recorder::new(m);
            assert_eq!(recorder.switched_at(), None);
            recorder.set_switches(true);
            assert_eq!(recorder.switched_at().is_some(), shares);
            recorder.set_switches(false);
            assert_eq!(recorder.switched_at(), None);
        }
    }
}
