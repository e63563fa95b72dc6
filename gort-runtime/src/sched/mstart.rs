//! Start and end of an M's thread.

use super::hand::acquirep;
use super::run::schedule;
use crate::arch::{self, Gobuf};
use crate::base::prim::Ordering::Relaxed;
use crate::monitor::checkdead;
use crate::os;
use crate::proc::m::{M, OnG0};
use crate::proc::tls;
use crate::sched::state::SCHED;
use crate::stack::AltStack;
use std::ptr;

/// Runs the scheduler until the thread is surplus. This is the first function of an M's thread.
///
/// The thread's own stack is g0. `mcall` saves the thread's context in `m.g0` and runs `schedule`
/// right below it on the stack. What goroutines run on g0 later starts at that same place of the
/// stack. This function continues when `schedule` returns the thread's context.
pub(crate) fn mstart(m: &'static M) {
    m.g0.set(Gobuf {
        tp: arch::thread_pointer(),
        ..Gobuf::NONE
    });
    tls::set_m(m);
    m.tid.store(os::thread_id(), Relaxed);
    m.cpu_clock.store(os::cpu_clock(), Relaxed);
    let alt_stack = AltStack::new();
    let p = m.nextp.replace(ptr::null());
    // A spare thread starts without a P.
    if !p.is_null() {
        acquirep(m, p);
    }
    // SAFETY: the requirements of `mcall`: `from` is m's own context, which `mcall` allows for the
    // thread itself; `mstart1` keeps `OnG0Fn`'s contract. This context is resumed when `schedule`
    // returns it. That happens on this thread only, because an M's g0 runs nowhere else. So what
    // this function holds of the thread (its signal stack) still belongs to the thread it runs on.
    unsafe { arch::mcall(mstart1, m.g0(), m.g0()) };
    drop(alt_stack);
    tls::set_m(ptr::null());
    // From here on another thread may reuse the M.
    let mut shared = SCHED.shared.lock();
    shared.thread_ended(m);
    checkdead::check(&shared);
}

/// Enters the scheduler on g0.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](arch::OnG0Fn). Only `mstart` passes this function to `mcall`.
unsafe extern "C" fn mstart1(_from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: the caller passes g0's context, with which an M begins, and the pointer covers the
    // whole M (`M::g0`). This runs on that M's g0.
    schedule(unsafe { OnG0::of(&*m.cast::<M>()) })
}
