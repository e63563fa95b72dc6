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

/// Stores `value` by a read-modify-write whose result is not used.
///
/// In the modification order, a read-modify-write directly follows the value that it has read. loom
/// does not ensure this if a plain store happens at the same time: a later read-modify-write may
/// read the value that the store has overwritten. It does ensure it for a swap.
#[inline(always)]
pub(crate) fn store_among_rmws(word: &AtomicU32, value: u32, order: Ordering) {
    word.swap(value, order);
}

/// Lets the model run another thread.
#[inline(always)]
pub(crate) fn spin_hint() {
    loom::thread::yield_now();
}

/// Lets the model run another thread.
#[inline(always)]
pub(crate) fn wait_hint(_looks: u32) {
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
