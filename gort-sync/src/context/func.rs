//! The handle of a function that runs at a context's end.

use super::node::{Func, Node};
use gort_runtime::{Home, Timed};
use std::fmt;
use std::sync::Arc;

/// The handle of a function, returned by [`Context::after_func`](super::Context::after_func). It
/// can stop the function before it starts. Dropping the handle does not stop it.
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
    /// Runs `f` in a goroutine once `node` has ended. Without a node, `f` never runs.
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

    /// Stops the function. Returns true if this call has prevented the function from ever running.
    /// Returns false if the function's goroutine has been started, or if it was stopped before.
    /// Does not wait for the end of the function.
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
