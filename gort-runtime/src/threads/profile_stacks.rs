//! Stacks for profiles, if each goroutine is a thread. A debugger can show them; gort cannot.

use crate::proc::g::G;
use crate::profile::samples::Frame;
use crate::report::list::GoroutineInfo;
use std::ptr::NonNull;

/// Always empty.
pub(super) type Addresses = Box<[usize]>;

/// Reads no stacks.
pub(super) struct StackReader;

impl StackReader {
    pub(super) fn new() -> Self {
        Self
    }

    /// Returns an empty stack.
    pub(super) fn stack_of(&mut self, _: NonNull<G>, _: &GoroutineInfo) -> Addresses {
        Box::default()
    }
}

/// Returns no frames.
pub(super) fn frames(_: &Addresses) -> Vec<Frame> {
    Vec::new()
}
