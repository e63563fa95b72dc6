//! Calling a function on g0's stack and coming back.

use crate::arch::{self, Gobuf};
use crate::base::throw::throw;
use crate::panics::unwind;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use std::ptr::{self, NonNull};
use std::thread::Result;

/// The call, as it travels to g0; lies on the goroutine's stack.
struct SystemCall<F, T> {
    f: Option<F>,
    result: Option<Result<T>>,
    /// `f` is user code, and runs outside the runtime.
    is_user: bool,
}

/// Runs `f` on `m`'s g0 and comes back to `gp`, which is running there. A panic of `f` is
/// the error. If `f` `is_user` code, the runtime is left before `f` runs, so that sysmon may take
/// the P, and the goroutine is still outside when it is back. If not, the goroutine stays inside or
/// outside, as it is.
///
/// # Safety
/// - `gp` is the goroutine that calls, on its own stack, and `m` is this thread's M.
/// - If `is_user`, it is inside the runtime (`inside.rs`), and its entry has been given up to this call
///   (`into_switch`).
///
/// The P is none of this function's business: `f` may use it by `Inside::enter` only, like anybody.
pub(crate) unsafe fn call_on_g0<F: FnOnce() -> T, T>(
    m: &M,
    gp: NonNull<G>,
    is_user: bool,
    f: F,
) -> Result<T> {
    let mut call = SystemCall {
        f: Some(f),
        result: None,
        is_user,
    };
    m.system_call.set(ptr::from_mut(&mut call).cast());
    // SAFETY: clauses of `mcall`: `gp` runs here on `m`, whose g0 was saved when the goroutine was resumed
    // (caller's first clause); `run` returns the context that it gets, so we resume here, on this thread.
    unsafe { arch::mcall(run_of(&call), G::gobuf(gp), m.g0()) };
    match call.result {
        Some(result) => result,
        None => throw("a call on g0 did not take place"),
    }
}

/// The call under the goroutine's own thread pointer.
struct CallUnder<'a, F, T> {
    f: Option<F>,
    result: &'a mut Option<Result<T>>,
}

fn catch_into_of<F: FnOnce() -> T, T>(_: &CallUnder<'_, F, T>) -> arch::ObserverFn {
    catch_into::<F, T>
}

/// # Safety
/// `call` is a `CallUnder<F, T>`.
unsafe extern "C" fn catch_into<F: FnOnce() -> T, T>(call: *mut u8) {
    // SAFETY: caller's clause: a `CallUnder<F, T>`, which nobody else uses meanwhile.
    let call = unsafe { &mut *call.cast::<CallUnder<'_, F, T>>() };
    if let Some(f) = call.f.take() {
        *call.result = Some(unwind::catch(f));
    }
}

fn run_of<F: FnOnce() -> T, T>(_: &SystemCall<F, T>) -> arch::OnG0Fn {
    run::<F, T>
}

/// On g0: makes the call and resumes the goroutine.
///
/// # Safety
/// That of [`OnG0Fn`](arch::OnG0Fn), from `call_on_g0` with the same `F` and `T`.
unsafe extern "C" fn run<F: FnOnce() -> T, T>(from: *mut Gobuf, _m: *mut Gobuf) -> *mut Gobuf {
    let Some(m) = tls::getm() else {
        throw("g0 without an M")
    };
    let gp = m.curg.replace(ptr::null_mut());
    // SAFETY: `call_on_g0` has just set it to its own `SystemCall<F, T>`, which stays in place, and is touched
    // by nobody else, while its goroutine is switched away. Calls do not nest: on g0 there is no goroutine
    // that could make another.
    let call = unsafe { &mut *m.system_call.get().cast::<SystemCall<F, T>>() };
    if let Some(f) = call.f.take() {
        m.calls_for.set(gp);
        if call.is_user {
            m.ownership.leave();
        }
        // SAFETY: a G for ever; null or not, it is the one whose call this is. It runs, on this thread.
        let tp = unsafe { (*from).tp };
        if call.is_user && !tp.is_null() {
            // Users' code finds the goroutine's thread-locals here, too.
            let mut here = CallUnder {
                f: Some(f),
                result: &mut call.result,
            };
            // SAFETY: the goroutine's thread pointer, which nobody uses while it is switched away; `catch_into` gets what
            // it wants, and does not unwind.
            unsafe {
                arch::call_under(
                    tp,
                    (&raw const *m).cast_mut().cast(),
                    catch_into_of(&here),
                    (&raw mut here).cast(),
                );
            }
        } else {
            // The panic counter goes up and down on this one thread.
            call.result = Some(unwind::catch(f));
        }
    }
    debug_assert_eq!(NonNull::new(gp).map(G::gobuf), Some(from));
    // Outside sysmon may look at any moment: one of the two always says whose P it takes.
    m.curg.set(gp);
    m.calls_for.set(ptr::null_mut());
    from
}
