//! Borrowing a watched value.

use super::value::Watched;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;

/// A borrow of the value. While it is held, sends wait, but there may be other borrows.
///
/// ```
/// use gort::sync::watch;
///
/// let (tx, _rx) = watch::channel(String::from("one"));
/// let value: watch::Ref<'_, String> = tx.borrow();
/// assert_eq!(value.len(), tx.borrow().len());
/// ```
#[must_use = "sends wait while it is held"]
pub struct Ref<'a, T> {
    watched: &'a Watched<T>,
}

impl<'a, T> Ref<'a, T> {
    /// Waits until no sender is changing the value.
    pub(super) fn new(watched: &'a Watched<T>, site: &'static Location<'static>) -> Self {
        watched.begin_reading(site);
        Self { watched }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` had us counted as a reader until we are dropped, so the value is not
        // changed. The reference ends with the borrow of `self`.
        self.watched.value().with(|value| unsafe { &*value })
    }
}

impl<T> Drop for Ref<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `new` had us counted as a reader. We no longer read: every reference borrowed
        // from us has ended.
        unsafe { self.watched.done_reading() };
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
