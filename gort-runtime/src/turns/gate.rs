//! Whether any test in this process explores schedules.
//!
//! The word is 0 in every program except for some tests. Most operations read it once, at their
//! beginning (`wait/point.rs`).

use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};

/// Number of explorations in progress.
static EXPLORING: AtomicU32 = AtomicU32::new(0);

/// Returns whether any exploration is in progress. An explored goroutine always gets `true`,
/// because the word was set before the goroutine was started.
#[inline(always)]
pub(crate) fn is_open() -> bool {
    EXPLORING.load(Relaxed) != 0
}

/// Marks an exploration as in progress until dropped.
#[derive(Debug)]
pub(crate) struct Exploring(());

impl Exploring {
    pub(crate) fn new() -> Self {
        EXPLORING.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for Exploring {
    fn drop(&mut self) {
        EXPLORING.fetch_sub(1, Relaxed);
    }
}
