//! What a goroutine keeps of its unwinding, for `panics/unwind.rs`, which says what it means.

use std::any::Any;
use std::cell::Cell;

pub(crate) type Payload = Box<dyn Any + Send>;

/// What a goroutine (or a thread that runs none) knows of its unwinding.
pub(crate) struct Unwinding {
    /// How many unwindings have begun, without those that are nested and over.
    pub(crate) begun: Cell<u32>,
    /// Boxed, since every goroutine has room for one.
    pub(crate) replacement: Cell<Option<Box<Replacement>>>,
}

/// What replaces the panic on its way.
pub(crate) struct Replacement {
    pub(crate) payload: Payload,
    /// `begun` when it replaced that one.
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
