//! The stacks of some goroutines.

use gort::GoroutineId;
use gort_runtime::dump_some;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the stacks of those goroutines of `wanted` that are parked, in lines, innermost function first. Empty unless
/// the program runs with `GORT_DEBUG=backtrace=1`.
pub(crate) fn stacks_of(wanted: &BTreeSet<GoroutineId>) -> BTreeMap<GoroutineId, String> {
    let order = RefCell::new(Vec::with_capacity(wanted.len()));
    let mut dump = Vec::new();
    // A dump has the goroutines in the order in which it asks for them.
    let written = dump_some(&mut dump, |info| {
        let is_wanted = wanted.contains(&info.id);
        if is_wanted {
            order.borrow_mut().push(info.id);
        }
        is_wanted
    });
    if written.is_err() {
        return BTreeMap::new();
    }
    let dump = String::from_utf8_lossy(&dump);
    let stacks = blocks(&dump).map(stack);
    let all = order.into_inner().into_iter().zip(stacks);
    all.filter(|(_, stack)| !stack.is_empty()).collect()
}

/// The blocks of a dump, one for each goroutine.
fn blocks(dump: &str) -> impl Iterator<Item = &str> {
    dump.split("\ngoroutine ").skip(1)
}

/// The lines of a block below those on where the goroutine waits and was spawned.
fn stack(block: &str) -> String {
    let lines = block.lines().skip(1);
    let stack = lines.skip_while(|line| {
        line.starts_with("    waits at ") || line.starts_with("    spawned at ")
    });
    let shown = stack.map(|line| line.strip_prefix("    ").unwrap_or(line));
    shown.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_of_each_block_is_found() {
        let dump = "\ngoroutine 7 \"a\\ngoroutine 8\" [chan receive, 2 minutes]:\n    waits at src/main.rs:31:20\n    \
                    spawned at src/main.rs:12:5\n    program::read\n        src/main.rs:31\n\ngoroutine 9 [running]:\n";
        let stacks: Vec<_> = blocks(dump).map(stack).collect();
        assert_eq!(stacks, ["program::read\n    src/main.rs:31", ""]);
    }
}
