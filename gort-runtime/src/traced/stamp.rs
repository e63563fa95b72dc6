//! What a G keeps for traces: when its last event was, in which window, and what it was.
//!
//! Its owner (`proc/gstatus.rs`) writes and reads it.

use std::cell::Cell;

/// The last event of a goroutine. Zeros: there was none.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// In two halves: so the stamp fits into what G's last cache line has left.
    time: Cell<[u32; 2]>,
    window: Cell<u16>,
    /// The last event was a wake-up.
    woken: Cell<bool>,
}

impl Stamp {
    /// Returns when the last event in this window was; 0: there was none.
    pub(crate) fn last_in(&self, window: u16) -> u64 {
        if self.window.get() == window {
            let [low, high] = self.time.get();
            u64::from(high) << 32 | u64::from(low)
        } else {
            0
        }
    }

    /// Returns when the goroutine was woken, if that was its last event in this window; else 0.
    pub(crate) fn woken_in(&self, window: u16) -> u64 {
        if self.woken.get() {
            self.last_in(window)
        } else {
            0
        }
    }

    /// An event has been recorded.
    pub(crate) fn set(&self, window: u16, time: u64, woken: bool) {
        self.window.set(window);
        self.time.set([time as u32, (time >> 32) as u32]);
        self.woken.set(woken);
    }

    /// A new goroutine has the record: it has had no event.
    pub(crate) fn clear(&self) {
        self.window.set(0);
    }
}
