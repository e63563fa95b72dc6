//! Running a user's closure whose end, whatever it is, concerns others.

use gort_runtime::{aborts_on_panic, is_goexit, replace_panic, take_replacement};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// How a closure ended without returning.
pub(crate) enum Unwound {
    /// It called `goexit`. The payload is for `resume_unwind`.
    Exited(Box<dyn Any + Send>),
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
    /// It panicked, and the panic will end the process when it reaches the goroutine's root:
    /// nobody may go on because of it.
    Fatal(Box<dyn Any + Send>),
}

/// Calls `f` and catches what it unwinds with. What it captured is gone afterwards.
pub(crate) fn call<T>(f: impl FnOnce() -> T) -> Result<T, Unwound> {
    // What belongs to a panic that is on its way outside of `f` stays with that one.
    let outer = take_replacement().filter(|_| thread::panicking());
    let result = panic::catch_unwind(AssertUnwindSafe(f))
        // A deferred block's panic replaces the one that it interrupted.
        .map_err(|payload| take_replacement().unwrap_or(payload));
    if let Some(outer) = outer {
        replace_panic(outer);
    }
    result.map_err(|payload| {
        if is_goexit(&*payload) {
            Unwound::Exited(payload)
        } else if aborts_on_panic() {
            Unwound::Fatal(payload)
        } else {
            Unwound::Panicked(payload)
        }
    })
}

/// What a panic said, if it said something.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    match payload.downcast_ref::<&'static str>() {
        Some(message) => Some(message),
        None => payload.downcast_ref::<String>().map(String::as_str),
    }
}
