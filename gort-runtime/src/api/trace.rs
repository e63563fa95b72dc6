//! Traces that a program writes of itself.
//!
//! A trace shows on a time line what each goroutine does: when it runs and on which P, what it waits for and in which
//! line, and who wakes it. The file is one for <https://ui.perfetto.dev>, which opens it as it is ("Open
//! trace file"; nothing is uploaded).
//!
//! [`start`] and [`stop`] say which part of a program is traced. Or the whole of it is, without a change:
//! `GORT_TRACE=trace.pftrace ./program`. The guide's chapter [`tracing`] says what to look at.
//!
//! The file is complete when `stop` has returned, and after every orderly end of the process: `main` returns or
//! panics, or `std::process::exit`. If the process is killed the file can be opened and has everything up to the last
//! hundredth of a second.
//!
//! An event costs some 20 ns while a trace is written. Where more happens than can be written, events are lost
//! rather than the program delayed; the track `trace` says how many.
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

/// Begins a trace, and writes it to a new file at `path` until [`stop`] is called or the process ends.
///
/// Goroutines that wait already are in the trace from its beginning, each with its reason and source line.
///
/// # Errors
/// If a trace is being written already, which goes on; if the file cannot be created; and of kind
/// [`Unsupported`](io::ErrorKind::Unsupported) where goroutines are threads.
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
    // A goroutine's stack may be small, and starting the writer's thread wants room.
    on_system_stack(|| session::start(path.as_ref()))
}

/// Ends the trace. The file is complete when this returns.
///
/// Slices that are open end here: the caller's own run, and regions.
///
/// # Errors
/// If no trace is being written; and if the file could not be written, for example because the disk is full. The trace has
/// ended in that case too.
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

/// Begins a region: a slice with this name on the track of the calling goroutine, until the value is dropped.
///
/// Regions nest, and follow their goroutine wherever it runs. Without a trace, and on a plain thread, this does nothing.
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
        until_told(|m, g| record::enters(m, g, name))
    } else {
        None
    };
    Region {
        begun,
        _not_send: PhantomData,
    }
}

/// A region of a trace. It ends when this is dropped, in the goroutine that began it.
///
/// ```
/// let region = gort::runtime::trace::region("parse");
/// drop(region);
/// ```
#[derive(Debug)]
#[must_use = "the region ends when the value is dropped: bind it to a name like `_region`"]
pub struct Region {
    /// What the trace knows of its beginning.
    begun: Option<Begun>,
    /// Belongs to its goroutine.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(begun) = self.begun {
            until_told(|m, g| record::leaves(m, g, begun));
        }
    }
}

/// How often a goroutine tries to tell of a region, a millisecond apart, where the ring is full.
const TRIES: u32 = 100;

/// Has the calling goroutine tell of a region. If there is no room for that it waits for the writer: a region whose end was
/// lost would seem to go on.
#[cold]
fn until_told(tell: impl Fn(&M, &G) -> Option<Begun>) -> Option<Begun> {
    for _ in 0..TRIES {
        let (Some(gp), Some(inside)) = (tls::goroutine(), Inside::enter()) else {
            return None;
        };
        // SAFETY: a G for ever (`record/mod.rs`, promise 1); its code runs here, so this thread owns it.
        let told = tell(inside.m(), unsafe { gp.as_ref() });
        inside.finish();
        if told.is_some() || gate::trace().is_none() {
            return told;
        }
        session::hurry();
        os::nap(Duration::from_millis(1));
    }
    None
}
