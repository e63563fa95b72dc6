//! Code that keeps its P while it runs.

use crate::proc::tls;
use crate::sched::inside::Inside;

/// Calls `f` with the number of the caller's P, and returns the result. Returns `None` if the
/// caller has no P, as on a plain thread, or has lent it (`blocking`).
///
/// Until `f` returns no other thread can have this P. So calls with the same number never overlap,
/// and a later call sees what the earlier ones have written. `f` must not block, because other
/// threads may be waiting for the P.
#[inline(always)]
pub fn on_own_p<R>(f: impl FnOnce(usize) -> R) -> Option<R> {
    // Entering would end the loan, and the call that blocks comes next.
    if tls::getm()?.ownership.is_lent() {
        return None;
    }
    let inside = Inside::enter()?;
    let p = inside.p()?;
    Some(f(p.id() as usize))
}

/// Like [`on_own_p`], but also returns `None` if the caller is inside the runtime already, or if
/// another thread asks for its P. Takes half as many instructions. (`gort-bench run rwmutex_read
/// 1`: 5.3 ns, and 9.4 with `on_own_p`.)
#[inline(always)]
pub fn try_on_own_p<R>(f: impl FnOnce(usize) -> R) -> Option<R> {
    let (_inside, p) = Inside::try_enter()?;
    Some(f(p.id() as usize))
}

/// Gets a P for a goroutine that has lost its own because it has computed for too long. Waits while
/// none is idle. Does nothing for other callers.
#[cold]
pub fn get_p_back() {
    if tls::getm().is_some_and(|m| !m.ownership.is_lent())
        && let Some(inside) = Inside::enter()
    {
        inside.finish();
    }
}
