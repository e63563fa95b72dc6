//! `lock_os_thread`: Go's `LockOSThread`. `sched/wire.rs` explains wiring.

use crate::proc::hooks;
use crate::proc::tls;
use crate::sched::wire::{unwire_if, wire};
use std::marker::PhantomData;

/// Wires the calling goroutine to its current thread until the guard is dropped. Calls nest. On a
/// plain thread this does nothing. This is the counterpart of Go's `runtime.LockOSThread`.
///
/// Use it for libraries that keep state per thread, and for system calls that act on the calling
/// thread. If a goroutine ends while it is wired (because the guard was forgotten), its thread ends
/// with it.
///
/// ```
/// use gort::prelude::*;
/// use std::thread;
///
/// let handle = go!(|| {
///     let _lock = gort::lock_os_thread();
///     let before = thread::current().id();
///     yield_now();
///     // Without the lock, the goroutine might continue on another thread.
///     assert_eq!(thread::current().id(), before);
/// });
/// handle.join().unwrap();
/// ```
#[must_use = "the goroutine is wired only while the guard lives"]
pub fn lock_os_thread() -> OsThreadLock {
    if let (Some(m), Some(gp)) = (tls::getm(), tls::goroutine()) {
        hooks::refuse(format_args!("call `lock_os_thread`"));
        wire(m, gp);
    }
    OsThreadLock {
        _not_send: PhantomData,
    }
}

/// Returns whether the caller is a goroutine that is wired to its thread. Such a goroutine may have
/// changed the thread's own settings, such as its signal mask.
#[must_use]
pub fn is_wired() -> bool {
    tls::getm().is_some_and(|m| m.tainted.get())
}

/// Keeps a goroutine on its thread. Created by [`lock_os_thread`].
///
/// ```
/// use gort::prelude::*;
/// use std::cell::Cell;
///
/// thread_local! {
///     /// Stands for the per-thread state of a library.
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
    /// Not `Send`: the guard belongs to the goroutine that created it.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for OsThreadLock {
    fn drop(&mut self) {
        if let Some(gp) = tls::goroutine() {
            unwire_if(true, gp);
        }
    }
}
