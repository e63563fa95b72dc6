//! `recover`, by which users catch a panic.

use crate::panics::panicking::{exit_again, exits, is_goexit, must_exit};
use crate::panics::unwind::{catch, discard, raise};
use std::any::Any;

/// Runs `f` and catches its panic. [`goexit`](crate::goexit()) passes through. This is Go's
/// deferred `recover`.
///
/// If a `defer!` block panicked while `f` unwound, `recover` returns the payload of that panic. If
/// `f` was exiting at that time, the goroutine continues to exit: a panic does not revoke `goexit`.
///
/// # Errors
/// Returns the payload if `f` panicked.
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

/// Returns the payload that `recover` has caught, unless the goroutine exits. In that case,
/// continues the exit. A panic may have replaced the exit's payload. `before` is how many times the
/// goroutine had called `goexit` before `recover` ran.
///
/// If the goroutine was already exiting when `recover` was called (in a destructor or a deferred
/// block), that exit continues by itself.
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
