//! `fork` in a goroutine with thread-locals of its own.
//!
//! libc identifies the forking thread, which lives on in the child, by its thread pointer. While
//! such a goroutine runs, the thread pointer is the goroutine's. So libc takes the goroutine's
//! control block for that of the forking thread. The control block of the real thread then seems to
//! belong to a thread that does not exist in the child. libc reuses that block for the next thread
//! that the child starts, or unmaps it. Therefore nothing in the child may use that block any more:
//! the M's own thread pointer becomes the goroutine's, and the kernel is told that the block's area
//! for restartable sequences is gone (otherwise the kernel would write there, or kill the child by
//! SIGSEGV).
//!
//! From then on, g0 runs on the goroutine's thread-locals in the child. That is sufficient: the
//! child has no other M, and starts none by what libc allows it to do before `exec`. (After
//! `_Fork`, `clone` and `vfork`, which run no handlers, the child may do even less.)
//!
//! Handlers of other libraries may run before this one, and allocate under the old pointer. The old
//! block stays intact until a thread is started.

use crate::arch::{self, Gobuf};
use crate::os;

/// Makes libc call [`in_child`] in each child that it forks. Returns `false` if libc refuses.
pub(super) fn watch() -> bool {
    // SAFETY: the handler is a function, which lives for ever, and it does only what is allowed in
    // a child.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) == 0 }
}

/// Switches g0 to the goroutine's thread-locals. Runs in the child's only thread, before `fork`
/// returns there.
unsafe extern "C" fn in_child() {
    let m = arch::current_m().cast::<Gobuf>();
    if m.is_null() {
        return;
    }
    // SAFETY: an M begins with g0's context (`arch/mod.rs`), which only this thread accesses while
    // a goroutine runs here.
    unsafe {
        let (own, here) = ((*m).tp, arch::thread_pointer());
        if !own.is_null() && own != here {
            os::unregister_rseq(own);
            (*m).tp = here;
        }
    }
}
