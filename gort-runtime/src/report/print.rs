//! Writes what every goroutine is doing, in Go's traceback format as far as it applies.
//!
//! ```text
//! goroutine 7 "reader" [chan receive, 2 minutes]:
//!     waits at src/main.rs:31:20
//!     spawned at src/main.rs:12:5
//!     program::read
//!         src/main.rs:31
//!     program::main::{{closure}}
//!         src/main.rs:13
//! ```
//! The last four lines are the goroutine's stack. They are printed with `GORT_DEBUG=backtrace=1` if
//! the goroutine is parked.

use crate::api::goroutine::GoroutineId;
use crate::proc::g::G;
use crate::report::list::{GoroutineInfo, GoroutineState, with_gs};
use std::io::{self, Write};
use std::ptr::NonNull;

/// Writes one block for every goroutine that `which` selects. `stack` returns the lines for its
/// stack (`stack_of`, called where there is enough stack for it).
pub(crate) fn write_blocks(
    out: &mut impl Write,
    which: impl Fn(&GoroutineInfo) -> bool,
    stack: impl Fn(NonNull<G>, GoroutineId) -> String,
) -> io::Result<()> {
    for (gp, info) in with_gs().into_iter().filter(|(_, info)| which(info)) {
        write_goroutine(out, &info)?;
        out.write_all(stack(gp, info.id).as_bytes())?;
    }
    Ok(())
}

fn write_goroutine(out: &mut impl Write, info: &GoroutineInfo) -> io::Result<()> {
    write!(out, "\ngoroutine {}", info.id)?;
    if let Some(name) = &info.name {
        write!(out, " {name:?}")?;
    }
    match info.state {
        GoroutineState::Created => write!(out, " [created")?,
        GoroutineState::Runnable => write!(out, " [runnable")?,
        GoroutineState::Running => write!(out, " [running")?,
        GoroutineState::Waiting => write!(out, " [{}", info.reason)?,
    }
    let minutes = info.since.as_secs() / 60;
    if minutes > 0 {
        write!(out, ", {minutes} minutes")?;
    }
    writeln!(out, "]:")?;
    if let Some(at) = info.at {
        writeln!(out, "    waits at {at}")?;
    }
    if let Some(at) = info.spawned_at {
        writeln!(out, "    spawned at {at}")?;
    }
    Ok(())
}
