//! The result of [`find_runnable`](super::find::find_runnable).

use crate::proc::g::G;
use std::ptr::NonNull;

/// A goroutine to run.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) gp: NonNull<G>,
    /// Whether it runs in what is left of the previous goroutine's time slice.
    pub(super) inherit: bool,
}

impl Found {
    pub(super) fn new(gp: NonNull<G>) -> Option<Self> {
        Some(Self { gp, inherit: false })
    }
}
