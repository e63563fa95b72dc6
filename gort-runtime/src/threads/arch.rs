//! The switch, where each goroutine has a thread: there is none.
//!
//! The names are those of `arch/mod.rs`. What would run on g0 runs in the goroutine's own frame, and where the
//! scheduler would run another goroutine the thread sleeps (`sched/run.rs`).

use std::cell::Cell;
use std::ptr;

/// What `arch/mod.rs` calls a saved context. Here nothing is saved; it says whose thread-locals a goroutine has.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Gobuf {
    /// Always null.
    pub(crate) sp: *mut u8,
    /// Not null in a goroutine: its thread-locals are its own, since its thread is. Null in an M.
    pub(crate) tp: *mut u8,
}

impl Gobuf {
    /// Of an M.
    pub(crate) const NONE: Self = Self {
        sp: ptr::null_mut(),
        tp: ptr::null_mut(),
    };

    /// Of a goroutine.
    pub(crate) const OWN_THREAD: Self = Self {
        sp: ptr::null_mut(),
        tp: ptr::without_provenance_mut(1),
    };
}

/// What [`mcall`] calls.
///
/// # Safety
/// As in `arch/mod.rs`, but that it is called on the goroutine's own stack, and that it returns only when the
/// goroutine is to go on, or has ended.
pub(crate) type OnG0Fn = unsafe extern "C" fn(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf;

/// What [`call_under`] calls.
///
/// # Safety
/// It is called with an `arg` that it was meant for.
pub(crate) type ObserverFn = unsafe extern "C" fn(arg: *mut u8);

/// What would be called on the goroutine's stack once its entry has returned.
///
/// # Safety
/// It is not called: the thread returns.
pub(crate) type ExitFn = unsafe extern "C" fn() -> !;

/// First function of a goroutine.
///
/// # Safety
/// It is called once, with the `arg` that was meant for it.
pub(crate) type EntryFn = unsafe extern "C" fn(arg: *mut u8);

thread_local! {
    /// The M of this thread. Without a destructor, so that it is there for as long as the thread is.
    static CURRENT_M: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) };
}

/// This thread's M, or null.
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

/// Calls `f(from, m)`. Comes back when the goroutine is to go on.
///
/// # Safety
/// `from` is the running goroutine's context and `m` that of its thread's M, as `f` expects them.
#[inline]
pub(crate) unsafe fn mcall(f: OnG0Fn, from: *mut Gobuf, m: *mut Gobuf) {
    // SAFETY: caller's clause.
    let next = unsafe { f(from, m) };
    debug_assert!(ptr::eq(next, from), "another goroutine cannot run here");
}

/// Nothing: no context is about to be resumed.
pub(crate) fn prefetch(_at: *const u8) {}

/// Nothing: there are no thread pointers to change.
pub(crate) fn probe_thread_pointer() {}

/// Null, as in every M.
pub(crate) fn thread_pointer() -> *mut u8 {
    ptr::null_mut()
}

/// No thread pointer is ever set.
pub(crate) fn sets_thread_pointer_cheaply() -> bool {
    false
}

/// Calls `f(arg)`.
///
/// # Safety
/// `f` may be called with `arg`.
pub(crate) unsafe fn call_under(_tp: *mut u8, _m: *mut u8, f: ObserverFn, arg: *mut u8) {
    // SAFETY: caller's clause.
    unsafe { f(arg) };
}
