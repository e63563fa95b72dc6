//! Textbook bugs that need an unlucky schedule, each in a few lines, and mended.
//!
//! Unlike the kernels (`kernels/`) nothing forces them: run plainly, most of them pass nearly always. They fail by a panic of
//! the function, by a deadlock, or by goroutines that are left behind.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::mem_forget, reason = "Go's programs forget to unlock")]

mod channels;
mod conditions;
mod locks;
mod shared;

use gort::explore::FailureKind;

/// A bug and its mending.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What is wrong.
    pub name: &'static str,
    /// How it fails.
    pub fails_by: FailureKind,
    /// The program that has it.
    pub broken: fn(),
    /// The program that has not.
    pub mended: fn(),
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Bug> {
    [locks::BUGS, shared::BUGS, conditions::BUGS, channels::BUGS].concat()
}
