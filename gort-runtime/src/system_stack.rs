//! `on_system_stack`: run something on g0's stack, which has room.

use crate::arch::{self, Gobuf};
use crate::g::G;
use crate::inside::Inside;
use crate::tls;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::thread::Result;

/// The call, as it travels to g0; lies on the goroutine's stack.
struct Call<F, T> {
    f: Option<F>,
    result: Option<Result<T>>,
    /// The goroutine came from user code, and goes back there.
    leave: bool,
}

/// Runs `f` on this thread's system stack and returns its value: for code that
/// needs a deep stack. On a plain thread, and on the system stack itself, `f` is
/// simply called. Go's `systemstack`.
///
/// A panic of `f` goes on in the caller.
///
/// # Panics
/// If `f` tries to park (channel, lock, sleep…): on the system stack there is no
/// goroutine that could wait.
pub fn on_system_stack<T>(f: impl FnOnce() -> T) -> T {
    let Some(gp) = tls::getg() else {
        return call_here(f);
    };
    let Some(inside) = Inside::enter() else {
        return call_here(f);
    };
    let mut call = Call {
        f: Some(f),
        result: None,
        leave: inside.is_outermost(),
    };
    // Inside until `run` leaves: what `f` starts uses this M's P, which stays ours.
    let m = inside.into_switch();
    m.system_call.set(ptr::from_mut(&mut call).cast());
    // SAFETY: the running goroutine saves itself; `run` returns the same context,
    // so it resumes here, on this thread.
    unsafe { arch::mcall(run_of(&call), G::gobuf(gp), m.g0()) };
    match call.result {
        Some(Ok(value)) => value,
        Some(Err(payload)) => panic::resume_unwind(payload),
        None => crate::throw::throw("on_system_stack did not run"),
    }
}

/// Calls `f`, in a frame of its own: inlined into `on_system_stack`, `f`'s locals would
/// be part of that frame, which in a goroutine lies on the small stack.
#[inline(never)]
fn call_here<T>(f: impl FnOnce() -> T) -> T {
    f()
}

fn run_of<F: FnOnce() -> T, T>(_: &Call<F, T>) -> arch::OnG0Fn {
    run::<F, T>
}

/// On g0: makes the call and resumes the goroutine.
unsafe extern "C" fn run<F: FnOnce() -> T, T>(from: *mut Gobuf, _m: *mut Gobuf) -> *mut Gobuf {
    let Some(m) = tls::getm() else {
        crate::throw::throw("g0 without an M")
    };
    let gp = m.curg.replace(ptr::null_mut());
    // SAFETY: `on_system_stack` has just set it to its own `Call<F, T>`, which
    // stays in place while its goroutine is switched away.
    let call = unsafe { &mut *m.system_call.get().cast::<Call<F, T>>() };
    if let Some(f) = call.f.take() {
        // The panic counter goes up and down on this one thread.
        call.result = Some(panic::catch_unwind(AssertUnwindSafe(f)));
    }
    debug_assert_eq!(NonNull::new(gp).map(G::gobuf), Some(from));
    m.curg.set(gp);
    if call.leave {
        m.ownership.leave();
    }
    from
}
