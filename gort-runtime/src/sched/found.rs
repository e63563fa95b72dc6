//! What [`find_runnable`](super::find::find_runnable) finds.

use crate::proc::g::G;
use std::ptr::NonNull;

/// A goroutine to run.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) gp: NonNull<G>,
    /// It runs in the time slice of the one before.
    pub(super) inherit: bool,
}

impl Found {
    pub(super) fn new(gp: NonNull<G>) -> Option<Self> {
        Some(Self { gp, inherit: false })
    }
}
