//! Contexts: when to stop, and values that go with a request. Go's `context`.
//!
//! A [`Context`] is handed from function to function and from goroutine to goroutine. Whoever
//! works for somebody watches [`done`](Context::done), or asks [`err`](Context::err) now and
//! then; whoever has had enough cancels, and everything that was derived is done as well.
//!
//! - `node.rs`: the tree of contexts that can end, and the functions that wait for that.
//! - `func.rs`: their handles.
//! - `values.rs`: values by type.

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

/// A deadline, a signal to stop, and values. Clones are the same context. Go's
/// `context.Context`.
///
/// In `select!` a context stands for its channel [`done`](Self::done).
///
/// A context with a deadline costs no timer: it compares the clock when it is asked, and
/// who waits for it sleeps no longer than until then.
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
    /// `None`: it never ends.
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
    /// Somebody has cancelled it, or one that it derives from.
    Canceled,
    /// Its deadline has passed.
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
    /// The context that is never done, has no deadline and no values: what main starts from.
    /// Go's `context.Background`, and `context.TODO` as well.
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

    /// A context that is done when [`Cancel::cancel`] is called, or this one is done. Go's
    /// `context.WithCancel`.
    pub fn with_cancel(&self) -> (Self, Cancel) {
        let (context, node) = self.derive(None);
        (context, Cancel::of(node))
    }

    /// As [`with_cancel`](Self::with_cancel); whoever cancels says why. Go's
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

    /// As [`with_cancel`](Self::with_cancel), and done at `deadline` at the latest. Go's
    /// `context.WithDeadline`.
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

    /// A context that a signal ends. `enter` is given what ends it, and gives what is to be called when it is cancelled.
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

    /// As [`with_deadline`](Self::with_deadline), `timeout` from now. Go's
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
            // Later than the clock can tell.
            None => self.with_cancel(),
        }
    }

    /// This context with `value`, which [`value`](Self::value) finds by its type; it hides
    /// one of the same type. Give what is private to your code a type of its own. Go's
    /// `context.WithValue`.
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

    /// A context with this one's values that is never done. Go's `context.WithoutCancel`.
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

    /// A channel from which no value comes, and which is closed when the context is done: then
    /// `recv` gives its error at once. Go's `Done`.
    #[must_use]
    pub fn done(&self) -> &Receiver<()> {
        self.node.as_ref().map_or(&NEVER, |node| node.done())
    }

    /// Sleeps for `d`, or until the context is done, whichever is first. In Go, a select over `ctx.Done()` and
    /// `time.After(d)`.
    ///
    /// # Errors
    /// Why the context is done, if it is; also if `d` is 0.
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

    /// Why the context is done; `None` while it is not. Does not change once it is `Some`. Go's
    /// `Err`.
    #[must_use]
    #[track_caller]
    pub fn err(&self) -> Option<ContextError> {
        point::point_of_all("context.Err", Location::caller());
        Some(self.node.as_ref()?.how()?.into())
    }

    /// What the first to cancel has given as the cause, here or in a context that this one derives
    /// from; without that the same as [`err`](Self::err). Go's `context.Cause`.
    #[must_use]
    pub fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        let err = self.err()?;
        let given = self.node.as_ref()?.given_cause();
        Some(given.unwrap_or_else(|| Arc::new(err)))
    }

    /// When the context is done at the latest: the earliest deadline from here up. Go's
    /// `Deadline`.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.node.as_ref()?.deadline()
    }

    /// The nearest value of type `T`. Go's `Value`.
    #[must_use]
    pub fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.values.as_ref()?.find()
    }

    /// Runs `f` in a goroutine of its own once the context is done; at once if it is. Whoever
    /// cancels does not wait for it. Go's `context.AfterFunc`.
    ///
    /// Until then it is no goroutine. If no stack can be had for one when the context is done, `f`
    /// runs as soon as one can.
    ///
    /// A clone of the context in `f` keeps the context alive, and itself, until it is done or
    /// the function is stopped. If all handles of the context are gone, `f` waits for the context
    /// that it derives from; if nobody is left who could cancel, `f` is dropped.
    ///
    /// # Examples
    /// ```
    /// use gort::context::Context;
    /// use gort::net::TcpListener;
    ///
    /// // A wait that knows nothing of contexts ends with this one.
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

/// Cancels a context. Dropping it does not: a context whose `Cancel` is gone ends with the one
/// that it derives from, or by its deadline.
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

/// What is to be called when a context is cancelled.
pub(crate) type Release = Box<dyn Fn() + Send + Sync>;

/// Ends a context from elsewhere, and does not keep it alive.
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
    /// Ends the context and all that derive from it, if they are not done: when this returns
    /// they are. Later calls change nothing.
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
    /// As [`Cancel::cancel`]; the first cause stays.
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
