//! How a child begins: std's command, and what it does about signals.
//!
//! std leaves a child the mask of the thread that starts it, and what this process ignores. A child is to begin with nothing
//! blocked, and to ignore what this process was started with ignored, whatever gort has made of that. Neither matters in
//! most programs; then nothing is called between fork and exec, and std can start the child without copying the process.

use super::pidfd;
use std::io;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// A command, and what of it is prepared.
pub(super) struct Begin {
    pub(super) std: Command,
    ignores: bool,
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

    /// What stands for one that is being started.
    pub(super) fn nothing() -> Self {
        Self {
            std: Command::new(""),
            ignores: false,
            unblocks: false,
        }
    }

    /// Takes it, to be started elsewhere.
    pub(super) fn take(&mut self) -> Self {
        mem::replace(self, Self::nothing())
    }

    /// Adds what is to be done about signals, as far as that is known: at the beginning, so that it comes before what the user has
    /// called in the child; and again before the start.
    pub(super) fn prepare(&mut self) {
        if !self.ignores && gort_runtime::ignored_by_children() != 0 {
            self.ignores = true;
            // SAFETY: the function reads an atomic and makes system calls.
            unsafe { self.std.pre_exec(ignore_as_we_did) };
        }
        if !self.unblocks && pidfd::blocks_signals() {
            self.unblocks = true;
            // SAFETY: the function makes a system call.
            unsafe { self.std.pre_exec(pidfd::block_no_signals) };
        }
    }

    /// Starts the child on this thread.
    pub(super) fn spawn(&mut self) -> io::Result<Child> {
        self.prepare();
        self.std.spawn()
    }
}

fn ignore_as_we_did() -> io::Result<()> {
    let ignored = gort_runtime::ignored_by_children();
    for signal in (1..=64).filter(|signal| ignored & 1 << (signal - 1) != 0) {
        // SAFETY: no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    Ok(())
}
