//! Whose thread-locals goroutines have: questions. How they get their own is in `stack/identity.rs`.

use crate::api::start::ensure_started;
use crate::proc::tls;

/// Whether the caller keeps its thread-locals across every operation: a goroutine that has its own, or a plain
/// thread.
///
/// ```
/// let (own, shared) = (gort::Builder::new().own_thread_locals(), gort::Builder::new());
/// assert!(own.spawn(gort::runtime::own_thread_locals)?.join().unwrap());
/// assert!(!shared.spawn(gort::runtime::own_thread_locals)?.join().unwrap());
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn own_thread_locals() -> bool {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs here, so it owns its cells.
    tls::goroutine().is_none_or(|gp| unsafe { gp.as_ref() }.has_own_thread_locals())
}

/// Whether goroutines have their own, unless they ask for something else.
#[doc(hidden)]
#[must_use]
pub fn own_thread_locals_by_default() -> bool {
    ensure_started().stack.own
}
