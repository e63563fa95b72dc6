//! What queues need of a goroutine, for loom.

use std::cell::Cell;
use std::ptr;

/// A goroutine that is only queued.
#[derive(Debug)]
pub(crate) struct G {
    pub(crate) schedlink: Cell<*mut G>,
}

impl G {
    pub(crate) fn new() -> Self {
        Self {
            schedlink: Cell::new(ptr::null_mut()),
        }
    }
}
