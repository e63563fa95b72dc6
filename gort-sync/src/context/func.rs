//! Functions that start when a context is done.
//!
//! A function lies in the node whose end it waits for, and the canceller starts its goroutine.
//! A node with a deadline may end without a canceller; there a goroutine waits from
//! the beginning, on a child of the node, which `stop` cancels.
//!
//! Whoever takes the closure out of `state` has decided: start it, or stop it.

use super::node::Node;
use gort_runtime::{Lock, spawn};
use std::fmt;
use std::sync::{Arc, Weak};

type Closure = Box<dyn FnOnce() + Send>;

pub(super) struct Func {
    state: Lock<State>,
}

struct State {
    f: Option<Closure>,
    home: Home,
}

/// Where `stop` has to clean up.
enum Home {
    Nowhere,
    /// In this node's list, under this name.
    Node(Weak<Node>, u64),
    /// A goroutine waits for this node's end.
    Watch(Arc<Node>),
}

impl Func {
    fn new(f: Closure) -> Arc<Self> {
        Arc::new(Self {
            state: Lock::new(State {
                f: Some(f),
                home: Home::Nowhere,
            }),
        })
    }

    /// Takes the closure, if nobody has, and where its traces are.
    fn take(&self) -> Option<(Closure, Home)> {
        let mut state = self.state.lock();
        let f = state.f.take()?;
        Some((f, std::mem::replace(&mut state.home, Home::Nowhere)))
    }

    fn is_taken(&self) -> bool {
        self.state.lock().f.is_none()
    }

    /// Starts the goroutine.
    #[track_caller]
    pub(super) fn start(&self) {
        if let Some((f, _)) = self.take() {
            drop(spawn(f));
        }
    }

    /// From now on waits for the end of `node`.
    #[track_caller]
    pub(super) fn move_to(self: &Arc<Self>, node: &Arc<Node>) {
        let id = node.new_id();
        {
            let mut state = self.state.lock();
            if state.f.is_none() {
                return;
            }
            state.home = Home::Node(Arc::downgrade(node), id);
        }
        if !node.add_func(id, self) {
            self.start();
        } else if self.is_taken() {
            // Stopped before it was there to be removed.
            node.remove_func(id);
        }
    }

    /// Waits for the end of `node` in a goroutine.
    #[track_caller]
    fn watch(self: &Arc<Self>, node: &Arc<Node>) {
        let watched = Node::new(Some(node), None);
        let done = watched.done().clone();
        self.state.lock().home = Home::Watch(watched);
        let func = Arc::clone(self);
        drop(spawn(move || {
            // Always an error: the end.
            let _ended = done.recv();
            if let Some((f, home)) = func.take() {
                drop(home);
                f();
            }
        }));
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
    func: Arc<Func>,
}

impl AfterFunc {
    /// Runs `f` in a goroutine once `node` has ended; never, if there is none.
    #[track_caller]
    pub(super) fn new(node: Option<&Arc<Node>>, f: impl FnOnce() + Send + 'static) -> Self {
        let func = Func::new(Box::new(f));
        match node {
            None => {}
            Some(node) if node.how().is_some() => func.start(),
            Some(node) if node.deadline().is_some() => func.watch(node),
            Some(node) => func.move_to(node),
        }
        Self { func }
    }

    /// Stops the function: true if it will never run because of this call, false if its
    /// goroutine has been started, or it has been stopped before. Does not wait for the
    /// function's end.
    pub fn stop(&self) -> bool {
        let Some((f, home)) = self.func.take() else {
            return false;
        };
        match home {
            Home::Nowhere => {}
            Home::Node(node, id) => {
                if let Some(node) = node.upgrade() {
                    node.remove_func(id);
                }
            }
            Home::Watch(watched) => watched.cancel(None),
        }
        drop(f);
        true
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterFunc")
            .field("started_or_stopped", &self.func.is_taken())
            .finish()
    }
}
