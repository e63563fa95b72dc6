//! The unwinding state of a goroutine. `panics/unwind.rs` says what it means.

use std::any::Any;
use std::cell::Cell;

pub(crate) type Payload = Box<dyn Any + Send>;

/// The unwinding state of a goroutine, or of a thread while it runs none.
pub(crate) struct Unwinding {
    /// Number of unwindings that have begun, not counting those that are nested and over.
    pub(crate) begun: Cell<u32>,
    /// Boxed, because every goroutine has room for one.
    pub(crate) replacement: Cell<Option<Box<Replacement>>>,
}

/// The payload that replaces that of the panic in progress.
pub(crate) struct Replacement {
    pub(crate) payload: Payload,
    /// The value of `begun` at the time of the replacement.
    pub(crate) begun: u32,
}

impl Unwinding {
    pub(crate) const fn new() -> Self {
        Self {
            begun: Cell::new(0),
            replacement: Cell::new(None),
        }
    }

    pub(crate) fn begins(&self) {
        self.begun.set(self.begun.get().wrapping_add(1));
    }
}
