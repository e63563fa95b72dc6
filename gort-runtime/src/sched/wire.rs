//! Wiring a goroutine to its thread: Go's `LockOSThread`.
//!
//! While wired, the goroutine runs on no other M and the M runs no other goroutine: when the
//! goroutine parks, its M hands on the P and sleeps (`stoplockedm`); whoever takes the
//! goroutine out of a run queue hands its own P to that M (`startlockedm`).
//!
//! Users wire by `lock_os_thread` (`api/lock_thread.rs`); the runtime itself wires a goroutine that parks while it
//! unwinds from a panic, because std counts panics in a thread-local, unless that is the goroutine's own. Both count, so they nest.

use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use std::ptr::{self, NonNull};
use std::thread;

/// Wires the running goroutine `gp` to `m`, its thread's.
pub(crate) fn wire(m: &M, gp: NonNull<G>) {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs on this thread, which therefore owns it.
    let g = unsafe { gp.as_ref() };
    g.wired.set(g.wired.get() + 1);
    g.lockedm.set(m);
    m.lockedg.set(gp.as_ptr());
    m.unlike_others.set(true);
}

/// Wires a goroutine that is about to park while it panics, unless its thread-locals, in which std counts its
/// panics, are its own; true if it did.
#[inline]
pub(crate) fn wire_if_panicking(m: &M, gp: NonNull<G>) -> bool {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs on this thread, which therefore owns it.
    let panicking = thread::panicking() && !unsafe { gp.as_ref() }.has_own_thread_locals();
    if panicking {
        wire(m, gp);
    }
    panicking
}

/// Takes one wiring back, if there was one.
#[inline]
pub(crate) fn unwire_if(wired: bool, gp: NonNull<G>) {
    if wired {
        unwire(gp);
    }
}

/// Takes a wiring of the running goroutine `gp` back.
#[cold]
fn unwire(gp: NonNull<G>) {
    // SAFETY: a G for ever; it runs on this thread, which therefore owns it.
    let g = unsafe { gp.as_ref() };
    g.wired.set(g.wired.get() - 1);
    if g.wired.get() == 0 {
        g.lockedm.set(ptr::null());
        if let Some(m) = tls::getm() {
            m.lockedg.set(ptr::null_mut());
            m.unlike_others.set(false);
        }
    }
}

/// On g0: a goroutine has ended on `m`; true if it was wired.
pub(crate) fn end(m: &M, g: &G) -> bool {
    let wired = g.wired.replace(0) != 0;
    g.lockedm.set(ptr::null());
    m.lockedg.set(ptr::null_mut());
    wired
}
