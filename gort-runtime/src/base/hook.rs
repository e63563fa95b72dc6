//! The program's hooks: which there are, and what none of them may do.
//!
//! A hook runs while its goroutine begins to wait, or has hardly stopped: maybe with a channel's lock held, and
//! with a place in its queue. So nothing that could wait, or make another goroutine run, may be called there; who does
//! ends the process here. How hooks are called is in `proc/hooks.rs`.

use crate::base::throw::fatal;
use std::fmt;
use std::sync::OnceLock;

/// One of the hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Start,
    Park,
    Resume,
    End,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "`on_start`",
            Self::Park => "`on_park`",
            Self::Resume => "`on_resume`",
            Self::End => "`on_end`",
        })
    }
}

/// The hooks of one `run`. Called in the goroutine concerned; does not unwind.
pub(crate) type Hooks = dyn Fn(Hook) + Send + Sync;

/// Says which hook runs on this thread; set before the first can.
static RUNNING: OnceLock<fn() -> Option<Hook>> = OnceLock::new();

/// From now on there may be some. `running` says which runs on the calling thread.
pub(crate) fn expect_some(running: fn() -> Option<Hook>) {
    RUNNING.get_or_init(|| running);
}

/// Ends the process: `hook` has done what no hook may.
#[cold]
pub(crate) fn refuse(hook: Hook, what: fmt::Arguments<'_>) -> ! {
    fatal(&format!(
        "a runtime hook must not {what}; this was in {hook}"
    ))
}

/// Before a thread sleeps for a lock of a channel's or the like: in a hook it may be the hook's own goroutine that
/// holds it.
pub(crate) fn refuse_lock() {
    if let Some(running) = RUNNING.get()
        && let Some(hook) = running()
    {
        refuse(
            hook,
            format_args!("use what goroutines wait for (a channel, a lock)"),
        );
    }
}
