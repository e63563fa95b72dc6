//! The channel that delivers one instant, once, when its time has come: `after`, `at`.
//!
//! Nothing is armed until somebody waits: a receiver that waits sleeps until the due
//! time and then tries to take the message. So a dropped or forgotten `after(1 h)`
//! costs nothing. As crossbeam-channel's `at` flavor.

use gort_runtime::{Home, Nanos, nanos_of};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// A message that becomes due.
#[derive(Debug)]
pub(crate) struct At {
    instant: Instant,
    due: Nanos,
    home: Home,
    /// Only uniqueness matters, and nothing else is published: relaxed.
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

    /// Where it was made; `due` is on the clock of that.
    pub(crate) fn home(&self) -> Home {
        self.home
    }

    /// When it is worth trying: `None` if the message is gone.
    pub(crate) fn due(&self) -> Option<Nanos> {
        (!self.taken.load(Relaxed)).then_some(self.due)
    }

    /// Takes the message if it is due and nobody has taken it.
    pub(crate) fn try_take(&self) -> Option<Instant> {
        let due = !self.taken.load(Relaxed) && self.home.now() >= self.due;
        (due && !self.taken.swap(true, Relaxed)).then_some(self.instant)
    }
}
