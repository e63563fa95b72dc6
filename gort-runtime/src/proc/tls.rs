//! The M of this thread, and the goroutine that runs on it.
//!
//! This file has the only thread-local that a goroutine may read. It is one word, and it is read in
//! assembly (`arch/`), so that no compiler can cache its address across a switch to another thread.
//! (`unwind.rs` has a thread-local for code that runs in no goroutine.) A goroutine with
//! thread-locals of its own has a word of its own. `mcall` stores the M there whenever it resumes
//! the goroutine, so the word of a goroutine that does not run is stale.
//!
//! Rule: the results of these functions are valid until the next call that may park. After `mcall`
//! returns, the goroutine may be on another M, so they must be called again.

use crate::arch;
use crate::proc::g::G;
use crate::proc::m::M;
use std::ptr::NonNull;

/// Returns this thread's M, or `None` on a thread that is not the runtime's.
#[inline(always)]
pub(crate) fn getm<'a>() -> Option<&'a M> {
    let m = arch::current_m().cast::<M>();
    // SAFETY: the word is null, or `set_m` has set it to an M, and Ms live for ever (`proc/m.rs`).
    unsafe { m.as_ref() }
}

/// Returns the goroutine in which the caller runs, or `None` on a plain thread and on g0.
#[inline(always)]
pub(crate) fn getg() -> Option<NonNull<G>> {
    let m = getm()?;
    NonNull::new(m.curg.get())
}

/// Returns the goroutine on whose behalf the caller runs: it runs here, or its call runs on g0
/// (`on_system_stack`). Its status is Running, so this thread is its owner. Returns `None` on a
/// plain thread, and in the scheduler.
#[inline]
pub(crate) fn goroutine() -> Option<NonNull<G>> {
    let m = getm()?;
    NonNull::new(m.curg.get()).or_else(|| NonNull::new(m.calls_for.get()))
}

/// Makes `m` this thread's M. If `m` is null, the thread has no M any more.
pub(crate) fn set_m(m: *const M) {
    arch::set_current_m(m.cast_mut().cast());
}
