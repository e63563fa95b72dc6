//! A pair of asymmetric barriers: one side pays nothing, the other pays microseconds.
//!
//! [`light`] on one thread and [`heavy`] on another order memory accesses as two `fence(SeqCst)`
//! do. If A stores x, calls `light` and loads y, and B stores y, calls `heavy` and loads x, then at
//! least one of them sees the other's store.
//!
//! `heavy` is `membarrier(2)`, private expedited: the kernel makes every running thread of the
//! process execute a full barrier, so `light` only needs to restrain the compiler. If the kernel
//! has no membarrier (seccomp filters often remove it), both are full fences. [`init`] chooses
//! between the two before the runtime starts its first thread.

use crate::base::prim::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::base::throw::throw;
use crate::os;
use std::sync::atomic::compiler_fence;

/// Whether `heavy` issues the barrier for both sides.
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Chooses the kind of barrier. Called once, at start-up. Returns whether membarrier works.
pub(crate) fn init(allow_membarrier: bool) -> bool {
    let works = allow_membarrier && os::register_membarrier();
    ASYMMETRIC.store(works, Relaxed);
    works
}

/// Returns whether the barrier of the fast path is free.
pub fn is_asymmetric() -> bool {
    ASYMMETRIC.load(Relaxed)
}

/// Executes the barrier of the fast path, which is free if membarrier works.
#[inline(always)]
pub fn light() {
    if ASYMMETRIC.load(Relaxed) {
        compiler_fence(SeqCst);
    } else {
        fence(SeqCst);
    }
}

/// Executes the barrier of the slow path, which costs microseconds.
pub fn heavy() {
    fence(SeqCst);
    if ASYMMETRIC.load(Relaxed) && !os::membarrier() {
        throw("membarrier failed after it had worked");
    }
}
