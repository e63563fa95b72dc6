//! Starting the threads of Ms.
//!
//! A thread begins as a copy of the one that starts it: its signal mask, niceness, namespaces. A
//! goroutine wired to its thread may have changed them for itself alone, so no thread is started
//! from there. Such an M leaves the new one to sysmon, whose thread no goroutine ever has: Go's
//! template thread.
//!
//! Nothing is lost meanwhile: the new M is counted in `threads` (`checkdead.rs`) and has its P.
//! Sysmon's note remembers a wake-up that comes while sysmon is awake.

use super::mstart::mstart;
use crate::base::lock::Lock;
use crate::base::throw::fatal;
use crate::panics::unwind;
use crate::proc::m::M;
use crate::proc::tls;
use crate::sched::g0call::call_on_g0;
use crate::sched::state::{PickedM, SCHED};
use std::io;
use std::thread;

/// Ms whose threads sysmon is to start.
static LEFT_TO_SYSMON: Lock<Vec<&'static M>> = Lock::new(Vec::new());

/// Starts the thread of `m`, or has it started.
#[cold]
pub(super) fn newm(m: &'static M) {
    if tls::getm().is_some_and(|here| here.unlike_others.get()) {
        LEFT_TO_SYSMON.lock().push(m);
        SCHED.sysmon.wake();
    } else {
        must_start(m);
    }
}

/// Sysmon: starts what was left to it.
pub(crate) fn start_left_threads() {
    loop {
        let next = LEFT_TO_SYSMON.lock().pop();
        let Some(m) = next else { return };
        must_start(m);
    }
}

/// Sysmon, in a burst of blocking calls: starts up to two threads without a P, as long as fewer than
/// `wanted` are idle. Those that turn out to be too many exit like other surplus ones, and where the
/// system allows no more there are none.
pub(crate) fn start_spare_threads(wanted: u32) {
    for _ in 0..2 {
        let picked = SCHED.shared.lock().pick_spare(wanted);
        let m = match picked {
            Some(PickedM::Exited(m)) => m,
            Some(PickedM::New) => M::leak(),
            Some(PickedM::Idle(_)) | None => return,
        };
        if start(m).is_err() {
            SCHED.shared.lock().thread_ended(m);
            return;
        }
    }
}

fn must_start(m: &'static M) {
    if let Err(e) = start(m) {
        fatal(&format!(
            "cannot start another thread ({e}); raise `ulimit -u` or the container's pid limit"
        ));
    }
}

fn start(m: &'static M) -> io::Result<()> {
    m.unlike_others.set(false);
    let start = move || {
        thread::Builder::new()
            .name("gort".into())
            .spawn(move || mstart(m))
    };
    let started = match (tls::getm(), tls::getg()) {
        // A goroutine's stack may be small; starting a thread wants room.
        // SAFETY: this code runs in `gp`, on this thread's M. `start` is no user code, so it does not
        // matter whether the goroutine is inside the runtime: most who wake an M are, but
        // `set_max_procs` is not, and may lose its P meanwhile.
        (Some(here), Some(gp)) => unsafe { call_on_g0(here, gp, false, start) },
        _ => Ok(start()),
    };
    let started = started.unwrap_or_else(|payload| unwind::raise(payload));
    started.map(drop)
}
