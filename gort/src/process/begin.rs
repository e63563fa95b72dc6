//! The state in which a child starts: std's command, and the child's signals.
//!
//! With std, a child inherits the signal mask of the thread that starts it, and the signals that
//! this process ignores. Here a child must start with no signal blocked, and must ignore exactly
//! the signals that were ignored when this process was started, even if gort has changed them
//! since. In most programs the signal mask and the ignored signals are right as they are. Then
//! nothing runs between fork and exec, and std can start the child without copying the process.

use super::pidfd;
use std::io;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// A command, and which `pre_exec` functions it has already.
pub(super) struct Begin {
    pub(super) std: Command,
    /// Whether `ignore_signals` has been added.
    ignores: bool,
    /// Whether `pidfd::unblock_all_signals` has been added.
    unblocks: bool,
}

impl Begin {
    pub(super) fn new(std: Command) -> Self {
        let mut begin = Self {
            std,
            ignores: false,
            unblocks: false,
        };
        begin.prepare();
        begin
    }

    /// The placeholder for a command that has been taken.
    pub(super) fn nothing() -> Self {
        Self {
            std: Command::new(""),
            ignores: false,
            unblocks: false,
        }
    }

    /// Takes the command, and leaves a placeholder.
    pub(super) fn take(&mut self) -> Self {
        mem::replace(self, Self::nothing())
    }

    /// Adds the `pre_exec` functions for signals that are needed at this point. Called when the
    /// command is created, so that they run before the user's functions, and again before the child
    /// is started.
    pub(super) fn prepare(&mut self) {
        if !self.ignores && gort_runtime::ignored_by_children() != 0 {
            self.ignores = true;
            // SAFETY: the function only reads an atomic and makes system calls.
            unsafe { self.std.pre_exec(ignore_signals) };
        }
        if !self.unblocks && pidfd::blocks_signals() {
            self.unblocks = true;
            // SAFETY: the function only makes a system call.
            unsafe { self.std.pre_exec(pidfd::unblock_all_signals) };
        }
    }

    /// Starts the child on this thread.
    pub(super) fn spawn(&mut self) -> io::Result<Child> {
        self.prepare();
        self.std.spawn()
    }
}

/// Ignores the signals that were ignored when this process was started. Called in the child.
fn ignore_signals() -> io::Result<()> {
    let ignored = gort_runtime::ignored_by_children();
    for signal in (1..=64).filter(|signal| ignored & 1 << (signal - 1) != 0) {
        // SAFETY: `SIG_IGN` installs no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    Ok(())
}
