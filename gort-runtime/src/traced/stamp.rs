//! A G's state for traces: the time and window of its last event, the log that has it, and whether
//! it was a wake-up.
//!
//! Only the goroutine's owner (`proc/gstatus.rs`) accesses it, or, on the owner's behalf, the
//! thread that takes the goroutine's P (`record::loses_p`).

use std::cell::Cell;

/// The last event of a goroutine. All zeros mean that there was none.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// Low and high half of the time. The halves need less alignment than a `u64`, so that the
    /// stamp fits into the free part of the G's last cache line.
    time: Cell<[u32; 2]>,
    window: Cell<u16>,
    /// The number of the log that has the last event ([`Recorder`](super::recorder::Recorder)), and
    /// above it [`WOKEN`] if the event was a wake-up.
    log: Cell<u16>,
}

/// In [`Stamp::log`]: the last event was a wake-up.
const WOKEN: u16 = 1 << 15;

impl Stamp {
    /// Returns the time of the last event in this window, or 0 if there was none.
    pub(crate) fn last_in(&self, window: u16) -> u64 {
        if self.window.get() == window {
            let [low, high] = self.time.get();
            u64::from(high) << 32 | u64::from(low)
        } else {
            0
        }
    }

    /// Returns the time at which the goroutine was woken if that was its last event in this window,
    /// and 0 otherwise.
    pub(crate) fn woken_in(&self, window: u16) -> u64 {
        if self.log.get() & WOKEN != 0 {
            self.last_in(window)
        } else {
            0
        }
    }

    /// Returns `true` if the log with this number, which is not 0, has the last event.
    #[inline]
    pub(crate) fn is_in(&self, log: u16) -> bool {
        self.log.get() & !WOKEN == log
    }

    /// Stores the window, the time and the log of an event, and whether it was a wake-up. The log's
    /// number is less than [`WOKEN`].
    #[inline]
    pub(crate) fn set(&self, window: u16, time: u64, log: u16, woken: bool) {
        self.window.set(window);
        self.time.set([time as u32, (time >> 32) as u32]);
        self.log.set(log | if woken { WOKEN } else { 0 });
    }

    /// Clears the stamp, because a new goroutine reuses the G and has no event yet.
    pub(crate) fn clear(&self) {
        self.window.set(0);
    }
}
