//! Starting the threads of Ms.
//!
//! A thread begins as a copy of the one that starts it: its signal mask, niceness, namespaces. A
//! goroutine wired to its thread may have changed them for itself alone, so no thread is started
//! from there. Such an M leaves the new one to sysmon, whose thread no goroutine ever has: Go's
//! template thread.
//!
//! Nothing is lost meanwhile: the new M is counted in `threads` (`checkdead.rs`) and has its P.
//! Sysmon's note remembers a wake-up that comes while sysmon is awake.

use super::thread::start;
use crate::base::lock::Lock;
use crate::base::prim::global;
use crate::base::throw::fatal;
use crate::proc::m::M;
use crate::proc::tls;
use crate::sched::state::{PickedM, SCHED};

global! {
    /// Ms whose threads sysmon is to start.
    static LEFT_TO_SYSMON: Lock<Vec<&'static M>> = Lock::new(Vec::new());
}

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
