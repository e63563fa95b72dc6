//! [`Once`], which does something once, and values that are made when they are first needed.
//!
//! - `word/once.rs`: the protocol: who does the work, and why no waiter is forgotten.
//! - `gate.rs`: waiting for the goroutine that does the work.
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
        /// Creates a `Once` whose function has not run.
        #[must_use]
        pub fn new() -> Self {
            Self { gate: Gate::new() }
        }
    }

    /// Runs `f` if this is the first call. When any call returns, the first call's function has
    /// ended, and the caller sees its effects. Go's `Do`.
    ///
    /// If `f` panics or exits its goroutine, the work counts as done: other calls return, and no
    /// later call runs anything.
    ///
    /// `f` must not call `call_once` on the same `Once`: it would wait for ever (a deadlock report
    /// shows `sync.Once.Do`).
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

    /// Returns true if the function has ended, in whatever way.
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
