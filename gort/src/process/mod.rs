//! Child processes: std's `process`, for goroutines. Go's `os/exec`.
//!
//! [`Command`] describes what to start, and [`Child`] is the started process. Operations that wait
//! park the goroutine. To wait for a child's end they use a pidfd, not a thread. The child's pipes
//! are [`Pollable`](crate::io::Pollable)s, with deadlines. Everything also works on plain threads,
//! where it blocks the thread.
//!
//! # Examples
//! Ten children at the same time:
//!
//! ```
//! use gort::prelude::*;
//! use gort::process::Command;
//!
//! let started: Vec<_> = (0..10)
//!     .map(|n| go!(move || Command::new("expr").args([&n.to_string(), "*", "2"]).output()))
//!     .collect();
//! for (n, child) in started.into_iter().enumerate() {
//!     let output = child.join().unwrap()?;
//!     assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), (2 * n).to_string());
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What differs from std
//! - [`Child::wait_timeout`], and [`Command::kill_on_drop`].
//! - A child whose handle is dropped is reaped when it ends: it leaves no zombie.
//! - The pipes of a child are [`ChildStdin`], [`ChildStdout`] and [`ChildStderr`], which are
//!   `Pollable`s.
//! - Children are started by a thread that lives as long as the process, and with no signal blocked
//!   (see [`Command`]).

mod begin;
mod child;
mod command;
mod pidfd;
mod starter;

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout};
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio};
