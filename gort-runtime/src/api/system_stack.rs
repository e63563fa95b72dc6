//! `on_system_stack`: run something on g0's stack, which has room.

use crate::panics::unwind;
use crate::proc::hooks;
use crate::proc::tls;
use crate::sched::g0call::call_on_g0;
use crate::sched::inside::Inside;

/// Runs `f` on this thread's system stack and returns its value: for code that
/// needs a deep stack. On a plain thread, and on the system stack itself, `f` is
/// simply called. Go's `systemstack`.
///
/// A panic of `f` goes on in the caller, and so does [`goexit`](crate::goexit()). If `f` computes
/// for long or blocks, the other goroutines go on, as beside any goroutine that does.
///
/// # Panics
/// If `f` calls what may have to wait (`recv`, `lock`, `join`, [`scope`](crate::scope()), sleep,
/// sockets…): on the system stack there is no goroutine that could be parked. The operation panics
/// before it has done anything. Those that never wait (`try_recv`, `send` on an unbounded
/// channel, a `select!` with `default`, dropping a guard) work.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// fn deep(n: u32) -> u32 {
///     let frame = std::hint::black_box([0u8; 1024]);
///     if n == 0 { 0 } else { deep(n - 1) + 1 + u32::from(frame[0]) }
/// }
///
/// // Some 400 KiB, from a goroutine with a stack of 64 KiB.
/// let handle = go!(stack = 64 << 10; { gort::on_system_stack(|| deep(300)) });
/// assert_eq!(handle.join().unwrap(), 300);
/// ```
pub fn on_system_stack<T>(f: impl FnOnce() -> T) -> T {
    let Some(gp) = tls::getg() else {
        hooks::refuse(format_args!("call `on_system_stack`"));
        return call_here(f);
    };
    let Some(inside) = Inside::enter() else {
        return call_here(f);
    };
    // If not, this is called from within the runtime (a panic hook may be), which needs its P.
    let from_user = inside.is_outermost();
    let m = inside.into_switch();
    // SAFETY: `gp` is the goroutine that calls, on its own stack (`getg` says no on g0), and `m` its M; it is
    // inside, and its entry, if this is the outermost, has been given up to the call.
    let result = unsafe { call_on_g0(m, gp, from_user, f) };
    // If `f` took long the P is somebody else's by now, and we wait for another.
    if let Some(inside) = Inside::enter() {
        inside.finish();
    }
    match result {
        Ok(value) => value,
        Err(payload) => unwind::raise(payload),
    }
}

/// Calls `f`, in a frame of its own: inlined into `on_system_stack`, `f`'s locals would
/// be part of that frame, which in a goroutine lies on the small stack.
#[inline(never)]
fn call_here<T>(f: impl FnOnce() -> T) -> T {
    f()
}
