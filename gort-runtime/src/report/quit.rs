//! SIGQUIT: prints every goroutine and exits with status 2, as in Go.
//!
//! The handler may run on any thread at any instruction. So it only sets a flag and wakes sysmon,
//! which prints. Printing needs no goroutine and no P, so it works whatever state the threads are
//! in. If sysmon does not react to the first SIGQUIT, a second one ends the process at once.
//!
//! If the program ignores or handles SIGQUIT before the runtime starts, the runtime leaves the
//! signal alone. The program may also install its own handler later. If SIGQUIT is ignored only
//! because the process inherited that setting, for example from a shell that runs `server &` in a
//! script, the runtime handles it nevertheless (`signal/start.rs`).

use crate::base::prim::{
    AtomicBool,
    Ordering::{AcqRel, Acquire},
};
use crate::base::throw::end;
use crate::os::{self, SignalAction};
use crate::report::print::write_blocks;
use crate::report::stack::stack_of;
use crate::sched::state::SCHED;
use crate::signal::ALL_BUT_FAULTS;

/// Whether a SIGQUIT has arrived.
static ASKED: AtomicBool = AtomicBool::new(false);

const STATUS: i32 = 2;

/// Installs the handler, unless the program ignores SIGQUIT or has a handler of its own. Sysmon is
/// running by now.
pub(crate) fn install() {
    if os::signal_action(libc::SIGQUIT).handler != libc::SIG_DFL {
        return;
    }
    let action = SignalAction {
        handler: handler(),
        // System calls that the signal interrupts are restarted.
        flags: libc::SA_ONSTACK | libc::SA_RESTART,
        mask: ALL_BUT_FAULTS,
    };
    // SAFETY: the handler has the type that the flags announce, and does only what a signal handler
    // may do.
    unsafe { os::set_signal_action(libc::SIGQUIT, action) };
}

/// Returns the handler's address.
pub(crate) fn handler() -> usize {
    on_quit as *const () as usize
}

extern "C" fn on_quit(_signal: libc::c_int) {
    if ASKED.swap(true, AcqRel) {
        os::exit_now(STATUS);
    }
    os::keep_errno(|| SCHED.sysmon.wake());
}

/// Prints every goroutine and exits, if a SIGQUIT has arrived. Sysmon calls this.
pub(crate) fn quit_if_asked() {
    if ASKED.load(Acquire) {
        quit();
    }
}

#[cold]
fn quit() -> ! {
    // Bypass std's handle, which may be locked. If stderr is closed, the process exits anyway.
    let mut text = b"SIGQUIT: quit\n".to_vec();
    drop(write_blocks(&mut text, |_| true, stack_of));
    os::write_stderr(&text);
    end(STATUS)
}
