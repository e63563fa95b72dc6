//! `on_system_stack`: runs a function on g0's stack, which is larger than a goroutine's.

use crate::panics::unwind;
use crate::proc::hooks;
use crate::proc::tls;
use crate::sched::g0call::call_on_g0;
use crate::sched::inside::Inside;

/// Runs `f` on this thread's system stack and returns its value, for code that needs a deep stack.
/// On a plain thread, and on the system stack itself, `f` is simply called. Go's `systemstack`.
///
/// A panic of `f` continues in the caller, and so does [`goexit`](crate::goexit()). If `f` computes
/// for long or blocks, the other goroutines keep running, as they do when any goroutine does so.
///
/// # Panics
/// An operation that may have to wait (`recv`, `lock`, `join`, [`scope`](crate::scope()), sleep,
/// sockets…) panics in `f`, before it has done anything: on the system stack there is no goroutine
/// that could be parked. Operations that never wait (`try_recv`, `send` on an unbounded channel, a
/// `select!` with `default`, dropping a guard) work.
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
    // If this is not the outermost entry, the caller was inside the runtime already (for example a
    // panic hook), and needs its P.
    let from_user = inside.is_outermost();
    let m = inside.into_switch();
    // SAFETY: `gp` is the goroutine that calls, on its own stack (`getg` returns `None` on g0), and
    // `m` is its M. The goroutine is inside the runtime. If its entry is the outermost one,
    // `into_switch` has given the entry up to `call_on_g0`.
    let result = unsafe { call_on_g0(m, gp, from_user, f) };
    // If `f` took long, sysmon may have taken the P. `Inside::enter` then waits for another one.
    if let Some(inside) = Inside::enter() {
        inside.finish();
    }
    match result {
        Ok(value) => value,
        Err(payload) => unwind::raise(payload),
    }
}

/// Calls `f` in a frame of its own. If it were inlined into `on_system_stack`, `f`'s locals would
/// be part of that frame, which lies on the goroutine's small stack.
#[inline(never)]
fn call_here<T>(f: impl FnOnce() -> T) -> T {
    f()
}
