//! The real primitives.

pub(crate) use crossbeam_utils::Backoff;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// `UnsafeCell` with loom's closure interface, so that a model can see every access to plain
/// data.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct DataCell<T>(std::cell::UnsafeCell<T>);

impl<T> DataCell<T> {
    /// Calls `f` with a pointer for writing; the caller guarantees exclusion.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
