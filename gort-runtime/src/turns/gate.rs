//! Whether anybody in this process explores schedules: the one question that everybody else is asked.
//!
//! A word that is 0 in every program but in some tests. Operations look at it once, at their beginning, and go on.

use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};

/// How many explore.
static EXPLORING: AtomicU32 = AtomicU32::new(0);

/// Whether somebody does. Whoever is explored sees it, since it was set before it was started.
#[inline(always)]
pub(crate) fn is_open() -> bool {
    EXPLORING.load(Relaxed) != 0
}

/// Somebody explores, until this is dropped.
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
