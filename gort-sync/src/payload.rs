//! Payloads of panics that nobody wants.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};

/// Drops a payload. If its destructor panics in turn, what that panics with is left where it is.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        let _left = ManuallyDrop::new(payload);
    }
}
