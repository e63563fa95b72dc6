//! The real primitives.

use std::alloc::{self, Layout};

pub(crate) use crossbeam_utils::Backoff;
pub(crate) use std::cell::Cell as CheckedCell;
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// `UnsafeCell` with loom's closure interface, so that a model sees every access to plain data.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct DataCell<T>(std::cell::UnsafeCell<T>);

impl<T> DataCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer for reading. The caller guarantees that nothing writes.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer for writing. The caller guarantees exclusive access.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Stores `value` in a word that other threads change by read-modify-writes at the same time.
#[inline(always)]
pub(crate) fn store_among_rmws(word: &AtomicU32, value: u32, order: Ordering) {
    word.store(value, order);
}

/// Allocates `n` zeroed values; all zeroes are valid for them. Under loom, `_zero` makes the values
/// instead. Returns null if there is no memory.
///
/// # Safety
/// `layout` is that of `n` values, and its size is not 0.
pub(crate) unsafe fn alloc_zeroed<T>(layout: Layout, _n: usize, _zero: impl Fn() -> T) -> *mut T {
    // SAFETY: the size is not 0, as the caller guarantees.
    unsafe { alloc::alloc_zeroed(layout) }.cast()
}
