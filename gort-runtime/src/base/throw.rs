//! Ways to end the process: `throw` (our bug) and `fatal` (the user's mistake, which cannot be
//! undone).
//!
//! There are three ways to fail, as in Go. The user may catch a `panic!`. [`fatal`] ends the
//! process with status 2 and says what to do. [`throw`] means that the runtime's own state is
//! broken: it allocates nothing and does not unwind, and the process aborts, so that a core dump
//! shows the state.

use crate::os;
use std::sync::OnceLock;

/// The function that [`end`] calls before it ends the process.
static AT_END: OnceLock<fn()> = OnceLock::new();

/// Registers `f` to be called by [`end`]. The caller of `end` may hold any lock, so `f` must not
/// wait for a lock that the caller may hold.
pub(crate) fn at_end(f: fn()) {
    AT_END.get_or_init(|| f);
}

/// Ends the process without running exit handlers, after completing the files that the runtime is
/// writing.
#[cold]
pub(crate) fn end(status: i32) -> ! {
    if let Some(f) = AT_END.get() {
        f();
    }
    os::exit_now(status);
}

/// Aborts the process because the runtime has found its own state broken.
#[cold]
#[inline(never)]
pub(crate) fn throw(what: &'static str) -> ! {
    os::write_stderr(b"gort: runtime error: ");
    os::write_stderr(what.as_bytes());
    os::write_stderr(b"\n");
    os::abort();
}

/// Ends the process with status 2 because of a mistake in the program that cannot be undone. `what`
/// says what happened, and what to do about it.
#[cold]
#[inline(never)]
pub fn fatal(what: &str) -> ! {
    os::write_stderr(b"fatal: ");
    os::write_stderr(what.as_bytes());
    os::write_stderr(b"\n");
    end(2);
}

/// Aborts with this text when it is dropped. Guards a section of code that a panic must not leave.
pub(crate) struct AbortOnUnwind(pub(crate) &'static str);

impl AbortOnUnwind {
    /// Ends the section without aborting.
    #[expect(clippy::mem_forget, reason = "its destructor aborts")]
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        throw(self.0);
    }
}
