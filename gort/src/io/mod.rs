//! Waits for descriptors of any kind (pipes, eventfds, timers, terminals, descriptors from a C
//! library) and for the standard streams.
//!
//! [`Pollable`] parks the goroutine until its descriptor can be read or written. The sockets of
//! [`net`](crate::net) use the same machinery, and offer ready-made operations. [`stdin`],
//! [`stdout`] and [`stderr`] are like std's, but park the goroutine that waits.
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
