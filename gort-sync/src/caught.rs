//! Runs a user's closure when other goroutines depend on how it ends.

use gort_runtime::{aborts_on_panic, catch, is_goexit};
use std::any::Any;

/// How a closure ended without returning.
pub(crate) enum Unwound {
    /// It called `goexit`. The payload is for `raise`.
    Exited(Box<dyn Any + Send>),
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
    /// It panicked, and the panic will end the process if it reaches the goroutine's root
    /// (`aborts_on_panic`). If nothing can catch the panic before that, the goroutines that wait
    /// for the closure must not be woken.
    Fatal(Box<dyn Any + Send>),
}

/// Calls `f` and catches what it unwinds with. When this returns, everything that `f` captured has
/// been dropped.
pub(crate) fn call<T>(f: impl FnOnce() -> T) -> Result<T, Unwound> {
    catch(f).map_err(|payload| {
        if is_goexit(&*payload) {
            Unwound::Exited(payload)
        } else if aborts_on_panic() {
            Unwound::Fatal(payload)
        } else {
            Unwound::Panicked(payload)
        }
    })
}

/// Returns the message of a panic, if it has one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    match payload.downcast_ref::<&'static str>() {
        Some(message) => Some(message),
        None => payload.downcast_ref::<String>().map(String::as_str),
    }
}
