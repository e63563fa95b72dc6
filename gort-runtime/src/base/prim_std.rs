//! The real primitives, which are used outside of models.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

use std::sync::atomic::compiler_fence;

/// Executes a full fence, for a caller that has just executed an atomic read-modify-write.
///
/// On x86-64 a locked instruction is already a full barrier, so only the compiler has to be
/// restrained. On other architectures this is `fence(SeqCst)`.
#[inline(always)]
pub(crate) fn fence_after_rmw() {
    #[cfg(target_arch = "x86_64")]
    compiler_fence(Ordering::SeqCst);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = compiler_fence;
        fence(Ordering::SeqCst);
    }
}

/// Stores `value` in a word that other threads change by read-modify-writes at the same time.
#[inline(always)]
pub(crate) fn store_among_rmws(word: &AtomicU32, value: u32, order: Ordering) {
    word.store(value, order);
}

/// Tells the CPU that this is a spin loop.
#[inline(always)]
pub(crate) fn spin_hint() {
    std::hint::spin_loop();
}

/// Pauses for a moment in a loop that waits for another thread. That thread needs a few
/// microseconds, unless it has lost its core. `looks` is the number of calls so far.
#[inline]
pub(crate) fn wait_hint(looks: u32) {
    /// Number of looks before the caller offers its core to the other thread.
    const PATIENCE: u32 = 1_000;
    if looks < PATIENCE {
        spin_hint();
    } else {
        std::thread::yield_now();
    }
}

/// An `UnsafeCell` with loom's closure interface, so that a model sees every access to plain data.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct DataCell<T>(std::cell::UnsafeCell<T>);

impl<T> DataCell<T> {
    /// Creates a cell that holds `value`.
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer for reading.
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

pub(crate) use crate::base::barrier::{heavy as heavy_barrier, light as light_barrier};
