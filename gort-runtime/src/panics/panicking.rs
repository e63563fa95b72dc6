//! State about a goroutine's end that std does not keep.
//!
//! - *Whether the goroutine exits*: it has called `goexit`, which cannot be revoked.
//! - With `GORT_PANIC=abort`, *whether it panics*: the program must not end with main's status
//!   while a panic that will end it is still unwinding to the goroutine's root.
//!
//! A panic hook records panics. It also prints which goroutine the panic message is about, because
//! std knows only the thread. The hook wraps the hook that it finds when the runtime starts. A hook
//! that the program sets later replaces both.
//!
//! `unwind.rs` determines which panic replaces another.

use crate::base::prim::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use crate::os;
use crate::panics::unwind;
use crate::proc::g::G;
use crate::proc::tls;
use std::any::Any;
use std::panic;
use std::ptr::NonNull;
use std::thread;
use std::time::Duration;

/// Number of goroutines that have panicked and not yet ended.
static PANICKED: AtomicUsize = AtomicUsize::new(0);

/// How long the end of main waits for panics that are still unwinding. It must not wait for ever,
/// because a goroutine that has recovered and continues cannot be told from one that has not.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Whether libtest captures output, to show it with the test that fails.
static CAPTURED: AtomicBool = AtomicBool::new(false);

/// Records that libtest captures output from now on.
pub(crate) fn output_is_captured() {
    CAPTURED.store(true, Relaxed);
}

/// Prints which goroutine the panic message that follows is about.
fn announce(g: &G) {
    let name = g.name_if_free();
    let name = name.map_or_else(String::new, |name| format!(" {name:?}"));
    if CAPTURED.load(Relaxed) {
        eprintln!("goroutine {}{name}:", g.id());
    } else {
        // `eprintln!` panics if standard error cannot be written to. Here that would abort the
        // process.
        os::write_stderr(format!("goroutine {}{name}:\n", g.id()).as_bytes());
    }
}

/// Installs a panic hook that records every panic, and prints the goroutine's name before the
/// previous hook prints the message. With `abort` (`GORT_PANIC=abort`) it also counts every
/// goroutine that panics.
pub(crate) fn install_hook(abort: bool) {
    if thread::panicking() {
        // The hook cannot be changed during a panic. Main's status may then win over the panic's.
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        unwind::begins();
        if let Some(gp) = tls::goroutine() {
            // SAFETY: a G stays a G for ever. This reads atomics of it, and its name if the name's
            // lock is free.
            announce(unsafe { gp.as_ref() });
        }
        if abort && let Some(gp) = tls::getg() {
            // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). It runs here, so this
            // thread owns its cells.
            if !unsafe { gp.as_ref() }.panicked.replace(true) {
                PANICKED.fetch_add(1, Relaxed);
            }
        }
        previous(info);
    }));
}

/// Records that a goroutine has ended, and not by a panic that ends the process.
pub(crate) fn ended(g: &G) {
    if g.panicked.replace(false) {
        PANICKED.fetch_sub(1, Relaxed);
    }
}

/// Waits, for a limited time, for panics that will end the process. Called before the process ends
/// with main's status.
pub(crate) fn let_panics_win() {
    let until = os::now_ns() + PATIENCE_NS;
    while PANICKED.load(Relaxed) != 0 && os::now_ns() < until {
        thread::sleep(Duration::from_millis(1));
    }
}

/// The payload with which `goexit` unwinds.
struct GoexitPayload;

/// Begins the exit of the running goroutine `gp`.
pub(crate) fn exit(gp: NonNull<G>) -> ! {
    // SAFETY: a G stays a G for ever. The caller says that it runs on this thread, which therefore
    // owns its cells.
    let exits = unsafe { &gp.as_ref().exits };
    // Saturating: the count must never become 0 again.
    exits.set(exits.get().saturating_add(1));
    exit_again()
}

/// Continues the exit of the running goroutine, after something has stopped its unwinding.
#[cold]
pub(crate) fn exit_again() -> ! {
    unwind::raise(Box::new(GoexitPayload))
}

/// Returns how many times the running goroutine has called [`goexit`](crate::goexit()).
#[inline]
pub(crate) fn exits() -> u32 {
    // SAFETY: a G stays a G for ever. It runs here, so this thread owns its cells.
    tls::getg().map_or(0, |gp| unsafe { gp.as_ref() }.exits.get())
}

/// Returns `true` if a caught panic payload is that of [`goexit`](crate::goexit()).
#[must_use]
pub fn is_goexit(payload: &(dyn Any + Send)) -> bool {
    payload.is::<GoexitPayload>()
}

/// Returns `true` if the running goroutine must not wait, because it has called
/// [`goexit`](crate::goexit()) and a `catch_unwind` has stopped the unwinding. While it unwinds,
/// deferred blocks may wait.
#[inline]
#[must_use]
pub fn must_exit() -> bool {
    exits() != 0 && !thread::panicking()
}

/// Unwinds if the goroutine [`must_exit`]. Called before a wait, while the caller holds nothing.
#[inline]
pub fn go_on_exiting() {
    if must_exit() {
        exit_again()
    }
}
