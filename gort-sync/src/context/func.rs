//! Functions that start when a context is done.
//!
//! A function lies in the node whose end it waits for, and the canceller starts its goroutine.
//! A node with a deadline may end without a canceller; for that the function is a timer as well
//! (`Timed` of the runtime). Until it starts it is no goroutine.
//!
//! # Who decides
//! `state` has the closure. Whoever takes it out runs it (a goroutine) or drops it (`stop`). A
//! canceller leaves it there and says `started`: from then on it cannot be stopped, also if it may
//! be a while until there is a stack for the goroutine. The timer's goroutine and the
//! canceller's may both come; the second finds nothing.
//!
//! # Nothing is left behind
//! Whoever starts or stops the function cancels the timer, which is armed before anybody else knows
//! of the function. Who takes the closure removes the function from the node's list; if it
//! comes before `move_to` has put it there, `move_to` finds the closure gone, and removes it.

use super::node::Node;
use gort_runtime::{Lock, Timed, TimedCall};
use std::fmt;
use std::sync::{Arc, Weak};

type Closure = Box<dyn FnOnce() + Send>;

pub(super) struct Func {
    state: Lock<State>,
}

struct State {
    f: Option<Closure>,
    /// A canceller has started it.
    started: bool,
    /// The node in whose list it is, and its name there.
    home: Option<(Weak<Node>, u64)>,
}

impl TimedCall for Func {
    fn call(this: &Arc<Timed<Self>>) {
        if let Some(f) = this.take(true) {
            f();
        }
    }
}

impl Func {
    fn new(f: Closure) -> Arc<Timed<Self>> {
        Timed::new(Self {
            state: Lock::new(State {
                f: Some(f),
                started: false,
                home: None,
            }),
        })
    }

    /// Takes the closure, if nobody has, and the function out of its node's list. If a canceller
    /// has started it only `to_run` it.
    fn take(&self, to_run: bool) -> Option<Closure> {
        let (f, home) = {
            let mut state = self.state.lock();
            if state.started && !to_run {
                return None;
            }
            (state.f.take()?, state.home.take())
        };
        if let Some((node, id)) = home
            && let Some(node) = node.upgrade()
        {
            node.remove_func(id);
        }
        Some(f)
    }

    fn is_settled(&self) -> bool {
        let state = self.state.lock();
        state.started || state.f.is_none()
    }

    /// The node has ended: starts the goroutine.
    #[track_caller]
    pub(super) fn start(this: &Arc<Timed<Self>>) {
        {
            let mut state = this.state.lock();
            if state.f.is_none() || state.started {
                return;
            }
            state.started = true;
        }
        this.start();
    }

    /// From now on waits for the end of `node`.
    #[track_caller]
    pub(super) fn move_to(this: &Arc<Timed<Self>>, node: &Arc<Node>) {
        let id = node.new_id();
        {
            let mut state = this.state.lock();
            if state.f.is_none() || state.started {
                return;
            }
            state.home = Some((Arc::downgrade(node), id));
        }
        if !node.add_func(id, this) {
            Self::start(this);
        } else if this.is_settled() {
            // It was there too late to be removed.
            node.remove_func(id);
        }
    }
}

/// What [`Context::after_func`](super::Context::after_func) gives: the function may be stopped
/// before it starts. Dropping this does not stop it.
///
/// ```
/// use gort::context::Context;
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let after = ctx.after_func(|| unreachable!("stopped"));
/// assert!(after.stop());
/// cancel.cancel();
/// assert!(!after.stop());
/// ```
pub struct AfterFunc {
    func: Arc<Timed<Func>>,
}

impl AfterFunc {
    /// Runs `f` in a goroutine once `node` has ended; never, if there is none.
    #[track_caller]
    pub(super) fn new(node: Option<&Arc<Node>>, f: impl FnOnce() + Send + 'static) -> Self {
        let func = Func::new(Box::new(f));
        if let Some(node) = node {
            if let Some(due) = node.due() {
                func.arm(due);
            }
            Func::move_to(&func, node);
        }
        Self { func }
    }

    /// Stops the function: true if it will never run because of this call, false if its
    /// goroutine has been started, or it has been stopped before. Does not wait for the
    /// function's end.
    pub fn stop(&self) -> bool {
        let Some(f) = self.func.take(false) else {
            return false;
        };
        self.func.cancel();
        drop(f);
        true
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterFunc")
            .field("started_or_stopped", &self.func.is_settled())
            .finish()
    }
}
