//! `dump`: what every goroutine is doing, for users.

use crate::api::system_stack::on_system_stack;
use crate::report::list::GoroutineInfo;
use crate::report::print::write_blocks;
use crate::report::stack::stack_of;
use std::io::{self, Write};

/// Writes one block for every goroutine: its id, name and state, and where it waits and was
/// spawned. With `GORT_DEBUG=backtrace=1` the block includes the goroutine's stack, if it is
/// parked. Go's `pprof.Lookup("goroutine").WriteTo(out, 2)`.
///
/// # Errors
/// Returns the errors of `out`.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded::<()>(0);
/// let idler = go!(name = "idler"; { rx.recv() });
/// let mut text = Vec::new();
/// gort::runtime::dump(&mut text)?;
/// assert!(String::from_utf8_lossy(&text).contains("idler"));
/// drop(tx);
/// # idler.join().unwrap().unwrap_err();
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn dump(out: impl Write) -> io::Result<()> {
    dump_some(out, |_| true)
}

/// Like [`dump`], for some goroutines.
///
/// # Errors
/// Returns the errors of `out`.
#[doc(hidden)]
pub fn dump_some(mut out: impl Write, which: impl Fn(&GoroutineInfo) -> bool) -> io::Result<()> {
    // Looking up the names on a stack needs more stack than a goroutine may have.
    write_blocks(&mut out, which, |gp, id| {
        on_system_stack(|| stack_of(gp, id))
    })
}
