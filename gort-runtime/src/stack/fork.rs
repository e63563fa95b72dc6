//! `fork` in a goroutine with thread-locals of its own.
//!
//! To libc the thread that lives on in the child is the one whose thread pointer forked: the goroutine's. The block of
//! the thread that ran the goroutine belongs to one that is not there, and libc gives it to the next thread that the
//! child starts, or unmaps it. So in the child nothing may use it any more: the M's own pointer becomes the goroutine's, and
//! the kernel is told that its area for restartable sequences is gone (it would write there, or kill the child by SIGSEGV).
//!
//! Then g0 runs on the goroutine's thread-locals there, which is as much as can be had: the child has no other M, and
//! what libc allows there until `exec` does not start one. (`_Fork`, `clone` and `vfork` run no handlers; they allow still
//! less.)
//!
//! Handlers of others may run before, and allocate under the old pointer: its block is whole until a thread is started.

use crate::arch::{self, Gobuf};
use crate::os;

/// Has libc call [`in_child`] in each child that it forks.
pub(super) fn watch() -> bool {
    // SAFETY: the handler stays where it is, and does what is allowed in a child.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) == 0 }
}

/// In the child's only thread, before `fork` returns there.
unsafe extern "C" fn in_child() {
    let m = arch::current_m().cast::<Gobuf>();
    if m.is_null() {
        return;
    }
    // SAFETY: an M begins with g0's context (`arch/mod.rs`), which this thread alone touches while a goroutine
    // runs here.
    unsafe {
        let (own, here) = ((*m).tp, arch::thread_pointer());
        if !own.is_null() && own != here {
            os::unregister_rseq(own);
            (*m).tp = here;
        }
    }
}
