//! Starting the threads of Ms.
//!
//! A new thread inherits the signal mask, niceness and namespaces of the thread that starts it. A
//! goroutine wired to its thread may have changed these for itself alone, so its M starts no
//! threads. It leaves that to sysmon, on whose thread no goroutine ever runs. This is Go's template
//! thread.
//!
//! The delay until sysmon starts the thread does no harm: the new M is counted in `threads`
//! (`checkdead.rs`) already, and has its P. Sysmon's note remembers a wake-up that arrives while
//! sysmon is awake.

use super::thread::start;
use crate::base::lock::Lock;
use crate::base::prim::global;
use crate::base::throw::fatal;
use crate::proc::m::M;
use crate::proc::tls;
use crate::sched::state::{PickedM, SCHED};

global! {
    /// Ms whose threads sysmon must start.
    static LEFT_TO_SYSMON: Lock<Vec<&'static M>> = Lock::new(Vec::new());
}

/// Starts the thread of `m`, or makes sysmon start it.
#[cold]
pub(super) fn newm(m: &'static M) {
    if tls::getm().is_some_and(|here| here.tainted.get()) {
        LEFT_TO_SYSMON.lock().push(m);
        SCHED.sysmon.wake();
    } else {
        must_start(m);
    }
}

/// Starts the threads that were left to sysmon. Only sysmon calls this.
pub(crate) fn start_left_threads() {
    loop {
        let next = LEFT_TO_SYSMON.lock().pop();
        let Some(m) = next else { return };
        must_start(m);
    }
}

/// Starts up to two threads without a P, while fewer than `wanted` Ms are idle. Sysmon calls this
/// in a burst of blocking calls. Threads that turn out to be surplus exit like any surplus thread.
/// If the system allows no more threads, starts none.
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
