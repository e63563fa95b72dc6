//! Starting the thread of an M. (The models have a stand-in, `thread_loom.rs`.)

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
    m.unlike_others.set(false);
    let start = move || {
        thread::Builder::new()
            .name(format!("gort-m{}", m.id))
            .spawn(move || mstart(m))
    };
    let started = match (tls::getm(), tls::getg()) {
        // A goroutine's stack may be small; starting a thread wants room.
        // SAFETY: this code runs in `gp`, on this thread's M. `start` is no user code, so it does not
        // matter whether the goroutine is inside the runtime: most who wake an M are, but
        // `set_max_procs` is not, and may lose its P meanwhile.
        (Some(here), Some(gp)) => unsafe { call_on_g0(here, gp, false, start) },
        // Sysmon's mask may be another one now.
        _ => Ok(mask::with_first_mask(start)),
    };
    let started = started.unwrap_or_else(|payload| unwind::raise(payload));
    started.map(drop)
}
