//! Doing something once: [`Once`], and values that are made when they are first needed.
//!
//! - `word/once.rs`: the protocol: who does it, and why no waiter is forgotten.
//! - `gate.rs`: waiting for whoever does it.
//! - `cell.rs`: [`OnceLock`]; `lazy.rs`: [`LazyLock`].

mod cell;
pub(crate) mod gate;
mod lazy;

pub use cell::OnceLock;
pub use lazy::LazyLock;

use crate::prim::const_unless_loom;
use gate::{Gate, Unwound};
use std::fmt;
use std::panic::Location;

/// Runs a function once. Go's `sync.Once`.
///
/// # Examples
/// ```
/// use gort::sync::Once;
///
/// static START: Once = Once::new();
/// START.call_once(|| println!("printed once"));
/// START.call_once(|| unreachable!());
/// assert!(START.is_completed());
/// ```
pub struct Once {
    gate: Gate,
}

impl Once {
    const_unless_loom! {
        /// Not run yet.
        #[must_use]
        pub fn new() -> Self {
            Self { gate: Gate::new() }
        }
    }

    /// Runs `f` if this is the first call; in any case, what the first call's function did is
    /// done when this returns. Go's `Do`.
    ///
    /// If `f` panics or exits its goroutine, it counts as done: others return, and no later
    /// call runs anything.
    ///
    /// `f` must not call `call_once` on the same `Once`: that waits for ever (and a deadlock
    /// report says `sync.Once.Do`).
    #[track_caller]
    #[inline]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.gate.is_done() {
            self.run(f, Location::caller());
        }
    }

    #[cold]
    fn run(&self, f: impl FnOnce(), site: &'static Location<'static>) {
        if let Some(turn) = self.gate.enter(Unwound::Done, site) {
            f();
            turn.done();
        }
    }

    /// Whether the function has run to its end, however it ended.
    #[inline]
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.gate.look()
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("completed", &self.is_completed())
            .finish()
    }
}
