//! SIGQUIT: prints every goroutine and exits with status 2, as in Go.
//!
//! The handler may run on any thread at any instruction, so it only leaves word and wakes
//! sysmon, which prints: no goroutine and no P is needed, whatever state the threads are in. A
//! second SIGQUIT ends the process at once, should the first one not get through.
//!
//! A program that ignores SIGQUIT itself, or handles it, before the runtime starts keeps it so; and it may install
//! a handler of its own later. That it was ignored when the process was started, as shells do for `server &` in a
//! script, does not count (`signal/start.rs`).

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

/// A SIGQUIT has come.
static ASKED: AtomicBool = AtomicBool::new(false);

const STATUS: i32 = 2;

/// Installs the handler, unless the program has decided otherwise. Sysmon runs already.
pub(crate) fn install() {
    if os::signal_action(libc::SIGQUIT).handler != libc::SIG_DFL {
        return;
    }
    let action = SignalAction {
        handler: handler(),
        // System calls that it interrupts go on.
        flags: libc::SA_ONSTACK | libc::SA_RESTART,
        mask: ALL_BUT_FAULTS,
    };
    // SAFETY: a handler of the kind that the flags say, which keeps to what one may do.
    unsafe { os::set_signal_action(libc::SIGQUIT, action) };
}

/// The handler's address.
pub(crate) fn handler() -> usize {
    on_quit as *const () as usize
}

extern "C" fn on_quit(_signal: libc::c_int) {
    if ASKED.swap(true, AcqRel) {
        os::exit_now(STATUS);
    }
    os::keep_errno(|| SCHED.sysmon.wake());
}

/// Sysmon: prints and exits if a SIGQUIT has come.
pub(crate) fn quit_if_asked() {
    if ASKED.load(Acquire) {
        quit();
    }
}

#[cold]
fn quit() -> ! {
    // Not through std's handle, which somebody may have locked. A closed stderr is no reason
    // to stay.
    let mut text = b"SIGQUIT: quit\n".to_vec();
    drop(write_blocks(&mut text, |_| true, stack_of));
    os::write_stderr(&text);
    end(STATUS)
}
