//! Stacks for profiles. They are addresses while they are collected, and get names when a profile
//! is made.

use crate::proc::g::G;
use crate::profile::samples::Frame;
use crate::report::functions::{functions_at, users_part};
use crate::report::list::{GoroutineInfo, GoroutineState};
use crate::report::{others, stack};
use std::ptr::{self, NonNull};

/// Return addresses, innermost first.
pub(super) type Addresses = Box<[usize]>;

/// Reads the stacks of goroutines.
pub(super) struct StackReader(others::Observer);

impl StackReader {
    pub(super) fn new() -> Self {
        Self(others::Observer::new())
    }

    /// Returns the stack of the goroutine that `info` describes. It is empty if the goroutine runs
    /// or has no stack.
    pub(super) fn stack_of(&mut self, gp: NonNull<G>, info: &GoroutineInfo) -> Addresses {
        let mut pcs = self.0.stack_of(gp, info);
        if pcs.is_empty() && info.state == GoroutineState::Waiting {
            // Without the feature `backtrace` this is empty too, unless `GORT_DEBUG` asks for
            // stacks.
            pcs = stack::pcs_of(gp, info.id);
        }
        pcs.iter().map(|pc| pc.addr()).collect()
    }
}

/// Returns the program's part of a stack, with names, outermost function first. Needs more stack
/// than a goroutine may have.
pub(super) fn frames(addresses: &Addresses) -> Vec<Frame> {
    let pcs: Vec<_> = addresses
        .iter()
        .map(|&address| ptr::without_provenance_mut(address))
        .collect();
    let functions = functions_at(&pcs);
    users_part(&functions, false)
        .iter()
        .rev()
        .map(|function| Frame {
            function: function.name.clone(),
            file: function
                .file
                .as_ref()
                .map_or_else(String::new, |file| file.to_string_lossy().into_owned()),
            line: function.line.unwrap_or(0),
        })
        .collect()
}
