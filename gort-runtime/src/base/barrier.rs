//! An asymmetric pair of barriers: one side pays nothing, the other microseconds.
//!
//! [`light`] on one thread and [`heavy`] on another order like two `fence(SeqCst)`: if A
//! stores x, calls `light`, loads y, and B stores y, calls `heavy`, loads x, then at least
//! one of them sees the other's store.
//!
//! `heavy` is `membarrier(2)`, private expedited: the kernel makes every running thread
//! of the process execute a full barrier, so `light` need only hold back the compiler. Where
//! the kernel has no membarrier (seccomp filters often remove it), both are full fences.
//! Which it is, is decided before the first thread of the runtime starts.

use crate::base::prim::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::base::throw::throw;
use crate::os;
use std::sync::atomic::compiler_fence;

/// `heavy` does all the work.
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Chooses the kind of barrier; once, at start-up.
pub(crate) fn init(allow_membarrier: bool) {
    ASYMMETRIC.store(allow_membarrier && os::register_membarrier(), Relaxed);
}

/// The cheap side.
#[inline(always)]
pub(crate) fn light() {
    if ASYMMETRIC.load(Relaxed) {
        compiler_fence(SeqCst);
    } else {
        fence(SeqCst);
    }
}

/// The dear side.
pub(crate) fn heavy() {
    fence(SeqCst);
    if ASYMMETRIC.load(Relaxed) && !os::membarrier() {
        throw("membarrier failed after it had worked");
    }
}
