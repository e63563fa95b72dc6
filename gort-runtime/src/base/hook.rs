//! The program's hooks: which exist, and what none of them may do.
//!
//! A hook runs while its goroutine begins to wait, or has just stopped waiting. The goroutine may
//! hold a channel's lock at that moment and have an entry in the channel's queue. A hook must
//! therefore not do anything that could wait or make another goroutine runnable; if it does, the
//! functions in this file end the process. `proc/hooks.rs` calls the hooks.

use crate::base::throw::fatal;
use std::fmt;
use std::sync::OnceLock;

/// Identifies one of the hooks.
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

/// The hooks of one `run`, as one function. It calls the hook that its argument names, in the
/// goroutine concerned, and does not unwind.
pub(crate) type Hooks = dyn Fn(Hook) + Send + Sync;

/// A function that returns which hook runs on the calling thread. Set before the first hook can
/// run.
static RUNNING: OnceLock<fn() -> Option<Hook>> = OnceLock::new();

/// Announces that hooks may exist from now on. `running` returns the hook that runs on the calling
/// thread.
pub(crate) fn expect_some(running: fn() -> Option<Hook>) {
    RUNNING.get_or_init(|| running);
}

/// Ends the process because `hook` has done what no hook may do.
#[cold]
pub(crate) fn refuse(hook: Hook, what: fmt::Arguments<'_>) -> ! {
    fatal(&format!(
        "a runtime hook must not {what}; this was in {hook}"
    ))
}

/// Ends the process if a hook runs on this thread. Called before a thread sleeps for a lock such as
/// a channel's: in a hook, the hook's own goroutine may be the lock's holder.
pub(crate) fn refuse_lock() {
    if let Some(running) = RUNNING.get()
        && let Some(hook) = running()
    {
        refuse(
            hook,
            format_args!("use a channel, a lock or anything else that goroutines wait for"),
        );
    }
}
