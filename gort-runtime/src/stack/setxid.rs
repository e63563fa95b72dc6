//! `setuid` and its like, while threads run goroutines with thread-locals of their own.
//!
//! The kernel keeps user and group ids per thread, POSIX wants them per process: libc sends every thread a
//! signal whose handler makes the call there too, and ticks the thread off in its control block, which it finds by the
//! thread pointer. Under a goroutine's that would be the wrong block, and the caller would wait for ever. So the
//! handler is replaced by one that calls libc's with the thread's own pointer.
//!
//! The signal is one that libc keeps to itself: `sigaction` refuses to touch it, the system call does not.

use crate::arch::{self, Gobuf};
use crate::os;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// libc's handler.
static LIBCS: AtomicUsize = AtomicUsize::new(0);

/// Replaces libc's handler, if it has one. (Where there is none, nothing is done by signals.)
pub(super) fn handle_under_own_pointer() {
    // Another thread may be in ours as soon as it is there: then libc's is known. (The system call that installs it, and
    // the signal's delivery, order the two.)
    os::replace_setxid_handler(on_setxid as *const () as usize, |libcs| {
        LIBCS.store(libcs, Relaxed);
    });
}

/// The arguments of a signal handler.
struct Call {
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
}

/// # Safety
/// Called by the kernel, as an `SA_SIGINFO` handler.
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
    // SAFETY: `chain` gets its arguments. An M begins with g0's context (`arch/mod.rs`), in which the thread's own
    // pointer stands; nobody uses that one but this thread, which has stopped what it did to handle the signal.
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
/// `call` is a [`Call`] with what the kernel has passed.
unsafe extern "C" fn chain(call: *mut u8) {
    let handler = LIBCS.load(Relaxed);
    if handler == 0 {
        return;
    }
    // SAFETY: caller's clause: a `Call`, with what the kernel has passed; the handler was installed for such calls.
    unsafe {
        let call = &*call.cast::<Call>();
        let handler: unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
            std::mem::transmute(handler);
        handler(call.signal, call.info, call.context);
    }
}
