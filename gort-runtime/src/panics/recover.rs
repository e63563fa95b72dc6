//! `recover`: for users, to catch a panic.

use crate::panics::panicking::{exit_again, exits, is_goexit, must_exit};
use crate::panics::unwind::{catch, discard, raise};
use std::any::Any;

/// Runs `f` and catches its panic; [`goexit`](crate::goexit()) passes through. Go's deferred
/// `recover`.
///
/// If a `defer!` block panicked while `f` unwound, its payload is the one that is caught. If
/// `f` was exiting meanwhile, the goroutine goes on exiting: a panic does not take `goexit` back.
///
/// # Errors
/// The payload, if `f` panicked.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::recover;
///
/// let handler = |request: &str| request.parse::<i32>().expect("a number");
/// let served = go!(move || {
///     let mut failed = 0;
///     for request in ["1", "two", "3"] {
///         failed += i32::from(recover(|| handler(request)).is_err());
///     }
///     failed
/// });
/// assert_eq!(served.join().unwrap(), 1);
/// ```
pub fn recover<T>(f: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    let before = exits();
    catch(f).map_err(|payload| unless_exiting(payload, before))
}

/// Gives the payload of what `recover` has caught, unless that was the goroutine's exit, perhaps
/// replaced by a panic; `before` is how often the goroutine had called `goexit` before.
///
/// An exit from before, inside of whose unwinding this `recover` stands, goes on by itself.
#[cold]
fn unless_exiting(payload: Box<dyn Any + Send>, before: u32) -> Box<dyn Any + Send> {
    if is_goexit(&*payload) {
        raise(payload)
    }
    if exits() != before || must_exit() {
        discard(payload);
        exit_again()
    }
    payload
}
