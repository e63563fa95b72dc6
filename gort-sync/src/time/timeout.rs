//! `timeout`: a function with a time limit.
//!
//! The function runs in a goroutine of its own, so that the caller can return before the function
//! does. When the function ends, its goroutine records whether the function was in time, since the
//! caller may look late.

use crate::context::{Cancel, Context};
use crate::select::{Order, Wait, macro_support, select};
use gort_runtime::{Builder, JoinError, MayWait, WaitReason, goexit, raise, try_current};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The error of [`timeout`]: the time was up before the function had ended.
///
/// ```
/// use gort::time::{Elapsed, timeout};
/// use std::time::Duration;
///
/// let result = timeout(Duration::from_millis(1), |ctx| ctx.done().recv().is_err());
/// assert_eq!(result, Err(Elapsed));
/// assert_eq!(Elapsed.to_string(), "the time was up");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up")
    }
}

impl Error for Elapsed {}

/// Records whether the function ended in time. Dropped when the function ends, by a return or an
/// unwind.
struct Deadline {
    context: Context,
    in_time: Arc<AtomicBool>,
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // Relaxed: the reader has waited for the end of this goroutine, which orders the store.
        self.in_time.store(self.context.err().is_none(), Relaxed);
    }
}

/// Cancels the context, however the call ends.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Calls `f` in a goroutine, and returns what `f` returns if that takes no longer than `limit`.
/// This is tokio's `timeout`. A Go program uses `context.WithTimeout` and a select instead.
///
/// `f` receives a [`Context`] that is done when the time is up, and in any case when `timeout`
/// returns.
///
/// **Code that does not look at its context continues to run** after `timeout` has returned: a
/// goroutine cannot be stopped from outside. The value that `f` then returns is dropped. Pass the
/// context on, and wait for it along with whatever else the code waits for.
///
/// # Errors
/// Returns [`Elapsed`] if the time was up before `f` had ended.
///
/// # Panics
/// Passes on the panic of `f` if `f` panics in time. Also panics if no goroutine can be started,
/// and on the system stack. If `f` calls [`goexit`](gort_runtime::goexit()), so does this call; on
/// a plain thread, which cannot exit in this way, it panics.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::time::timeout;
///
/// let (tx, rx) = bounded::<u32>(1);
/// let receive = move |ctx: &gort::context::Context| select! {
///     n = <-rx => n.ok(),
///     <-ctx => None,
/// };
/// tx.send(7).unwrap();
/// assert_eq!(timeout(Duration::from_secs(10), receive.clone()), Ok(Some(7)));
/// assert!(timeout(Duration::from_millis(1), receive).is_err());
/// ```
#[track_caller]
pub fn timeout<T, F>(limit: Duration, f: F) -> Result<T, Elapsed>
where
    F: FnOnce(&Context) -> T + Send + 'static,
    T: Send + 'static,
{
    let _ = MayWait::check(WaitReason::Timeout);
    let (context, cancel) = Context::background().with_timeout(limit);
    let _cancel_on_drop = CancelOnDrop(cancel);
    let in_time = Arc::new(AtomicBool::new(false));
    let deadline = Deadline {
        context: context.clone(),
        in_time: Arc::clone(&in_time),
    };
    let run = move || {
        // This is dropped last, after everything that the function owns.
        let deadline = deadline;
        f(&deadline.context)
    };
    let handle = match Builder::new().spawn(run) {
        Ok(handle) => handle,
        Err(e) => panic!("cannot start a goroutine: {e}"),
    };
    let mut ended = macro_support::recv(&handle);
    let mut done = macro_support::recv(&context);
    let chosen = select(
        [ended.enter(), done.enter()],
        Wait::InTimeout,
        Order::Biased,
    );
    drop((ended, done));
    if chosen != Some(0) {
        return Err(Elapsed);
    }
    let result = handle.join();
    if !in_time.load(Relaxed) {
        return Err(Elapsed);
    }
    match result.map_err(JoinError::try_into_panic) {
        Ok(value) => Ok(value),
        Err(Ok(payload)) => raise(payload),
        Err(Err(_exited)) if try_current().is_some() => goexit(),
        Err(Err(_exited)) => panic!("the function of `timeout` exited its goroutine"),
    }
}
