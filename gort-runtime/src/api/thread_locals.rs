//! Says whether goroutines use their own thread-locals or those of the thread that runs them.
//! `stack/identity.rs` says how a goroutine gets its own.

use crate::api::start::ensure_started;
use crate::proc::tls;

/// Returns whether the caller keeps its thread-locals across every operation: it is a plain thread,
/// or a goroutine that has its own.
///
/// ```
/// let (own, shared) = (gort::Builder::new().own_thread_locals(), gort::Builder::new());
/// assert!(own.spawn(gort::runtime::own_thread_locals)?.join().unwrap());
/// assert!(!shared.spawn(gort::runtime::own_thread_locals)?.join().unwrap());
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn own_thread_locals() -> bool {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). The goroutine runs here, so this
    // thread owns its cells.
    tls::goroutine().is_none_or(|gp| unsafe { gp.as_ref() }.has_own_thread_locals())
}

/// Returns whether goroutines have their own thread-locals by default.
#[doc(hidden)]
#[must_use]
pub fn own_thread_locals_by_default() -> bool {
    ensure_started().stack.own
}
