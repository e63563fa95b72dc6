//! Replaces `unwinder.rs` without the feature `backtrace`.

use crate::report::memory::Memory;

/// Knows no unwind tables.
pub(crate) struct Unwinder;

impl Unwinder {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Returns no addresses.
    pub(crate) fn walk(&mut self, _: &mut Memory, _: usize) -> Vec<*mut u8> {
        Vec::new()
    }
}
