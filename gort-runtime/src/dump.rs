//! Writing down what every goroutine is doing: Go's traceback format, as far as it goes.
//!
//! ```text
//! goroutine 7 "reader" [chan receive, 2 minutes]:
//!     waits at src/main.rs:31:20
//!     spawned at src/main.rs:12:5
//! ```

use crate::traceback::{GoroutineInfo, GoroutineState, goroutines};
use std::io::{self, Write};

/// Writes one block for every goroutine.
///
/// # Errors
/// Those of `out`.
pub fn dump(mut out: impl Write) -> io::Result<()> {
    for info in goroutines() {
        write_goroutine(&mut out, &info)?;
    }
    Ok(())
}

fn write_goroutine(out: &mut impl Write, info: &GoroutineInfo) -> io::Result<()> {
    write!(out, "\ngoroutine {}", info.id)?;
    if let Some(name) = &info.name {
        write!(out, " {name:?}")?;
    }
    match info.state {
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
