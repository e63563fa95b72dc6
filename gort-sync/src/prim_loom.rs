//! loom's stand-ins for `prim_std.rs`.

pub(crate) use loom::cell::UnsafeCell as DataCell;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Lets the model run somebody else when there is nothing to do but wait.
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Somebody else has made progress: no reason to wait.
    pub(crate) fn spin(&self) {}

    #[track_caller]
    pub(crate) fn snooze(&self) {
        crate::runtime_loom::snoozed();
        loom::thread::yield_now();
    }
}
