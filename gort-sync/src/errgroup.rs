//! `ErrGroup`: goroutines that work on parts of one task, and the first error among them. Go's
//! `golang.org/x/sync/errgroup`.
//!
//! A [`WaitGroup`] counts the goroutines, a [`Semaphore`] limits them, and a [`Context`] tells them
//! that one has failed. This file only connects the three. A goroutine first reports how its
//! function ended, even by a panic, then gives back its place, and counts down last. So `wait` sees
//! every report.
//!
//! An error is a user's value: its `Display` and its destructor may panic or exit. So the error is
//! first described, before anything is changed; then it is stored; then the context is cancelled.
//! An error that came too late to be stored is dropped last.

use crate::caught::{self, Unwound};
use crate::context::{CancelCause, Context, ContextError};
use crate::semaphore::{Permit, Semaphore};
use crate::waitgroup::WaitGroup;
use gort_runtime::{Lock, discard, point, raise, spawn};
use std::any::Any;
use std::fmt::{self, Write};
use std::mem;
use std::panic::Location;
use std::sync::Arc;

/// The cause with which a context is cancelled if the error cannot be described.
const NOT_DISPLAYABLE: &str =
    "a goroutine of the group failed with an error that cannot be displayed";

/// A group of goroutines whose first error is reported. Clones refer to the same group.
///
/// A group may be used again after a [`wait`](Self::wait) that returned no error. Go's
/// `errgroup.Group`.
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
    /// The semaphore and its number of permits.
    limit: Lock<Option<(Semaphore, usize)>>,
    failure: Lock<Failure<E>>,
    cancel: Option<OnError<E>>,
}

/// What `wait` reports: a panic before the error.
struct Failure<E> {
    error: FirstError<E>,
    panic: Option<Box<dyn Any + Send>>,
}

/// The first error.
enum FirstError<E> {
    None,
    Kept(E),
    /// The error was given to the first `wait` that returned. There is only one error, so later
    /// calls of `wait` panic.
    Given,
}

/// The report for one `wait`.
enum Report<E> {
    Good,
    Failed(E),
    /// Another `wait` has returned the error.
    GivenBefore,
    Panicked(Box<dyn Any + Send>),
}

impl<E> Failure<E> {
    fn none() -> Self {
        Self {
            error: FirstError::None,
            panic: None,
        }
    }

    /// Keeps the error if it is the first one; otherwise gives it back.
    fn keep(&mut self, error: E) -> Option<E> {
        match self.error {
            FirstError::None => {
                self.error = FirstError::Kept(error);
                None
            }
            FirstError::Kept(_) | FirstError::Given => Some(error),
        }
    }

    fn report(&mut self) -> Report<E> {
        if let Some(payload) = self.panic.take() {
            return Report::Panicked(payload);
        }
        if let FirstError::None = self.error {
            return Report::Good;
        }
        match mem::replace(&mut self.error, FirstError::Given) {
            FirstError::Kept(error) => Report::Failed(error),
            FirstError::None | FirstError::Given => Report::GivenBefore,
        }
    }
}

/// What is needed to cancel the group's context.
struct OnError<E> {
    cancel: CancelCause,
    /// Describes an error in words, if possible. The cause of a context is shared, but the error
    /// belongs to `wait`.
    describe: fn(&E) -> Option<String>,
}

fn describe<E: fmt::Display>(error: &E) -> Option<String> {
    let mut text = String::new();
    write!(text, "{error}").is_ok().then_some(text)
}

impl<E> ErrGroup<E> {
    /// Creates a group without a limit and without a context.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// Creates a group, and a context that derives from `parent`. The first function that fails (or
    /// panics) cancels the context. If none fails, [`wait`](Self::wait) cancels it before it
    /// returns. The context's [`cause`](Context::cause) has the text of the error. If the error's
    /// `Display` fails or panics, the cause says that the error cannot be displayed. Go's
    /// `errgroup.WithContext`.
    ///
    /// ```
    /// use gort::context::Context;
    /// use gort::sync::ErrGroup;
    ///
    /// let (group, ctx) = ErrGroup::with_context(&Context::background());
    /// group.go(|| Err("no route to host"));
    /// group.go(move || {
    ///     // … the other functions need not continue.
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
        let on_error = OnError { cancel, describe };
        (Self::with(Some(on_error)), context)
    }

    fn with(cancel: Option<OnError<E>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                running: WaitGroup::new(),
                limit: Lock::new(None),
                failure: Lock::new(Failure::none()),
                cancel,
            }),
        }
    }

    /// Limits the number of the group's goroutines that run at a time to `n`. With 0, none can be
    /// started. Go's `SetLimit`.
    ///
    /// # Panics
    /// Panics if goroutines that were started under the group's present limit are still running.
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
        point::point_of_all("set_limit", Location::caller());
        let new = Semaphore::new(n.min(Semaphore::MAX_PERMITS));
        let mut limit = self.inner.limit.lock();
        let active = limit
            .as_ref()
            .map_or(0, |(places, size)| size - places.available_now());
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

    /// Waits until no goroutine of the group is running, and returns the group's first error.
    /// Cancels the group's context, if it has one. Go's `Wait`.
    ///
    /// # Errors
    /// Returns the first error that a function returned. It is returned once: by the first `wait`
    /// that returns. (In Go, every call returns it.)
    ///
    /// # Panics
    /// If a function panicked, panics with the payload of the first such panic, once. The panic
    /// takes precedence over an error, which the next `wait` returns. The panic hook printed the
    /// panic when it happened. A function that called `goexit` counts as one that returned no
    /// error.
    ///
    /// Panics with "ErrGroup: an earlier wait returned the error" if an earlier call returned the
    /// error, even if the group has been used again since.
    ///
    /// # Examples
    /// ```
    /// use gort::recover;
    /// use gort::sync::ErrGroup;
    ///
    /// let group = ErrGroup::new();
    /// assert_eq!(group.wait(), Ok(()));
    /// group.go(|| Err("no route to host"));
    /// assert_eq!(group.wait(), Err("no route to host"));
    /// assert!(recover(|| group.wait()).is_err(), "the error is returned only once");
    /// ```
    #[track_caller]
    pub fn wait(&self) -> Result<(), E> {
        self.inner.running.wait();
        if let Some(on_error) = &self.inner.cancel {
            on_error.cancel.cancel(ContextError::Canceled);
        }
        let report = self.inner.failure.lock().report();
        match report {
            Report::Good => Ok(()),
            Report::Failed(error) => Err(error),
            Report::GivenBefore => panic!("ErrGroup: an earlier wait returned the error"),
            Report::Panicked(payload) => raise(payload),
        }
    }
}

impl<E: Send + 'static> ErrGroup<E> {
    /// Runs `f` in a goroutine of the group. If there is a limit, waits for a place first. Go's
    /// `Go`.
    ///
    /// # Panics
    /// Panics if the system has no room for another stack.
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let place = self.places().map(|places| places.acquire(1));
        self.start(place, f);
    }

    /// Runs `f` in a goroutine of the group if the limit allows one more at the moment. Otherwise
    /// drops `f` and returns false. Go's `TryGo`.
    ///
    /// # Panics
    /// Panics if the system has no room for another stack.
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

/// A goroutine's membership in the group. [`ErrGroup::wait`] waits until it is dropped.
struct Member<E> {
    group: Arc<Inner<E>>,
    place: Option<Permit>,
    /// If set, the member is never counted down: the process is about to end.
    stays: bool,
}

impl<E> Member<E> {
    fn run(mut self, f: impl FnOnce() -> Result<(), E>) {
        let ended = match caught::call(f) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => self.group.fail(error),
            Err(unwound) => Err(unwound),
        };
        match ended {
            Ok(()) => {}
            Err(Unwound::Panicked(payload)) => self.group.panicked(payload),
            Err(Unwound::Exited(payload)) => raise(payload),
            Err(Unwound::Fatal(payload)) => {
                self.stays = true;
                raise(payload)
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
    /// Records an error, and cancels the group's context if it is the first. Returns how the
    /// error's `Display` or destructor unwound, if the caller must deal with that. It need not deal
    /// with a panic in `Display`: the panic hook has printed it.
    fn fail(&self, error: E) -> Result<(), Unwound> {
        let (cause, unwound) = match caught::call(|| self.describe(&error)) {
            Ok(cause) => (cause, Ok(())),
            Err(Unwound::Panicked(payload)) => {
                discard(payload);
                (None, Ok(()))
            }
            Err(unwound) => (None, Err(unwound)),
        };
        let late = self.failure.lock().keep(error);
        if late.is_none() && !matches!(unwound, Err(Unwound::Fatal(_))) {
            self.cancel_because(cause.unwrap_or_else(|| NOT_DISPLAYABLE.to_owned()));
        }
        // The destructor runs here, without the lock. A panic in it counts as a panic of the
        // function, which made the error.
        caught::call(|| drop(late)).and(unwound)
    }

    /// Returns the text for the context's cause, or `None` if the group needs none.
    fn describe(&self, error: &E) -> Option<String> {
        let on_error = self.cancel.as_ref()?;
        let first = matches!(self.failure.lock().error, FirstError::None);
        first.then(|| (on_error.describe)(error)).flatten()
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
        match late {
            None => self.cancel_because(cause),
            Some(payload) => discard(payload),
        }
    }

    /// Cancels the group's context, if it has one. Called for the first failure.
    fn cancel_because(&self, cause: String) {
        if let Some(on_error) = &self.cancel {
            on_error.cancel.cancel(cause);
        }
    }
}

impl<E> Drop for Inner<E> {
    fn drop(&mut self) {
        // A panic that no `wait` has passed on is lost, and so is a panic of its payload's
        // destructor.
        let unclaimed = self.failure.lock().panic.take();
        discard(unclaimed);
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
