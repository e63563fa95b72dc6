//! `dump`: what every goroutine is doing, for users.

use crate::blocks::write_blocks;
use crate::stacktrace::stack_of;
use crate::system_stack::on_system_stack;
use std::io::{self, Write};

/// Writes one block for every goroutine: its number, name, state, and where it waits and was
/// spawned. With `GORT_DEBUG=backtrace=1` also its stack, if it is parked.
///
/// # Errors
/// Those of `out`.
pub fn dump(mut out: impl Write) -> io::Result<()> {
    // Looking up the names on a stack wants more room than a goroutine may have.
    write_blocks(&mut out, |gp, id| on_system_stack(|| stack_of(gp, id)))
}
