//! Contexts: when to stop, and values that belong to a request. Go's `context`.
//!
//! A [`Context`] is passed from function to function and from goroutine to goroutine. Code that
//! works on a request watches [`done`](Context::done), or calls [`err`](Context::err) now and then.
//! The code that started the work cancels the context, and then all contexts that derive from it
//! are done as well.
//!
//! - `node.rs`: the tree of contexts that can end, and the functions that wait for that.
//! - `func.rs`: the handles of these functions.
//! - `values.rs`: values, found by type.

mod func;
mod node;
mod values;

pub use func::AfterFunc;

use crate::channel::{How, Receiver, RecvError, RecvTimeoutError};
use crate::select::{ChanRecvArm, Selectable};
use gort_runtime::{instant_now, point};
use node::{Cause, Node};
use std::error::Error;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use values::Values;

/// A deadline, a signal to stop, and values. Clones are the same context. Go's `context.Context`.
///
/// In `select!`, `<-ctx` receives from the context's channel [`done`](Self::done).
///
/// A context with a deadline needs no timer: it compares its deadline with the clock when it is
/// asked, and a goroutine that waits for it sleeps no longer than until the deadline.
///
/// ```
/// use gort::context::{Context, ContextError};
///
/// fn work(ctx: &Context) -> Result<u32, ContextError> {
///     let mut steps = 0;
///     while steps < 1_000 {
///         if let Some(error) = ctx.err() {
///             return Err(error);
///         }
///         steps += 1;
///     }
///     Ok(steps)
/// }
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// assert_eq!(work(&ctx), Ok(1_000));
/// cancel.cancel();
/// assert_eq!(work(&ctx), Err(ContextError::Canceled));
/// ```
#[derive(Clone)]
pub struct Context {
    /// `None`: the context never ends.
    node: Option<Arc<Node>>,
    values: Option<Arc<Values>>,
}

impl UnwindSafe for Context {}
impl RefUnwindSafe for Context {}

/// Why a context is done.
///
/// ```
/// use gort::context::{Context, ContextError};
/// use std::time::Duration;
///
/// let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
/// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextError {
    /// The context, or one that it derives from, was canceled.
    Canceled,
    /// The context's deadline has passed.
    DeadlineExceeded,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canceled => "context canceled",
            Self::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

impl From<How> for ContextError {
    fn from(how: How) -> Self {
        match how {
            How::Canceled => Self::Canceled,
            How::Expired => Self::DeadlineExceeded,
        }
    }
}

/// The channel of contexts that never end.
static NEVER: Receiver<()> = Receiver::never();

impl Context {
    /// Returns the context that is never done and has no deadline and no values: the root of all
    /// others. Go's `context.Background`, and `context.TODO` as well.
    #[must_use]
    pub const fn background() -> Self {
        Self {
            node: None,
            values: None,
        }
    }

    fn derive(&self, deadline: Option<Instant>) -> (Self, Arc<Node>) {
        let node = Node::new(self.node.as_ref(), deadline);
        let context = Self {
            node: Some(Arc::clone(&node)),
            values: self.values.clone(),
        };
        (context, node)
    }

    /// Creates a context that is done when [`Cancel::cancel`] is called or when `self` is done.
    /// Go's `context.WithCancel`.
    pub fn with_cancel(&self) -> (Self, Cancel) {
        let (context, node) = self.derive(None);
        (context, Cancel::of(node))
    }

    /// Like [`with_cancel`](Self::with_cancel), but the cancelling code also says why. Go's
    /// `context.WithCancelCause`.
    ///
    /// ```
    /// use gort::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel_cause();
    /// assert!(ctx.cause().is_none());
    /// cancel.cancel("the client has gone");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "the client has gone");
    /// ```
    pub fn with_cancel_cause(&self) -> (Self, CancelCause) {
        let (context, node) = self.derive(None);
        (context, CancelCause { node })
    }

    /// Like [`with_cancel`](Self::with_cancel), but the context is done at `deadline` at the
    /// latest. Go's `context.WithDeadline`.
    ///
    /// ```
    /// use gort::context::{Context, ContextError};
    /// use std::time::{Duration, Instant};
    ///
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// let (ctx, _cancel) = Context::background().with_deadline(deadline);
    /// assert_eq!(ctx.deadline(), Some(deadline));
    /// ctx.done().recv().unwrap_err();
    /// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    /// ```
    pub fn with_deadline(&self, deadline: Instant) -> (Self, Cancel) {
        let (context, node) = self.derive(Some(deadline));
        (context, Cancel::of(node))
    }

    /// Creates a context that a signal ends. `enter` gets the [`Ender`] of the context, and returns
    /// the function that is called when the context is cancelled.
    pub(crate) fn until_ended_by_signal(
        &self,
        enter: impl FnOnce(Ender) -> Release,
    ) -> (Self, Cancel) {
        let (context, node) = self.derive(None);
        node.waits_for_signal();
        let release = enter(Ender(Arc::downgrade(&node)));
        let release = Some(release.into());
        (context, Cancel { node, release })
    }

    /// Like [`with_deadline`](Self::with_deadline), with a deadline `timeout` from now. Go's
    /// `context.WithTimeout`.
    ///
    /// ```
    /// use gort::context::Context;
    /// use gort::prelude::*;
    ///
    /// fn receive(ctx: &Context, rx: &Receiver<i32>) -> Option<i32> {
    ///     select! {
    ///         v = <-rx => v.ok(),
    ///         <-ctx => None,
    ///     }
    /// }
    ///
    /// let (_tx, rx) = bounded(0);
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    /// assert_eq!(receive(&ctx, &rx), None);
    /// ```
    pub fn with_timeout(&self, timeout: Duration) -> (Self, Cancel) {
        match instant_now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            // The deadline is later than the clock can represent.
            None => self.with_cancel(),
        }
    }

    /// Creates a context that also has `value`, which [`value`](Self::value) finds by its type. The
    /// new value hides an earlier one of the same type. Define a type of your own for values that
    /// are private to your code. Go's `context.WithValue`.
    ///
    /// ```
    /// use gort::context::Context;
    ///
    /// struct RequestId(u32);
    ///
    /// fn handle(ctx: &Context) -> u32 {
    ///     ctx.value::<RequestId>().map_or(0, |id| id.0)
    /// }
    ///
    /// let ctx = Context::background().with_value(RequestId(7));
    /// assert_eq!(handle(&ctx), 7);
    /// ```
    #[must_use]
    pub fn with_value<T: Send + Sync + 'static>(&self, value: T) -> Self {
        Self {
            node: self.node.clone(),
            values: Some(Arc::new(Values::new(value, self.values.clone()))),
        }
    }

    /// Creates a context that has the values of `self` but is never done. Go's
    /// `context.WithoutCancel`.
    ///
    /// ```
    /// use gort::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_value("request 7").with_cancel();
    /// let cleaning_up = ctx.without_cancel();
    /// cancel.cancel();
    /// assert!(cleaning_up.err().is_none());
    /// assert_eq!(*cleaning_up.value::<&str>().unwrap(), "request 7");
    /// ```
    #[must_use]
    pub fn without_cancel(&self) -> Self {
        Self {
            node: None,
            values: self.values.clone(),
        }
    }

    /// Returns a channel that delivers no value and is closed when the context is done. From then
    /// on, `recv` returns its error at once. Go's `Done`.
    #[must_use]
    pub fn done(&self) -> &Receiver<()> {
        self.node.as_ref().map_or(&NEVER, |node| node.done())
    }

    /// Sleeps for `d`, or until the context is done, whichever comes first. In Go this is a select
    /// over `ctx.Done()` and `time.After(d)`.
    ///
    /// # Errors
    /// If the context is done before `d` has passed, returns the reason. If it is already done,
    /// returns the reason even if `d` is 0.
    ///
    /// # Examples
    /// ```
    /// use gort::context::{Context, ContextError};
    /// use std::time::Duration;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.sleep(Duration::from_millis(1)), Ok(()));
    /// cancel.cancel();
    /// assert_eq!(ctx.sleep(Duration::MAX), Err(ContextError::Canceled));
    /// ```
    #[track_caller]
    pub fn sleep(&self, d: Duration) -> Result<(), ContextError> {
        match self.done().recv_timeout(d) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            _ => self.err().map_or(Ok(()), Err),
        }
    }

    /// Returns why the context is done, or `None` while it is not. Once the result is `Some`, it
    /// does not change any more. Go's `Err`.
    #[must_use]
    #[track_caller]
    pub fn err(&self) -> Option<ContextError> {
        point::point_of_all("context.Err", Location::caller());
        Some(self.node.as_ref()?.how()?.into())
    }

    /// Returns the cause given by the first call that cancelled this context or one that it derives
    /// from. Without such a cause, returns the same as [`err`](Self::err). Go's `context.Cause`.
    #[must_use]
    pub fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        let err = self.err()?;
        let given = self.node.as_ref()?.given_cause();
        Some(given.unwrap_or_else(|| Arc::new(err)))
    }

    /// Returns the time at which the context is done at the latest: the earliest deadline of this
    /// context and those that it derives from. Go's `Deadline`.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.node.as_ref()?.deadline()
    }

    /// Returns the nearest value of type `T`. Go's `Value`.
    #[must_use]
    pub fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.values.as_ref()?.find()
    }

    /// Runs `f` in a goroutine of its own once the context is done, or at once if it already is.
    /// The call that cancels the context does not wait for `f`. Go's `context.AfterFunc`.
    ///
    /// Until the context is done there is no goroutine. If the system has no room for the
    /// goroutine's stack by then, `f` runs as soon as there is room.
    ///
    /// If `f` owns a clone of the context, the context and `f` keep each other alive until the
    /// context is done or the function is stopped. If all handles of the context are dropped, `f`
    /// waits for the end of the parent, the context from which this one derives. If nothing is left
    /// that could end the context, `f` is dropped.
    ///
    /// # Examples
    /// ```
    /// use gort::context::Context;
    /// use gort::net::TcpListener;
    ///
    /// // `accept` knows nothing about contexts, and still ends when this one does.
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let closer = listener.try_clone()?;
    /// ctx.after_func(move || closer.close());
    /// cancel.cancel();
    /// assert!(listener.accept().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn after_func(&self, f: impl FnOnce() + Send + 'static) -> AfterFunc {
        AfterFunc::new(self.node.as_ref(), f)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.node.is_none() && self.values.is_none() {
            return f.write_str("context.Background");
        }
        f.debug_struct("Context")
            .field("err", &self.err())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

impl Selectable for Context {
    type Output = Result<(), RecvError>;
    type Arm<'a>
        = ChanRecvArm<'a, ()>
    where
        Self: 'a;

    fn arm(&self) -> ChanRecvArm<'_, ()> {
        self.done().arm()
    }

    fn take<'a>(arm: &mut ChanRecvArm<'a, ()>) -> Result<(), RecvError>
    where
        Self: 'a,
    {
        Receiver::<()>::take(arm)
    }
}

/// Cancels a context. Dropping it does not: a context whose `Cancel` was dropped ends with the
/// context that it derives from, or at its deadline.
///
/// ```
/// use gort::context::Context;
///
/// let (parent, cancel) = Context::background().with_cancel();
/// let (child, _) = parent.with_cancel();
/// cancel.cancel();
/// assert!(child.err().is_some());
/// ```
#[derive(Clone)]
#[must_use = "the context cannot be cancelled without it, and dropping it does not cancel"]
pub struct Cancel {
    node: Arc<Node>,
    release: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// A function that is called when a context is cancelled.
pub(crate) type Release = Box<dyn Fn() + Send + Sync>;

/// Ends a context, and does not keep it alive.
#[derive(Clone)]
pub(crate) struct Ender(Weak<Node>);

impl Ender {
    pub(crate) fn end(&self, cause: Cause) {
        if let Some(node) = self.0.upgrade() {
            node.cancel(Some(cause));
        }
    }
}

impl UnwindSafe for Cancel {}
impl RefUnwindSafe for Cancel {}

impl Cancel {
    /// Ends the context and all contexts that derive from it, except those that are done already.
    /// When this returns, all of them are done. Later calls change nothing.
    #[track_caller]
    pub fn cancel(&self) {
        point::point_of_all("context cancel", Location::caller());
        self.node.cancel(None);
        if let Some(release) = &self.release {
            release();
        }
    }

    fn of(node: Arc<Node>) -> Self {
        Self {
            node,
            release: None,
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cancel { .. }")
    }
}

/// Cancels a context and says why. Dropping it does not cancel, as with [`Cancel`].
///
/// ```
/// use gort::context::{Context, ContextError};
///
/// let (ctx, cancel) = Context::background().with_cancel_cause();
/// cancel.cancel("no more work");
/// cancel.cancel("too late");
/// assert_eq!(ctx.err(), Some(ContextError::Canceled));
/// assert_eq!(ctx.cause().unwrap().to_string(), "no more work");
/// ```
#[derive(Clone)]
#[must_use = "the context cannot be cancelled without it, and dropping it does not cancel"]
pub struct CancelCause {
    node: Arc<Node>,
}

impl UnwindSafe for CancelCause {}
impl RefUnwindSafe for CancelCause {}

impl CancelCause {
    /// Like [`Cancel::cancel`], but gives a cause. Only the first cause is kept.
    #[track_caller]
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        point::point_of_all("context cancel", Location::caller());
        self.node.cancel(Some(cause.into().into()));
    }
}

impl fmt::Debug for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelCause { .. }")
    }
}
