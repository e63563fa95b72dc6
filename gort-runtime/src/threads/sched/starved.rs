//! Goroutines that wait for a stack: there are none, because a started goroutine has its thread.

use crate::proc::p::P;

/// Returns `false`: no goroutine waits for a stack.
pub(crate) fn is_any() -> bool {
    false
}

/// Does nothing: no goroutine waits for a stack.
pub(crate) fn feed(_: Option<&P>) {}
