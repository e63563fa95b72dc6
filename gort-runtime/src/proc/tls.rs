//! Which M is this thread's, and which goroutine runs on it.
//!
//! The only home of thread-locals that a goroutine may read: one word, read in assembly (`arch/`),
//! so that no compiler can cache its address across a switch to another thread. (`unwind.rs` has
//! one for code that runs in no goroutine.) A goroutine with thread-locals of its own has a word of its own;
//! `mcall` stores the M there whenever it resumes the goroutine, so the word of one that does not run is stale.
//!
//! Rule: what these functions return is good until the next call that may
//! park. After `mcall` returns, the goroutine may be on another M: ask again.

use crate::arch;
use crate::proc::g::G;
use crate::proc::m::M;
use std::ptr::NonNull;

/// This thread's M; `None` on a thread that is not the runtime's.
#[inline(always)]
pub(crate) fn getm<'a>() -> Option<&'a M> {
    let m = arch::current_m().cast::<M>();
    // SAFETY: the word is null or was set by `set_m` to an M, and those live for ever (`proc/m.rs`).
    unsafe { m.as_ref() }
}

/// The goroutine that this code runs in; `None` on a plain thread and on g0.
#[inline(always)]
pub(crate) fn getg() -> Option<NonNull<G>> {
    let m = getm()?;
    NonNull::new(m.curg.get())
}

/// The goroutine whose code this is: it runs here, or its call runs on g0 (`on_system_stack`), and
/// it is running, so its owner is this thread. `None` on a plain thread, and in the scheduler.
#[inline]
pub(crate) fn goroutine() -> Option<NonNull<G>> {
    let m = getm()?;
    NonNull::new(m.curg.get()).or_else(|| NonNull::new(m.calls_for.get()))
}

/// Makes `m` this thread's M (null: none any more).
pub(crate) fn set_m(m: *const M) {
    arch::set_current_m(m.cast_mut().cast());
}
