//! Wiring a goroutine to its thread: Go's `LockOSThread`.
//!
//! While wired, the goroutine runs on no other M and the M runs no other goroutine: when the
//! goroutine parks, its M hands on the P and sleeps (`stoplockedm`); whoever takes the
//! goroutine out of a run queue hands its own P to that M (`startlockedm`).
//!
//! Users wire by [`lock_os_thread`]; the runtime itself wires a goroutine that parks while it
//! unwinds from a panic, because std counts panics per thread. Both count, so they nest.

use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::thread;

/// Wires the calling goroutine to its present thread until the guard is dropped. Locks
/// nest. On a plain thread there is nothing to do. Go's `runtime.LockOSThread`.
///
/// For libraries that keep state per thread, and for system calls that act on the
/// calling thread. A goroutine that ends wired (by forgetting the guard) takes its
/// thread with it.
///
/// ```
/// use gort::prelude::*;
/// use std::thread;
///
/// let handle = go!(|| {
///     let _lock = gort::lock_os_thread();
///     let before = thread::current().id();
///     yield_now();
///     // Without the lock it may be another one.
///     assert_eq!(thread::current().id(), before);
/// });
/// handle.join().unwrap();
/// ```
#[must_use = "the goroutine is wired only as long as the guard lives"]
pub fn lock_os_thread() -> OsThreadLock {
    if let (Some(m), Some(gp)) = (tls::getm(), tls::goroutine()) {
        wire(m, gp);
    }
    OsThreadLock {
        _not_send: PhantomData,
    }
}

/// Keeps a goroutine on its thread; see [`lock_os_thread`].
///
/// ```
/// use gort::prelude::*;
/// use std::cell::Cell;
///
/// thread_local! {
///     /// As of a library that keeps state per thread.
///     static STATE: Cell<u32> = const { Cell::new(0) };
/// }
///
/// let handle = go!(|| {
///     let lock = gort::lock_os_thread();
///     STATE.set(1);
///     gort::time::sleep(Duration::from_millis(1));
///     let state = STATE.get();
///     drop(lock);
///     state
/// });
/// assert_eq!(handle.join().unwrap(), 1);
/// ```
#[derive(Debug)]
pub struct OsThreadLock {
    /// Belongs to the goroutine that made it.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for OsThreadLock {
    fn drop(&mut self) {
        if let Some(gp) = tls::goroutine() {
            unwire_if(true, gp);
        }
    }
}

fn wire(m: &M, gp: NonNull<G>) {
    // SAFETY: the running goroutine owns itself.
    let g = unsafe { gp.as_ref() };
    g.wired.set(g.wired.get() + 1);
    g.lockedm.set(m);
    m.lockedg.set(gp.as_ptr());
    m.unlike_others.set(true);
}

/// Wires a goroutine that is about to park while it panics; true if it did.
#[inline]
pub(crate) fn wire_if_panicking(m: &M, gp: NonNull<G>) -> bool {
    let panicking = thread::panicking();
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

#[cold]
fn unwire(gp: NonNull<G>) {
    // SAFETY: the running goroutine owns itself.
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
