//! Signals that were ignored when the process started.
//!
//! A shell script starts `server &` with SIGINT and SIGQUIT ignored, `nohup` ignores SIGHUP, and
//! some parents ignore signals by mistake. Go's rule applies: SIGHUP and SIGINT stay ignored until
//! the program asks for them, and the other signals behave as in any process. Signals that the
//! program itself ignores before the runtime starts must stay ignored. Therefore the ignored
//! signals are determined before main begins.
//!
//! Child processes ignore these signals again ([`ignored_by_children`]).

use super::bit;
use crate::os::{self, SignalAction};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The signals for which gort has names and that Go's rule resets.
const RESET: [libc::c_int; 6] = [
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCHLD,
    libc::SIGWINCH,
];

/// The subset of [`RESET`] that was ignored when the process started. (Relaxed is enough: there is
/// only one thread before main.)
static IGNORED_AT_START: AtomicU64 = AtomicU64::new(0);
/// The set of signals that were ignored and no longer are.
static NO_LONGER_IGNORED: AtomicU64 = AtomicU64::new(0);

// libc calls the functions in this section before main. It passes arguments, which this function
// does not use. The function only makes system calls and accesses atomics, which is allowed before
// main.
#[used]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static RECORD_IGNORED: extern "C" fn() = record_ignored;

extern "C" fn record_ignored() {
    for signal in RESET {
        if os::signal_action(signal).is_ignored() {
            IGNORED_AT_START.fetch_or(bit(signal), Relaxed);
        }
    }
}

/// Restores the default action of signals that were ignored when the process started and still are.
/// Called when the runtime starts.
pub(crate) fn reset_ignored() {
    for signal in RESET {
        if IGNORED_AT_START.load(Relaxed) & bit(signal) != 0
            && os::signal_action(signal).is_ignored()
        {
            NO_LONGER_IGNORED.fetch_or(bit(signal), Relaxed);
            // SAFETY: the default action has no handler.
            unsafe { os::set_signal_action(signal, SignalAction::DEFAULT) };
        }
    }
}

/// Records that the ignored `signal` is now handled, or that it is ignored again.
pub(super) fn handles_ignored(signal: libc::c_int, handled: bool) {
    if handled {
        NO_LONGER_IGNORED.fetch_or(bit(signal), Relaxed);
    } else {
        NO_LONGER_IGNORED.fetch_and(!bit(signal), Relaxed);
    }
}

/// Returns the signals that were ignored until gort changed that (signal N is bit N-1). Child
/// processes should ignore them again, so that they start as this process did.
#[must_use]
pub fn ignored_by_children() -> u64 {
    NO_LONGER_IGNORED.load(Relaxed)
}
