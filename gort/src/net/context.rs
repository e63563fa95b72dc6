//! Gives up connecting a socket when a context is done.

use crate::context::{Context, ContextError};
use crate::io::source::Source;
use gort_runtime::Nanos;
use gort_runtime::real::nanos_of;
use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

/// The error of an operation whose context is done.
#[derive(Debug)]
struct Ended(ContextError);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect: {}", self.0)
    }
}

impl Error for Ended {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Returns an error if the context is done.
pub(super) fn check(ctx: &Context) -> io::Result<()> {
    match ctx.err() {
        None => Ok(()),
        Some(why) => {
            let kind = match why {
                ContextError::DeadlineExceeded => io::ErrorKind::TimedOut,
                ContextError::Canceled => io::ErrorKind::Other,
            };
            Err(io::Error::new(kind, Ended(why)))
        }
    }
}

/// Returns the context's deadline on the runtime's clock.
pub(super) fn limit(ctx: &Context) -> Option<Nanos> {
    ctx.deadline().map(nanos_of)
}

/// Calls `connect`, which waits for `source`. When the context is done, `source` is closed, which
/// wakes `connect`.
pub(super) fn closing<T: AsFd + Send + Sync + 'static>(
    ctx: &Context,
    source: &Arc<Source<T>>,
    connect: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let closes = Arc::clone(source);
    let after = ctx.after_func(move || closes.close());
    let result = connect();
    if after.stop() {
        // The context has not closed the socket. `connect` may have failed because the context's
        // deadline has passed, which is also the time limit of `connect`.
        return result.or_else(|e| check(ctx).and(Err(e)));
    }
    // The context is done: the socket is closed, or about to be.
    check(ctx).and(result)
}
