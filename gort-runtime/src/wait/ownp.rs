//! Code that keeps its P while it runs.

use crate::sched::inside::Inside;

/// Calls `f` with the number of the caller's P, and returns the result. Returns `None` if the
/// caller has no P, as on a plain thread.
///
/// Until `f` returns no other thread can have this P. So calls with the same number never overlap,
/// and a later call sees what the earlier ones have written. `f` must not block, because other
/// threads may be waiting for the P.
#[inline(always)]
pub fn on_own_p<R>(f: impl FnOnce(usize) -> R) -> Option<R> {
    let inside = Inside::enter()?;
    let p = inside.p()?;
    Some(f(p.id() as usize))
}
