//! What a goroutine keeps about its end, beside what std keeps.
//!
//! - *Whether it exits*: it has called `goexit`, which nothing takes back.
//! - Under `GORT_PANIC=abort`, *whether it panics*: the program must not end with main's
//!   status while a panic that will end it is on its way to the goroutine's root.
//!
//! The panic hook that takes note also says whose panic the message is about: std knows only the thread. It wraps the
//! hook that it finds at the start, and a hook that the program sets later replaces both.
//!
//! What replaces a panic on its way is in `unwind.rs`.

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

/// Goroutines that have panicked and not ended.
static PANICKED: AtomicUsize = AtomicUsize::new(0);

/// How long the end of main waits for panics that are on their way: a goroutine that
/// has recovered and goes on cannot be told from one that has not.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Whether libtest keeps what is printed, to show it with the test that fails.
static CAPTURED: AtomicBool = AtomicBool::new(false);

/// From now on libtest keeps what is printed.
pub(crate) fn output_is_captured() {
    CAPTURED.store(true, Relaxed);
}

/// Says whose panic message comes next.
fn announce(g: &G) {
    let name = g.name_if_free();
    let name = name.map_or_else(String::new, |name| format!(" {name:?}"));
    if CAPTURED.load(Relaxed) {
        eprintln!("goroutine {}{name}:", g.id());
    } else {
        // `eprintln!` panics where standard error cannot be written: here that would abort the process.
        os::write_stderr(format!("goroutine {}{name}:\n", g.id()).as_bytes());
    }
}

/// Takes note of every panic, and has its goroutine named before the message of the hook that is there; with `abort`
/// (`GORT_PANIC=abort`) also takes note of every goroutine that panics.
pub(crate) fn take_note(abort: bool) {
    if thread::panicking() {
        // The hook cannot be changed now; main's status may win over the panic's.
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        unwind::begins();
        if let Some(gp) = tls::goroutine() {
            // SAFETY: a G for ever, of which atomics are read, and the name if its lock is free.
            announce(unsafe { gp.as_ref() });
        }
        if abort && let Some(gp) = tls::getg() {
            // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs here, so it owns its cells.
            if !unsafe { gp.as_ref() }.panicked.replace(true) {
                PANICKED.fetch_add(1, Relaxed);
            }
        }
        previous(info);
    }));
}

/// A goroutine has ended after all.
pub(crate) fn ended(g: &G) {
    if g.panicked.replace(false) {
        PANICKED.fetch_sub(1, Relaxed);
    }
}

/// Before the process ends with main's status: lets panics that are on their way end it.
pub(crate) fn let_panics_win() {
    let until = os::now_ns() + PATIENCE_NS;
    while PANICKED.load(Relaxed) != 0 && os::now_ns() < until {
        thread::sleep(Duration::from_millis(1));
    }
}

/// The payload that `goexit` unwinds with.
struct GoexitPayload;

/// Begins the exit of the running goroutine `gp`.
pub(crate) fn exit(gp: NonNull<G>) -> ! {
    // SAFETY: a G for ever; it runs on this thread (caller's word), which owns its cells.
    let exits = unsafe { &gp.as_ref().exits };
    // It is never 0 again.
    exits.set(exits.get().saturating_add(1));
    exit_again()
}

/// The running goroutine has begun to exit, and something stopped it.
#[cold]
pub(crate) fn exit_again() -> ! {
    unwind::raise(Box::new(GoexitPayload))
}

/// How often the running goroutine has called [`goexit`](crate::goexit()).
#[inline]
pub(crate) fn exits() -> u32 {
    // SAFETY: a G for ever; it runs here, so it owns its cells.
    tls::getg().map_or(0, |gp| unsafe { gp.as_ref() }.exits.get())
}

/// Whether a caught panic payload is that of [`goexit`](crate::goexit()).
#[must_use]
pub fn is_goexit(payload: &(dyn Any + Send)) -> bool {
    payload.is::<GoexitPayload>()
}

/// Whether the running goroutine may not wait: it has called [`goexit`](crate::goexit()), and
/// a `catch_unwind` has stopped the unwinding. While it unwinds, deferred blocks may wait.
#[inline]
#[must_use]
pub fn must_exit() -> bool {
    exits() != 0 && !thread::panicking()
}

/// Before a wait, with nothing held: unwinds if the goroutine [`must_exit`].
#[inline]
pub fn go_on_exiting() {
    if must_exit() {
        exit_again()
    }
}
