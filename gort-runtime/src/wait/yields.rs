//! `yield_now`: lets other goroutines run.

use crate::arch::Gobuf;
use crate::panics::panicking::go_on_exiting;
use crate::proc::g::G;
use crate::proc::hooks;
use crate::proc::m::{M, OnG0};
use crate::proc::tls;
use crate::sched::run::yield_to_queue;
use crate::turns::gate;
use crate::wait::leave::switch_by;
use crate::wait::point;
use std::panic::Location;
use std::ptr::NonNull;
use std::thread;

/// Lets other goroutines run: the caller moves to the tail of its queue. On a plain thread, yields
/// the thread. Go's `runtime.Gosched`.
///
/// ```
/// use gort::prelude::*;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let ready = Arc::new(AtomicBool::new(false));
/// go!(clone [ready]; { ready.store(true, Ordering::Release); });
/// while !ready.load(Ordering::Acquire) {
///     yield_now();
/// }
/// ```
#[track_caller]
pub fn yield_now() {
    go_on_exiting();
    if gate::is_open() && point::yields(Location::caller()) {
        return;
    }
    let Some(gp) = tls::getg() else {
        hooks::refuse(format_args!("yield"));
        return thread::yield_now();
    };
    // SAFETY: the requirements of `switch_by`: `getg` says that `gp` runs here, and `gosched_m`
    // makes `gp` Runnable and queues it.
    unsafe { switch_by(gp, gosched_m) };
}

/// Queues the goroutine and schedules. Runs on g0.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](crate::arch::OnG0Fn). Only `yield_now` uses this function.
unsafe extern "C" fn gosched_m(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: the caller passes the context with which a G begins, and g0's context, with which an
    // M begins. Neither is null, and both pointers cover the whole object (`G::gobuf`, `M::g0`).
    // This runs on that M's g0.
    unsafe {
        yield_to_queue(
            OnG0::of(&*m.cast::<M>()),
            NonNull::new_unchecked(from.cast::<G>()),
        )
    }
}
