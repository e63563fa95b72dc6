//! `ErrGroup`: goroutines that work on parts of one task, and its first error. Go's
//! `golang.org/x/sync/errgroup`.
//!
//! A [`WaitGroup`] counts the goroutines, a [`Semaphore`] bounds them, a [`Context`] tells them
//! that one has failed; here is only what connects the three. Whatever a function does,
//! its goroutine gives back its place and counts down, in this order and after it has
//! reported, so `wait` sees every report.

use crate::caught::{self, Unwound};
use crate::context::{CancelCause, Context, ContextError};
use crate::semaphore::{Permit, Semaphore};
use crate::waitgroup::WaitGroup;
use gort_runtime::{Lock, spawn};
use std::any::Any;
use std::fmt;
use std::panic;
use std::sync::Arc;

/// Goroutines whose first error counts. Clones are the same group.
///
/// A group may be used again after [`wait`](Self::wait). Go's `errgroup.Group`.
///
/// ```
/// use gort::sync::ErrGroup;
///
/// let group = ErrGroup::new();
/// for text in ["1", "2", "three"] {
///     group.go(move || text.parse::<i32>().map(drop));
/// }
/// assert!(group.wait().is_err());
/// ```
pub struct ErrGroup<E> {
    inner: Arc<Inner<E>>,
}

struct Inner<E> {
    running: WaitGroup,
    /// The semaphore and its size.
    limit: Lock<Option<(Semaphore, usize)>>,
    failure: Lock<Failure<E>>,
    cancel: Option<OnError<E>>,
}

/// What `wait` reports.
struct Failure<E> {
    error: Option<E>,
    panic: Option<Box<dyn Any + Send>>,
}

/// Cancels the group's context.
struct OnError<E> {
    cancel: CancelCause,
    /// An error in words. A cause must be shared with everybody, but the error is `wait`'s.
    describe: fn(&E) -> String,
}

impl<E> ErrGroup<E> {
    /// A group without a limit and without a context.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// A group, and a context that derives from `parent` and is cancelled by the first function that
    /// fails (or panics), at the latest when [`wait`](Self::wait) returns. Its
    /// [`cause`](Context::cause) says what the error says. Go's `errgroup.WithContext`.
    ///
    /// ```
    /// use gort::context::Context;
    /// use gort::sync::ErrGroup;
    ///
    /// let (group, ctx) = ErrGroup::with_context(&Context::background());
    /// group.go(|| Err("no route to host"));
    /// group.go(move || {
    ///     // … and the others need not go on.
    ///     ctx.done().recv().unwrap_err();
    ///     Ok(())
    /// });
    /// assert_eq!(group.wait(), Err("no route to host"));
    /// ```
    #[must_use]
    pub fn with_context(parent: &Context) -> (Self, Context)
    where
        E: fmt::Display,
    {
        let (context, cancel) = parent.with_cancel_cause();
        let on_error = OnError {
            cancel,
            describe: E::to_string,
        };
        (Self::with(Some(on_error)), context)
    }

    fn with(cancel: Option<OnError<E>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                running: WaitGroup::new(),
                limit: Lock::new(None),
                failure: Lock::new(Failure {
                    error: None,
                    panic: None,
                }),
                cancel,
            }),
        }
    }

    /// From now on at most `n` of the group's goroutines run at a time; with 0, none can be
    /// started. Go's `SetLimit`.
    ///
    /// # Panics
    /// If there was a limit and goroutines that it counts are running.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::ErrGroup;
    ///
    /// let group = ErrGroup::<String>::new();
    /// group.set_limit(1);
    /// let (tx, rx) = bounded::<()>(0);
    /// group.go(move || { rx.iter().count(); Ok(()) });
    /// assert!(!group.try_go(|| Ok(())), "one is running");
    /// drop(tx);
    /// assert_eq!(group.wait(), Ok(()));
    /// ```
    #[track_caller]
    pub fn set_limit(&self, n: usize) {
        let new = Semaphore::new(n.min(Semaphore::MAX_PERMITS));
        let mut limit = self.inner.limit.lock();
        let active = limit
            .as_ref()
            .map_or(0, |(places, size)| size - places.available_permits());
        let old = if active == 0 {
            limit.replace((new, n.min(Semaphore::MAX_PERMITS)))
        } else {
            None
        };
        drop(limit);
        drop(old);
        assert!(
            active == 0,
            "errgroup: the limit was changed while {active} goroutines of the group are running"
        );
    }

    fn places(&self) -> Option<Semaphore> {
        let limit = self.inner.limit.lock();
        limit.as_ref().map(|(places, _)| places.clone())
    }

    /// Waits until no goroutine of the group is running, and gives the first error since the last
    /// `wait`. Then the group's context, if it has one, is cancelled. Go's `Wait`.
    ///
    /// # Errors
    /// The first error that a function returned. It is given once: if several wait, to one
    /// of them.
    ///
    /// # Panics
    /// If a function panicked, with the first such panic's payload (once, like an error). The
    /// panic hook has printed it when it happened. A function that called `goexit` has ended,
    /// no more.
    #[track_caller]
    pub fn wait(&self) -> Result<(), E> {
        self.inner.running.wait();
        if let Some(on_error) = &self.inner.cancel {
            on_error.cancel.cancel(ContextError::Canceled);
        }
        let (panicked, error) = {
            let mut failure = self.inner.failure.lock();
            (failure.panic.take(), failure.error.take())
        };
        if let Some(payload) = panicked {
            panic::resume_unwind(payload);
        }
        error.map_or(Ok(()), Err)
    }
}

impl<E: Send + 'static> ErrGroup<E> {
    /// Runs `f` in a goroutine of the group, waiting for a place first if there is a limit. Go's
    /// `Go`.
    ///
    /// # Panics
    /// If no stack can be had from the system.
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let place = self.places().map(|places| places.acquire(1));
        self.start(place, f);
    }

    /// Runs `f` in a goroutine of the group if the limit allows one more now; otherwise drops
    /// it and answers false. Go's `TryGo`.
    ///
    /// # Panics
    /// If no stack can be had from the system.
    #[track_caller]
    pub fn try_go<F>(&self, f: F) -> bool
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let place = match self.places().map(|places| places.try_acquire(1)) {
            None => None,
            Some(Ok(place)) => Some(place),
            Some(Err(_)) => return false,
        };
        self.start(place, f);
        true
    }

    #[track_caller]
    fn start<F>(&self, place: Option<Permit>, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        self.inner.running.add(1);
        let member = Member {
            group: Arc::clone(&self.inner),
            place,
            stays: false,
        };
        drop(spawn(move || member.run(f)));
    }
}

/// A goroutine's membership: while it exists the group waits.
struct Member<E> {
    group: Arc<Inner<E>>,
    place: Option<Permit>,
    /// Never counted down: the process is about to end.
    stays: bool,
}

impl<E> Member<E> {
    fn run(mut self, f: impl FnOnce() -> Result<(), E>) {
        match caught::call(f) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.group.fail(error),
            Err(Unwound::Panicked(payload)) => self.group.panicked(payload),
            Err(Unwound::Exited(payload)) => panic::resume_unwind(payload),
            Err(Unwound::Fatal(payload)) => {
                self.stays = true;
                panic::resume_unwind(payload)
            }
        }
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        if !self.stays {
            drop(self.place.take());
            self.group.running.done();
        }
    }
}

impl<E> Inner<E> {
    fn fail(&self, error: E) {
        let cause = self
            .cancel
            .as_ref()
            .map(|on_error| (on_error.describe)(&error));
        let late = {
            let mut failure = self.failure.lock();
            match failure.error {
                None => failure.error.replace(error),
                Some(_) => Some(error),
            }
        };
        if late.is_none() {
            self.cancel_because(cause);
        }
        // Its destructor runs here, without the lock.
        drop(late);
    }

    fn panicked(&self, payload: Box<dyn Any + Send>) {
        let message = caught::message(&*payload).unwrap_or("no message");
        let cause = format!("a goroutine of the group panicked: {message}");
        let late = {
            let mut failure = self.failure.lock();
            match failure.panic {
                None => failure.panic.replace(payload),
                Some(_) => Some(payload),
            }
        };
        if late.is_none() {
            self.cancel_because(Some(cause));
        }
        drop(late);
    }

    /// Cancels the group's context, if it has one; by the first to fail.
    fn cancel_because(&self, cause: Option<String>) {
        if let (Some(on_error), Some(cause)) = (&self.cancel, cause) {
            on_error.cancel.cancel(cause);
        }
    }
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<E> Default for ErrGroup<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrGroup")
            .field("running", &self.inner.running)
            .finish_non_exhaustive()
    }
}
