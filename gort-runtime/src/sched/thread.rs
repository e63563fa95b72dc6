//! Starts the thread of an M. (Models use the stand-in `thread_loom.rs`.)

use super::mstart::mstart;
use crate::panics::unwind;
use crate::proc::m::M;
use crate::proc::tls;
use crate::sched::g0call::call_on_g0;
use crate::signal::mask;
use std::io;
use std::thread;

/// Starts the thread of `m`.
pub(super) fn start(m: &'static M) -> io::Result<()> {
    m.tainted.set(false);
    let start = move || {
        thread::Builder::new()
            .name(format!("gort-m{}", m.id))
            .spawn(move || mstart(m))
    };
    let started = match (tls::getm(), tls::getg()) {
        // Starting a thread needs more stack than a goroutine may have, so it is done on g0.
        // SAFETY: this code runs in `gp`, on this thread's M. `start` is not user code, so it does
        // not matter whether the goroutine is inside the runtime. Most callers that wake an M are
        // inside. `set_max_procs` is not, and may lose its P during the call.
        (Some(here), Some(gp)) => unsafe { call_on_g0(here, gp, false, start) },
        // The caller is a plain thread or sysmon. Sysmon's signal mask may have changed by now.
        _ => Ok(mask::with_initial_mask(start)),
    };
    let started = started.unwrap_or_else(|payload| unwind::raise(payload));
    started.map(drop)
}
