//! Wiring a goroutine to its thread: Go's `LockOSThread`.
//!
//! A wired goroutine runs on no other M, and its M runs no other goroutine. When the goroutine
//! parks, its M hands on the P and sleeps (`stoplockedm`). An M that takes the goroutine out of a
//! run queue hands its own P to the wired M (`startlockedm`).
//!
//! Users wire by `lock_os_thread` (`api/lock_thread.rs`). The runtime itself wires a goroutine that
//! parks while it unwinds from a panic, because std counts panics in a thread-local. (A goroutine
//! that has its own thread-locals is not wired for that.) Both kinds count in `wired`, so they
//! nest.

use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use std::ptr::{self, NonNull};
use std::thread;

/// Wires the running goroutine `gp` to `m`, the M of its thread.
pub(crate) fn wire(m: &M, gp: NonNull<G>) {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). `gp` runs on this thread, which
    // therefore owns it.
    let g = unsafe { gp.as_ref() };
    g.wired.set(g.wired.get() + 1);
    g.lockedm.set(m);
    m.lockedg.set(gp.as_ptr());
    m.tainted.set(true);
}

/// Wires `gp`, which is about to park, if it is panicking. Returns `true` if it was wired. A
/// goroutine that has its own thread-locals is not wired, since std counts its panics in those.
#[inline]
pub(crate) fn wire_if_panicking(m: &M, gp: NonNull<G>) -> bool {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). `gp` runs on this thread, which
    // therefore owns it.
    let panicking = thread::panicking() && !unsafe { gp.as_ref() }.has_own_thread_locals();
    if panicking {
        wire(m, gp);
    }
    panicking
}

/// Undoes one wiring if `wired` says that there was one.
#[inline]
pub(crate) fn unwire_if(wired: bool, gp: NonNull<G>) {
    if wired {
        unwire(gp);
    }
}

/// Undoes one wiring of the running goroutine `gp`.
#[cold]
fn unwire(gp: NonNull<G>) {
    // SAFETY: Gs live for ever. It runs on this thread, which therefore owns it.
    let g = unsafe { gp.as_ref() };
    g.wired.set(g.wired.get() - 1);
    if g.wired.get() == 0 {
        g.lockedm.set(ptr::null());
        if let Some(m) = tls::getm() {
            m.lockedg.set(ptr::null_mut());
            m.tainted.set(false);
        }
    }
}

/// Undoes all wirings of a goroutine that has ended on `m`. Returns `true` if it was wired. Runs on
/// g0.
pub(crate) fn end(m: &M, g: &G) -> bool {
    let wired = g.wired.replace(0) != 0;
    g.lockedm.set(ptr::null());
    m.lockedg.set(ptr::null_mut());
    wired
}
