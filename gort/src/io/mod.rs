//! Waiting for descriptors of any kind: pipes, eventfds, timers, terminals, what a C library gives; and for the
//! standard streams.
//!
//! [`Pollable`] parks the goroutine until its descriptor can be read or written. The sockets of
//! [`net`](crate::net) stand on the same ground, and have the operations ready-made.
//! [`stdin`], [`stdout`] and [`stderr`] are std's, but park who waits.
//!
//! ```
//! use gort::io::Pollable;
//! use gort::prelude::*;
//! use std::io::{Read, Write};
//!
//! let (reader, mut writer) = std::io::pipe()?;
//! let mut reader = Pollable::new(reader)?;
//! let said = go!(move || {
//!     let mut text = String::new();
//!     reader.read_to_string(&mut text).map(|_| text)
//! });
//! writer.write_all(b"from far away")?;
//! drop(writer);
//! assert_eq!(said.join().unwrap()?, "from far away");
//! # Ok::<(), std::io::Error>(())
//! ```

mod mode;
mod output;
mod pollable;
pub(crate) mod source;
mod standard;
mod stdin;

pub use output::{Stderr, StderrLock, Stdout, StdoutLock, stderr, stdout};
pub use pollable::{Interest, Pollable};
pub use stdin::{Stdin, StdinLock, stdin};
