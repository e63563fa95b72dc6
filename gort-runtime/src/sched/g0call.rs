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
    debug_assert_eq!(NonNull::new(gp).map(G::gobuf), Some(from));
    let call = m.system_call.get().cast::<SystemCall<F, T>>();
    // SAFETY: `call_on_g0` has just set it to its own `SystemCall<F, T>`, which stays in place while its goroutine is
    // switched away.
    let is_user = unsafe { (*call).is_user };
    m.calls_for.set(gp);
    if is_user {
        m.ownership.leave();
    }
    // SAFETY: `from` is the context of a goroutine, whose thread pointer (null: none of its own) changes only with
    // its stack.
    let tp = unsafe { (*from).tp };
    // SAFETY: `make` gets the call, which nobody else touches meanwhile: calls do not nest, as on g0 there is no
    // goroutine that could make another. It does not unwind. Nobody uses the thread pointer while the goroutine that
    // it belongs to is switched away.
    unsafe {
        if is_user && !tp.is_null() {
            // Users' code finds the goroutine's thread-locals here, too.
            let m = ptr::from_ref(m).cast_mut();
            arch::call_under(tp, m.cast(), make::<F, T>, call.cast());
        } else {
            make::<F, T>(call.cast());
        }
    }
    // Outside sysmon may look at any moment: one of the two always says whose P it takes.
    m.curg.set(gp);
    m.calls_for.set(ptr::null_mut());
    from
}

/// Makes the call. Where panics are counted and caught is the same thread-local from its beginning to its end.
///
/// # Safety
/// `call` is a `SystemCall<F, T>` that nobody else uses meanwhile.
unsafe extern "C" fn make<F: FnOnce() -> T, T>(call: *mut u8) {
    // SAFETY: caller's clause: a `SystemCall<F, T>`, for us alone.
    let call = unsafe { &mut *call.cast::<SystemCall<F, T>>() };
    if let Some(f) = call.f.take() {
        call.result = Some(unwind::catch(f));
    }
}
