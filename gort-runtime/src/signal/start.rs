//! What was ignored when the process started.
//!
//! A shell starts `server &` in a script with SIGINT and SIGQUIT ignored, `nohup` ignores SIGHUP, and others have ignored
//! signals by mistake. Go's rule: SIGHUP and SIGINT stay ignored, until the program asks for them; the others are as in
//! any process. What the program itself ignores before the runtime starts is no business of ours, so the kernel is asked
//! before main begins.
//!
//! A child that is to be started as this process was ignores them again ([`ignored_by_children`]).

use super::bit;
use crate::os::{self, SignalAction};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Those which Go's rule is about, of the signals that gort has names for.
const RESET: [libc::c_int; 6] = [
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCHLD,
    libc::SIGWINCH,
];

/// What of [`RESET`] was ignored when the process started. (No order is needed with what follows on the only thread
/// that there is.)
static IGNORED_FIRST: AtomicU64 = AtomicU64::new(0);
/// What was ignored, and is not any more.
static NO_MORE: AtomicU64 = AtomicU64::new(0);

// libc calls the functions in this section before main, with arguments that this one does not look at; it makes
// system calls and touches atomics.
#[used]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for signal in RESET {
        if os::signal_action(signal).is_ignored() {
            IGNORED_FIRST.fetch_or(bit(signal), Relaxed);
        }
    }
}

/// The runtime starts: what was ignored when the process was started, and still is, is not any more.
pub(crate) fn reset_ignored() {
    for signal in RESET {
        if IGNORED_FIRST.load(Relaxed) & bit(signal) != 0 && os::signal_action(signal).is_ignored()
        {
            NO_MORE.fetch_or(bit(signal), Relaxed);
            // SAFETY: no handler.
            unsafe { os::set_signal_action(signal, SignalAction::DEFAULT) };
        }
    }
}

/// `signal` is handled instead of being ignored, or is ignored again.
pub(super) fn handles_ignored(signal: libc::c_int, handled: bool) {
    if handled {
        NO_MORE.fetch_or(bit(signal), Relaxed);
    } else {
        NO_MORE.fetch_and(!bit(signal), Relaxed);
    }
}

/// The signals that were ignored until gort has changed that, signal N as bit N-1. A child process ignores them again, to be
/// started as this one was.
#[must_use]
pub fn ignored_by_children() -> u64 {
    NO_MORE.load(Relaxed)
}
