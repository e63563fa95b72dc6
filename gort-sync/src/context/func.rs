//! The handle of a function that waits for a context's end.

use super::node::{Func, Node};
use gort_runtime::{Home, Timed};
use std::fmt;
use std::sync::Arc;

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
        let home = node.map_or_else(Home::here, |node| node.home());
        home.check("function for the end of a context");
        let func = Func::new(home, Box::new(f));
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
