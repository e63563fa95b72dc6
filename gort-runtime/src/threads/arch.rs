//! The context switch, if goroutines are threads: there is none.
//!
//! The names are those of `arch/mod.rs`. Code for g0 runs in the goroutine's own frame. Where the
//! native scheduler would run another goroutine, the thread sleeps (`sched/run.rs`).

use std::cell::Cell;
use std::ptr;

/// The saved context of `arch/mod.rs`. Here nothing is saved; it only says whose thread-locals a
/// goroutine has.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Gobuf {
    /// Always null.
    pub(crate) sp: *mut u8,
    /// Null in an M. Not null in a goroutine: its thread-locals are its own, because its thread is.
    pub(crate) tp: *mut u8,
}

impl Gobuf {
    /// The value in an M.
    pub(crate) const NONE: Self = Self {
        sp: ptr::null_mut(),
        tp: ptr::null_mut(),
    };

    /// The value in a goroutine.
    pub(crate) const OWN_THREAD: Self = Self {
        sp: ptr::null_mut(),
        tp: ptr::without_provenance_mut(1),
    };
}

/// The functions that [`mcall`] calls.
///
/// # Safety
/// As in `arch/mod.rs`, with two differences: it is called on the goroutine's own stack, and it
/// returns only when the goroutine must continue or has ended.
pub(crate) type OnG0Fn = unsafe extern "C" fn(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf;

/// The functions that [`call_under`] calls.
///
/// # Safety
/// It is called with an `arg` that it was made for.
pub(crate) type ObserverFn = unsafe extern "C" fn(arg: *mut u8);

/// The function that the native mode calls on the goroutine's stack once its entry has returned.
///
/// # Safety
/// It is never called: the thread returns.
pub(crate) type ExitFn = unsafe extern "C" fn() -> !;

/// The first function of a goroutine.
///
/// # Safety
/// It is called once, with the `arg` that was made for it.
pub(crate) type EntryFn = unsafe extern "C" fn(arg: *mut u8);

thread_local! {
    /// The M of this thread. It has no destructor, so it is valid until the thread has ended.
    static CURRENT_M: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) };
}

/// Returns this thread's M, or null.
#[expect(
    clippy::disallowed_methods,
    reason = "a goroutine does not change threads"
)]
#[inline]
pub(crate) fn current_m() -> *mut u8 {
    CURRENT_M.with(Cell::get)
}

/// Makes `m` this thread's M.
#[expect(
    clippy::disallowed_methods,
    reason = "a goroutine does not change threads"
)]
pub(crate) fn set_current_m(m: *mut u8) {
    CURRENT_M.with(|current| current.set(m));
}

/// Calls `f(from, m)`. Returns when the goroutine must continue.
///
/// # Safety
/// `from` is the running goroutine's context and `m` that of its thread's M, as `f` expects them.
#[inline]
pub(crate) unsafe fn mcall(f: OnG0Fn, from: *mut Gobuf, m: *mut Gobuf) {
    // SAFETY: the caller passes contexts that `f` expects.
    let next = unsafe { f(from, m) };
    debug_assert!(ptr::eq(next, from), "another goroutine cannot run here");
}

/// Does nothing: no context is about to be resumed.
pub(crate) fn prefetch(_at: *const u8) {}

/// Does nothing, as nothing is recorded.
pub fn prefetch_to_write(_at: *const u8) {}

/// Does nothing: there are no thread pointers to change.
pub(crate) fn probe_thread_pointer() {}

/// Returns null, as in every M.
pub(crate) fn thread_pointer() -> *mut u8 {
    ptr::null_mut()
}

/// Returns `false`: no thread pointer is ever set.
pub(crate) fn sets_thread_pointer_cheaply() -> bool {
    false
}

/// Calls `f(arg)`.
///
/// # Safety
/// `f` may be called with `arg`.
pub(crate) unsafe fn call_under(_tp: *mut u8, _m: *mut u8, f: ObserverFn, arg: *mut u8) {
    // SAFETY: the caller guarantees that `f` may be called with `arg`.
    unsafe { f(arg) };
}
