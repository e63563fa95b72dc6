//! A G's state for traces: the time and window of its last event, and whether that was a wake-up.
//!
//! Only the goroutine's owner (`proc/gstatus.rs`) accesses it, or the taker of its P on the owner's
//! behalf (`record::loses_p`).

use std::cell::Cell;

/// The last event of a goroutine. All zeros mean that there was none.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// Low and high half of the time. The halves need less alignment than a `u64`, so that the
    /// stamp fits into the free part of the G's last cache line.
    time: Cell<[u32; 2]>,
    window: Cell<u16>,
    /// Whether the last event was a wake-up.
    woken: Cell<bool>,
}

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
        if self.woken.get() {
            self.last_in(window)
        } else {
            0
        }
    }

    /// Stores the window and the time of an event, and whether it was a wake-up.
    pub(crate) fn set(&self, window: u16, time: u64, woken: bool) {
        self.window.set(window);
        self.time.set([time as u32, (time >> 32) as u32]);
        self.woken.set(woken);
    }

    /// Clears the stamp, because a new goroutine reuses the G and has no event yet.
    pub(crate) fn clear(&self) {
        self.window.set(0);
    }
}
