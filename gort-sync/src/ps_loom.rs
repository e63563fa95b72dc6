//! Stand-in for the part of gort-runtime's Ps that gort-sync uses, for loom.
//!
//! A thread of a model has no P, unless it calls [`set_p`]. Several threads may have the same P one
//! after the other, as Ms that hand it on.

use loom::sync::Mutex;
use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::atomic::fence;
use std::cell::Cell;

// loom runs all threads of a model on one thread.
std::thread_local! {
    static PROCS: Cell<usize> = const { Cell::new(2) };
}

loom::thread_local! {
    /// The number of this thread's P.
    static P: Cell<Option<usize>> = Cell::new(None);
}

loom::lazy_static! {
    static ref OWNED: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
}

/// Called before each execution of a model.
#[cfg(test)]
pub(crate) fn reset() {
    PROCS.set(2);
}

/// Sets the number of Ps for this execution.
#[cfg(test)]
pub(crate) fn set_procs(procs: usize) {
    PROCS.set(procs);
}

/// Gives this thread a P, or none.
#[cfg(test)]
pub(crate) fn set_p(p: Option<usize>) {
    P.with(|cell| cell.set(p));
}

#[must_use]
pub fn max_procs() -> usize {
    PROCS.get()
}

pub fn on_own_p<R>(f: impl FnOnce(usize) -> R) -> Option<R> {
    let p = P.with(Cell::get)?;
    let Ok(_owned) = OWNED[p].lock() else {
        unreachable!("loom's locks are not poisoned")
    };
    Some(f(p))
}

/// Returns `None` also if another thread has the P.
pub fn try_on_own_p<R>(f: impl FnOnce(usize) -> R) -> Option<R> {
    let p = P.with(Cell::get)?;
    let _owned = OWNED[p].try_lock().ok()?;
    Some(f(p))
}

/// Does nothing: a thread of a model gets a P only by [`set_p`].
pub fn get_p_back() {}

/// Does nothing: a model has no caches.
pub fn prefetch_to_write(_: *const u8) {}

/// Does nothing: nothing takes time in a model, so no thread steps back.
pub fn collided(_: impl FnOnce()) {}

#[must_use]
pub fn is_asymmetric() -> bool {
    true
}

/// A full fence, as on a machine without membarrier.
pub fn light_barrier() {
    fence(SeqCst);
}

/// A full fence, as on a machine without membarrier.
pub fn heavy_barrier() {
    fence(SeqCst);
}
