//! Textbook bugs that need an unlucky schedule, each in a few lines, and corrected.
//!
//! Unlike the kernels (`kernels/`), they are not forced: run plainly, most of them pass nearly
//! always. They fail by a panic of the function, by a deadlock, or by goroutines that are left
//! behind.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::mem_forget, reason = "Go's programs forget to unlock")]

mod channels;
mod conditions;
mod locks;
mod shared;

use gort::explore::FailureKind;

/// A bug and its correction.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What is wrong.
    pub name: &'static str,
    /// How it fails.
    pub fails_by: FailureKind,
    /// The program that has the bug.
    pub broken: fn(),
    /// The corrected program.
    pub fixed: fn(),
}

/// Returns all bugs.
#[must_use]
pub fn all() -> Vec<Bug> {
    [locks::BUGS, shared::BUGS, conditions::BUGS, channels::BUGS].concat()
}
