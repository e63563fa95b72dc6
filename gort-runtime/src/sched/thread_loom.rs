//! `thread.rs` under loom: nobody begins to run, but the model is told of the M.

use crate::proc::m::M;
use std::io;

/// Has the model start the thread of `m`.
pub(super) fn start(m: &'static M) -> io::Result<()> {
    m.unlike_others.set(false);
    m.note.start();
    Ok(())
}
