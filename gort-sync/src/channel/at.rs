//! The channel that delivers one instant, once, when that time has come: `after`, `at`.
//!
//! No timer is armed until a receiver waits. The receiver then sleeps until the due time and tries
//! to take the message. So an `after(1 h)` that is dropped or forgotten costs nothing. The design
//! is that of crossbeam-channel's `at` flavor.

use gort_runtime::{Home, Nanos, nanos_of};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// A message that becomes due.
#[derive(Debug)]
pub(crate) struct At {
    instant: Instant,
    due: Nanos,
    home: Home,
    /// Whether the message has been taken. Accessed Relaxed: only one caller may take the message,
    /// and nothing else is published.
    taken: AtomicBool,
}

impl At {
    pub(super) fn new(instant: Instant) -> Self {
        Self {
            instant,
            due: nanos_of(instant),
            home: Home::here(),
            taken: AtomicBool::new(false),
        }
    }

    /// Returns the home in which the channel was made. `due` is a time on that home's clock.
    pub(crate) fn home(&self) -> Home {
        self.home
    }

    /// Returns the time from which the message can be taken, or `None` if it has been taken.
    pub(crate) fn due(&self) -> Option<Nanos> {
        (!self.taken.load(Relaxed)).then_some(self.due)
    }

    /// Takes the message if it is due and has not been taken.
    pub(crate) fn try_take(&self) -> Option<Instant> {
        let due = !self.taken.load(Relaxed) && self.home.now() >= self.due;
        (due && !self.taken.swap(true, Relaxed)).then_some(self.instant)
    }
}
