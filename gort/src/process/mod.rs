//! Child processes: std's `process`, for goroutines. Go's `os/exec`.
//!
//! [`Command`] says what to start, [`Child`] is what was started. Whatever waits parks the goroutine: for a child's end, by a descriptor
//! of the kernel's and not by a thread; for what it writes and reads, by pipes that are [`Pollable`](crate::io::Pollable)s, with
//! deadlines. Everything also works on plain threads, which it blocks.
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
//! - A child that is dropped is collected when it has ended: it leaves no zombie.
//! - The pipes of a child are [`ChildStdin`], [`ChildStdout`] and [`ChildStderr`], which are `Pollable`s.
//! - A child is started by a thread that lives as long as the process ([`Command`]).

mod begin;
mod child;
mod command;
mod pidfd;
mod starter;

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout};
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio};
