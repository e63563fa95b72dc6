//! loom's stand-ins for `prim_std.rs`.

pub(crate) use loom::cell::UnsafeCell as DataCell;
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// A real fence: loom does not model x86.
#[inline(always)]
pub(crate) fn fence_after_rmw() {
    fence(Ordering::SeqCst);
}

/// Lets the model run another thread.
#[inline(always)]
pub(crate) fn spin_hint() {
    loom::thread::yield_now();
}

/// Lets the model run another thread.
pub(crate) fn yield_thread() {
    loom::thread::yield_now();
}

/// A full fence, as on a machine without membarrier.
#[inline(always)]
pub(crate) fn light_barrier() {
    fence(Ordering::SeqCst);
}

/// A full fence, as on a machine without membarrier.
#[inline(always)]
pub(crate) fn heavy_barrier() {
    fence(Ordering::SeqCst);
}
