//! What a goroutine keeps about its panics, beside what std keeps.
//!
//! - A *replacement*: a deferred block that panics while the goroutine unwinds cannot let that
//!   panic out (Rust would abort), so its payload waits here for whoever catches the first
//!   one: Go's rule that the newer panic replaces the older.
//! - *Whether it exits*: it has called `goexit`, which nothing takes back.
//! - Under `GORT_PANIC=abort`, *whether it panics*: the program must not end with main's
//!   status while a panic that will end it is on its way to the goroutine's root.

use crate::g::G;
use crate::os;
use crate::prim::{AtomicUsize, Ordering::Relaxed};
use crate::tls;
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

/// `GORT_PANIC=abort`: takes note of every goroutine that panics.
pub(crate) fn take_note() {
    if thread::panicking() {
        // The hook cannot be changed now; main's status may win over the panic's.
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if let Some(gp) = tls::getg() {
            // SAFETY: the running goroutine owns itself.
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
    // SAFETY: the running goroutine owns itself.
    unsafe { gp.as_ref() }.exiting.set(true);
    panic::resume_unwind(Box::new(GoexitPayload))
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
    // SAFETY: the running goroutine owns itself.
    tls::getg().is_some_and(|gp| unsafe { gp.as_ref() }.exiting.get()) && !thread::panicking()
}

/// Before a wait, with nothing held: unwinds if the goroutine [`must_exit`].
#[inline]
pub fn go_on_exiting() {
    if must_exit() {
        panic::resume_unwind(Box::new(GoexitPayload))
    }
}

/// A deferred block panicked (or exited) while its goroutine unwinds: `payload` replaces
/// the one that is on its way. On a plain thread it is dropped.
#[doc(hidden)]
pub fn replace_panic(payload: Box<dyn Any + Send>) {
    if let Some(gp) = tls::getg() {
        // SAFETY: the running goroutine owns itself.
        unsafe { gp.as_ref() }.replacement.set(Some(payload));
    }
}

/// Takes what [`replace_panic`] has left.
#[doc(hidden)]
#[must_use]
pub fn take_replacement() -> Option<Box<dyn Any + Send>> {
    let gp = tls::getg()?;
    // SAFETY: the running goroutine owns itself.
    unsafe { gp.as_ref() }.replacement.take()
}
