//! Lists goroutines one by one, each with its stack, for the debug page.

use crate::api::system_stack::on_system_stack;
use crate::profile::samples::Frame;
use crate::profile::stacks::{self, Addresses, StackReader};
use crate::report::list::{GoroutineInfo, with_gs};
use std::collections::HashMap;
use std::fmt::Write;

/// All goroutines, and the distinct stacks that they have.
#[doc(hidden)]
#[derive(Debug)]
pub struct Members {
    /// Each goroutine, ordered by id, with the index of its stack in `stacks`. The index is `None`
    /// if the stack was not read or cannot be read.
    pub goroutines: Vec<(GoroutineInfo, Option<usize>)>,
    /// The text of each distinct stack, innermost function first.
    pub stacks: Vec<String>,
}

/// Returns all goroutines, and the stacks of those for which `wants_stack` returns `true`.
#[doc(hidden)]
pub fn goroutines_with_stacks(wants_stack: impl FnMut(&GoroutineInfo) -> bool) -> Members {
    // Looking up names needs more stack than a goroutine may have.
    on_system_stack(|| members(wants_stack))
}

fn members(mut wants_stack: impl FnMut(&GoroutineInfo) -> bool) -> Members {
    let mut reader = StackReader::new();
    let mut indices: HashMap<Addresses, usize> = HashMap::new();
    let all = with_gs().into_iter().map(|(gp, info)| {
        let addresses = match wants_stack(&info) {
            true => reader.stack_of(gp, &info),
            false => Addresses::default(),
        };
        let next = indices.len();
        let index = (!addresses.is_empty()).then(|| *indices.entry(addresses).or_insert(next));
        (info, index)
    });
    let goroutines = all.collect();
    drop(reader);
    let mut stacks = vec![String::new(); indices.len()];
    for (addresses, index) in indices {
        stacks[index] = lines(&stacks::frames(&addresses));
    }
    Members { goroutines, stacks }
}

/// Returns the lines for `frames` as a dump shows them, innermost first. `frames` begin with the
/// outermost.
fn lines(frames: &[Frame]) -> String {
    let mut text = String::new();
    for frame in frames.iter().rev() {
        let Frame {
            function,
            file,
            line,
        } = frame;
        // Writing to a string does not fail.
        writeln!(text, "{function}").ok();
        if !file.is_empty() {
            writeln!(text, "    {file}:{line}").ok();
        }
    }
    text.truncate(text.trim_end().len());
    text
}
