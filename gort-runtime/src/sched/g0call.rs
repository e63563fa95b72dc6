//! Calls a function on g0's stack and returns to the goroutine.

use crate::arch::{self, Gobuf};
use crate::base::throw::throw;
use crate::panics::unwind;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use std::ptr::{self, NonNull};
use std::thread::Result;

/// The arguments and the result of a call on g0. It lies on the goroutine's stack.
struct SystemCall<F, T> {
    f: Option<F>,
    result: Option<Result<T>>,
    /// `f` is user code and runs outside the runtime.
    is_user: bool,
}

/// Runs `f` on `m`'s g0, and returns to `gp`, which is the calling goroutine. If `f` panics,
/// returns the panic's payload as the error.
///
/// If `f` is user code (`is_user`), the runtime is left before `f` runs, so that sysmon may take
/// the P, and the goroutine is still outside after the call. If not, the goroutine stays inside or
/// outside, as it was.
///
/// # Safety
/// - `gp` is the goroutine that calls, on its own stack, and `m` is this thread's M.
/// - If `is_user`, the goroutine is inside the runtime (`inside.rs`), and its entry has been given
///   up to this call (`into_switch`).
///
/// This function does not touch the P. `f` may use it only through `Inside::enter`, like any other
/// code.
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
    // SAFETY: the requirements of `mcall`: the caller guarantees that `gp` runs here on `m`. Its g0
    // was saved when the goroutine was resumed. `run` returns the context that it gets, so we
    // resume here, on this thread.
    unsafe { arch::mcall(run_of(&call), G::gobuf(gp), m.g0()) };
    match call.result {
        Some(result) => result,
        None => throw("a call on g0 did not take place"),
    }
}

fn run_of<F: FnOnce() -> T, T>(_: &SystemCall<F, T>) -> arch::OnG0Fn {
    run::<F, T>
}

/// Makes the call on g0 and resumes the goroutine.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](arch::OnG0Fn). Only `call_on_g0` passes this function to
/// `mcall`, with the same `F` and `T`.
unsafe extern "C" fn run<F: FnOnce() -> T, T>(from: *mut Gobuf, _m: *mut Gobuf) -> *mut Gobuf {
    let Some(m) = tls::getm() else {
        throw("g0 without an M")
    };
    let gp = m.curg.replace(ptr::null_mut());
    debug_assert_eq!(NonNull::new(gp).map(G::gobuf), Some(from));
    let call = m.system_call.get().cast::<SystemCall<F, T>>();
    // SAFETY: `call_on_g0` has just set the pointer to its own `SystemCall<F, T>`, which stays in
    // place while its goroutine is switched away.
    let is_user = unsafe { (*call).is_user };
    m.calls_for.set(gp);
    if is_user {
        m.ownership.leave();
    }
    // SAFETY: `from` is the context of a goroutine. Its thread pointer (null if it has none of its
    // own) changes only with its stack.
    let tp = unsafe { (*from).tp };
    // SAFETY: `make` gets the call, which nothing else touches until `make` returns: calls do not
    // nest, because on g0 no goroutine runs that could make another. `make` does not unwind. The
    // thread pointer is not in use while the goroutine that it belongs to is switched away.
    unsafe {
        if is_user && !tp.is_null() {
            // User code finds the goroutine's thread-locals here, too.
            let m = ptr::from_ref(m).cast_mut();
            arch::call_under(tp, m.cast(), make::<F, T>, call.cast());
        } else {
            make::<F, T>(call.cast());
        }
    }
    // Outside the runtime sysmon may look at any moment. To tell whose P it takes, it needs `curg`
    // or `calls_for`, so at least one of them must be set at all times.
    m.curg.set(gp);
    m.calls_for.set(ptr::null_mut());
    from
}

/// Makes the call. The thread pointer is the same throughout, so panics are counted and caught in
/// the same thread-local.
///
/// # Safety
/// `call` is a `SystemCall<F, T>` that nothing else uses until this returns.
unsafe extern "C" fn make<F: FnOnce() -> T, T>(call: *mut u8) {
    // SAFETY: the caller guarantees that this is a `SystemCall<F, T>` for our use alone.
    let call = unsafe { &mut *call.cast::<SystemCall<F, T>>() };
    if let Some(f) = call.f.take() {
        call.result = Some(unwind::catch(f));
    }
}
