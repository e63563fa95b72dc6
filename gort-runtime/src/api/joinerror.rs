//! `JoinError`: why a goroutine has no result.

use crate::panics::unwind;
use std::any::Any;
use std::fmt;

/// Why [`JoinHandle::join`](crate::JoinHandle::join) has no result: the goroutine panicked, or it
/// called [`goexit`](crate::goexit()). Like tokio's `JoinError`; Go has neither join handles nor
/// such an error.
///
/// Its `Display` shows the panic's message, if the payload is text. `?` converts it in functions
/// that return `Box<dyn Error + Send + Sync>` or anyhow's `Result`. A payload that is not taken is
/// dropped with the error. If the payload's destructor panics, the panic hook reports that, and the
/// panic is not passed on.
///
/// ```
/// use gort::prelude::*;
/// use std::error::Error;
///
/// fn half(n: i32) -> Result<i32, Box<dyn Error + Send + Sync>> {
///     let half = go!(move || if n % 2 == 0 { n / 2 } else { panic!("{n} is odd") });
///     Ok(half.join()?)
/// }
///
/// assert_eq!(half(4).unwrap(), 2);
/// assert_eq!(half(5).unwrap_err().to_string(), "the goroutine panicked: 5 is odd");
///
/// let exited = go!(|| goexit()).join().unwrap_err();
/// assert_eq!(exited.to_string(), "the goroutine called `goexit`");
/// ```
pub struct JoinError {
    /// The payload of the panic; `None` if the goroutine exited.
    payload: Option<Box<dyn Any + Send>>,
}

// SAFETY: a shared reference allows two uses of the payload. `Any`, whose only implementation is
// std's, returns the payload's type. And our methods read the payload if it is a `&str` or a
// `String`, which are `Sync`.
unsafe impl Sync for JoinError {}

impl JoinError {
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self {
            payload: Some(payload),
        }
    }

    pub(crate) fn exited() -> Self {
        Self { payload: None }
    }

    /// Returns `true` if the goroutine panicked.
    ///
    /// ```
    /// let error = gort::spawn(|| panic!("no")).join().unwrap_err();
    /// assert!(error.is_panic() && !error.is_exited());
    /// ```
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.payload.is_some()
    }

    /// Returns `true` if the goroutine called [`goexit`](crate::goexit()).
    ///
    /// ```
    /// let error = gort::spawn(|| gort::goexit()).join().unwrap_err();
    /// assert!(error.is_exited() && !error.is_panic());
    /// ```
    #[must_use]
    pub fn is_exited(&self) -> bool {
        self.payload.is_none()
    }

    /// Returns the payload of the panic, for [`resume_unwind`](std::panic::resume_unwind) or a
    /// `downcast`.
    ///
    /// # Panics
    /// Panics if the goroutine did not panic but called [`goexit`](crate::goexit()).
    ///
    /// ```
    /// use std::panic::panic_any;
    ///
    /// let error = gort::spawn(|| panic_any(7)).join().unwrap_err();
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&7));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(_) => panic!(
                "`into_panic` of a goroutine that did not panic but called `goexit`; check `is_panic` first"
            ),
        }
    }

    /// Returns the payload of the panic.
    ///
    /// # Errors
    /// Returns the error itself, if the goroutine did not panic but called
    /// [`goexit`](crate::goexit()).
    ///
    /// ```
    /// use std::panic::resume_unwind;
    ///
    /// fn result_or_default(handle: gort::JoinHandle<i32>) -> i32 {
    ///     handle.join().unwrap_or_else(|error| match error.try_into_panic() {
    ///         Ok(payload) => resume_unwind(payload),
    ///         Err(_exited) => 0,
    ///     })
    /// }
    ///
    /// assert_eq!(result_or_default(gort::spawn(|| 1)), 1);
    /// assert_eq!(result_or_default(gort::spawn(|| gort::goexit())), 0);
    /// ```
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send>, Self> {
        self.payload.take().ok_or(self)
    }

    /// Returns the payload if it is text.
    fn message(&self) -> Option<&str> {
        let payload = self.payload.as_deref()?;
        payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }
}

impl Drop for JoinError {
    fn drop(&mut self) {
        if let Some(payload) = self.payload.take() {
            unwind::discard(payload);
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_panic(), self.message()) {
            (true, Some(message)) => f.debug_tuple("Panicked").field(&message).finish(),
            (true, None) => f.write_str("Panicked(..)"),
            (false, _) => f.write_str("Exited"),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_panic(), self.message()) {
            (true, Some(message)) => write!(f, "the goroutine panicked: {message}"),
            (true, None) => f.write_str("the goroutine panicked with a value that is not text"),
            (false, _) => f.write_str("the goroutine called `goexit`"),
        }
    }
}

impl std::error::Error for JoinError {}
