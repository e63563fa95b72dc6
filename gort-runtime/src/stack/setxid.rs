//! `setuid` and similar functions, while threads run goroutines with thread-locals of their own.
//!
//! The kernel keeps user and group ids per thread, but POSIX wants them per process. libc therefore
//! sends every thread a signal. The handler makes the call on that thread too, and marks the thread
//! as done in its control block, which the handler finds by the thread pointer. Under a goroutine's
//! thread pointer that would be the wrong block, and the caller of `setuid` would wait for ever. So
//! this file replaces the handler by one that calls libc's under the thread's own pointer.
//!
//! libc reserves that signal for itself: `sigaction` refuses to change it, but the system call does
//! not.

use crate::arch::{self, Gobuf};
use crate::os;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The address of libc's handler.
static LIBC_HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Replaces libc's handler, if it has one. (A libc without such a handler does not use signals for
/// this.)
pub(super) fn handle_under_own_pointer() {
    // Another thread may run our handler as soon as it is installed, so libc's must be stored
    // before. (The system call that installs the handler, and the delivery of the signal, order the
    // two.)
    os::replace_setxid_handler(on_setxid as *const () as usize, |handler| {
        LIBC_HANDLER.store(handler, Relaxed);
    });
}

/// The arguments of a signal handler.
struct Call {
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
}

/// Handles libc's signal: calls libc's handler under the thread's own thread pointer.
///
/// # Safety
/// The kernel calls it as an `SA_SIGINFO` handler.
unsafe extern "C" fn on_setxid(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let mut call = Call {
        signal,
        info,
        context,
    };
    let arg = (&raw mut call).cast();
    let m = arch::current_m();
    // SAFETY: `chain` gets its arguments. An M begins with g0's context (`arch/mod.rs`), which
    // holds the thread's own pointer. Only this thread uses that pointer, and it has been
    // interrupted to handle the signal.
    unsafe {
        match m.cast::<Gobuf>().as_ref() {
            Some(g0) => arch::call_under(g0.tp, m, chain, arg),
            None => chain(arg),
        }
    }
}

/// Calls libc's handler.
///
/// # Safety
/// `call` points to a [`Call`] with the kernel's arguments.
unsafe extern "C" fn chain(call: *mut u8) {
    let handler = LIBC_HANDLER.load(Relaxed);
    if handler == 0 {
        return;
    }
    // SAFETY: the caller says that this is a `Call` with the kernel's arguments. libc installed the
    // handler for such calls.
    unsafe {
        let call = &*call.cast::<Call>();
        let handler: unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
            std::mem::transmute(handler);
        handler(call.signal, call.info, call.context);
    }
}
