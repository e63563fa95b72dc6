//! `thread.rs` under loom: starts no thread, but tells the model to run the M.

use crate::proc::m::M;
use std::io;

/// Makes the model start the thread of `m`.
pub(super) fn start(m: &'static M) -> io::Result<()> {
    m.tainted.set(false);
    m.note.start();
    Ok(())
}
