//! Traces that a program writes of its own goroutines.
//!
//! A trace shows on a time line what each goroutine does: when it runs and on which P, what it
//! waits for and in which source line, and what wakes it. The viewer at <https://ui.perfetto.dev>
//! opens the file as it is ("Open trace file"). Nothing is uploaded.
//!
//! [`start`] and [`stop`] delimit the part of a program that is traced. To trace a whole program
//! without changing it, run it with `GORT_TRACE=trace.pftrace ./program`. The guide's chapter
//! [`tracing`] says what to look for in a trace.
//!
//! The file is complete when `stop` has returned, and after every orderly end of the process: when
//! `main` returns or panics, and after `std::process::exit`. If the process is killed, the viewer
//! can still open the file, which has everything up to the last hundredth of a second.
//!
//! An event costs 5 to 10 ns while a trace is written, and the trace takes 32 MiB of memory. If
//! more happens than can be written, events are lost and the program is not delayed. The track
//! `trace` says how many were lost.
//!
//! [`tracing`]: https://docs.rs/gort/latest/gort/guide/tracing/

use crate::api::start::ensure_started;
use crate::api::system_stack::on_system_stack;
use crate::os;
use crate::perfetto::session;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use crate::sched::inside::Inside;
use crate::traced::gate;
use crate::traced::record::{self, Begun};
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

/// Starts a trace and writes it to a new file at `path` until [`stop`] is called or the process
/// ends.
///
/// The trace includes goroutines that already wait at this moment, each with its reason and source
/// line.
///
/// # Errors
/// Returns an error if a trace is already being written (that trace continues), if the file cannot
/// be created, and, with the kind [`Unsupported`](io::ErrorKind::Unsupported), if goroutines are
/// threads.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::runtime::trace;
///
/// let file = std::env::temp_dir().join(format!("doc-{}.pftrace", std::process::id()));
/// trace::start(&file)?;
/// let squares: Vec<_> = (0..10).map(|n| go!(move || n * n)).collect();
/// for square in squares {
///     square.join().unwrap();
/// }
/// trace::stop()?;
/// assert!(std::fs::metadata(&file)?.len() > 0);
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn start(path: impl AsRef<Path>) -> io::Result<()> {
    ensure_started();
    // Starting the writer thread needs more stack than a goroutine may have.
    on_system_stack(|| session::start(path.as_ref()))
}

/// Stops the trace. The file is complete when this function returns.
///
/// Ends all slices that are still open, such as the caller's own run and regions.
///
/// # Errors
/// Returns an error if no trace is being written, and if the file could not be written, for example
/// because the disk is full. In the second case the trace has ended too.
///
/// # Examples
/// ```
/// use gort::runtime::trace;
///
/// assert!(trace::stop().is_err());
/// ```
pub fn stop() -> io::Result<()> {
    on_system_stack(session::stop)
}

/// Begins a region: a slice called `name` on the track of the calling goroutine. The region ends
/// when the returned value is dropped.
///
/// Regions nest. A region follows its goroutine from thread to thread. On a plain thread, or if no
/// trace is being written, this function does nothing.
///
/// # Examples
/// ```
/// use gort::runtime::trace;
///
/// fn answer(request: &str) -> usize {
///     let words: Vec<_> = {
///         let _region = trace::region("parse");
///         request.split(' ').collect()
///     };
///     let _region = trace::region("answer");
///     words.len()
/// }
/// assert_eq!(answer("GET / HTTP/1.1"), 3);
/// ```
#[must_use = "the region ends when the value is dropped: bind it to a name like `_region`"]
pub fn region(name: &str) -> Region {
    let begun = if gate::trace().is_some() {
        retry_while_full(|m, g| record::enters(m, g, name))
    } else {
        None
    };
    Region {
        begun,
        _not_send: PhantomData,
    }
}

/// A region of a trace, created by [`region`]. Dropping it ends the region, in the goroutine that
/// began it.
///
/// ```
/// let region = gort::runtime::trace::region("parse");
/// drop(region);
/// ```
#[derive(Debug)]
#[must_use = "the region ends when the value is dropped: bind it to a name like `_region`"]
pub struct Region {
    /// The recorded beginning of the region, or `None` if it was not recorded.
    begun: Option<Begun>,
    /// Makes the region `!Send`, so that it stays in the goroutine that began it.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(begun) = self.begun {
            retry_while_full(|m, g| record::leaves(m, g, begun));
        }
    }
}

/// Maximum number of attempts to record a region while there is no room. They are a millisecond
/// apart.
const MAX_TRIES: u32 = 100;

/// Calls `record_event`, which records the beginning or the end of a region of the calling
/// goroutine. While there is no room, waits for the writer and calls `record_event` again: if the
/// end were lost, the region would seem to continue.
#[cold]
fn retry_while_full(record_event: impl Fn(&M, &G) -> Option<Begun>) -> Option<Begun> {
    for _ in 0..MAX_TRIES {
        let (Some(gp), Some(inside)) = (tls::goroutine(), Inside::enter()) else {
            return None;
        };
        // SAFETY: the memory stays a G for ever (`record/mod.rs`, promise 1). The goroutine's code
        // runs here, so this thread owns it.
        let recorded = record_event(inside.m(), unsafe { gp.as_ref() });
        inside.finish();
        if recorded.is_some() || gate::trace().is_none() {
            return recorded;
        }
        session::wake_writer();
        os::nap(Duration::from_millis(1));
    }
    None
}
