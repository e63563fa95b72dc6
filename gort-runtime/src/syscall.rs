//! Blocking calls, and coming back from them (or from having been a hog) without a P.
//!
//! `blocking(f)` announces that `f` may block: sysmon may then take the P after 20 µs
//! instead of 10 ms. Coming back is Go's `exitsyscall`: the P is still ours (nothing was
//! paid but two stores); or there is an idle one; or `exitsyscall0` puts the goroutine into
//! the global queue and the thread goes to sleep.

use crate::arch::{self, Gobuf};
use crate::g::G;
use crate::gqueue::GQueue;
use crate::gstatus::{GStatus, casgstatus};
use crate::inside::Inside;
use crate::m::M;
use crate::prim::Ordering::Relaxed;
use crate::sched::SCHED;
use crate::schedule::{acquirep, schedule, submit_global};
use crate::sysmon;
use crate::throw::throw;
use crate::tls;
use crate::wire::{unwire_if, wire_if_panicking};
use std::ptr::{self, NonNull};

/// Runs `f`, which may block the thread (file I/O, a lock of std's, foreign code), so that
/// other goroutines go on meanwhile. Go does this around every system call.
///
/// Without it the same happens after 10 ms; with it after some 20 µs. On a plain thread `f`
/// is simply called.
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    /// Takes the announcement back, also if `f` panics.
    struct Announced;
    impl Drop for Announced {
        fn drop(&mut self) {
            if let Some(m) = tls::getm() {
                m.blocking.store(false, Relaxed);
            }
            if let Some(inside) = Inside::enter() {
                inside.finish();
            }
        }
    }

    let (Some(m), Some(_)) = (tls::getm(), tls::getg()) else {
        return f();
    };
    // A hint for sysmon, no more: relaxed.
    m.blocking.store(true, Relaxed);
    sysmon::notice_blocking();
    let _announced = Announced;
    f()
}

/// The goroutine is inside the runtime and has no P: gets one, or waits for one.
#[cold]
pub(crate) fn exitsyscall(inside: Inside) {
    let idle = SCHED.shared.lock().pidle_get();
    if let Some(p) = idle {
        acquirep(inside.m(), p);
        return;
    }
    let Some(gp) = tls::getg() else {
        throw("exitsyscall outside a goroutine")
    };
    let wired = wire_if_panicking(inside.m(), gp);
    let m = inside.into_switch();
    // SAFETY: the running goroutine saves itself; `exitsyscall0` keeps the contract.
    unsafe { arch::mcall(exitsyscall0, G::gobuf(gp), m.g0()) };
    unwire_if(wired, gp);
}

/// On g0, without a P: the goroutine waits for its turn in the global queue.
unsafe extern "C" fn exitsyscall0(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: `exitsyscall` passed its goroutine and its M.
    let (gp, m) = unsafe { (NonNull::new_unchecked(from.cast::<G>()), &*m.cast::<M>()) };
    // SAFETY: the goroutine is ours until it is queued.
    casgstatus(
        unsafe { &gp.as_ref().status },
        GStatus::Running,
        GStatus::Runnable,
    );
    m.curg.set(ptr::null_mut());
    submit_global(&GQueue::of(gp));
    schedule(m)
}
