//! What a thread does when its goroutine parks, ends or yields. (In the native mode, the M then
//! finds another goroutine to run.) The names are those of `sched/run.rs`.

use crate::arch::Gobuf;
use crate::base::throw::throw;
use crate::proc::g::G;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::m::OnG0;
use std::ptr::NonNull;
use std::thread;

/// Sleeps until this thread's goroutine, which has parked, is submitted.
pub(crate) fn schedule(m: &OnG0) -> *mut Gobuf {
    let Some(gp) = NonNull::new(m.lockedg.get()) else {
        throw("a thread without a goroutine");
    };
    m.note.sleep();
    // SAFETY: the record is alive, because its goroutine has not ended. The submitter has passed it
    // to us.
    casgstatus(
        unsafe { &gp.as_ref().status },
        GStatus::Runnable,
        GStatus::Running,
    );
    m.curg.set(gp.as_ptr());
    G::gobuf(gp)
}

/// Ends the goroutine. Its thread ends with it.
pub(crate) fn leave_thread(m: &OnG0) -> *mut Gobuf {
    m.g0()
}

/// Lets other threads run.
pub(crate) fn yield_to_queue(_: &OnG0, gp: NonNull<G>) -> *mut Gobuf {
    thread::yield_now();
    G::gobuf(gp)
}
