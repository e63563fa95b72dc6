//! Says whether a trace is being written. Every recording site asks this first.
//!
//! There are two words. `TRACE` is nonzero from start to stop. `WINDOW`, which the recording sites
//! load, is also 0 while a trace has to pause (`budget.rs`). Its number changes after each pause,
//! so that a goroutine's first event after the pause again records what the goroutine did before.
//!
//! All accesses are relaxed. Only the writer thread uses the data that the words announce (the
//! writer's state, the file), and it receives that data through a lock. `traced/mod.rs` says what
//! happens if a thread reads the word late. A thread that is late to close a window may close the
//! window of the next trace. That trace then pauses until the next look.

use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};

/// The number of the open window, or 0 if nothing is recorded.
static WINDOW: AtomicU32 = AtomicU32::new(0);
/// The number of the last window that was opened.
static LAST: AtomicU32 = AtomicU32::new(0);
/// The number of the trace that is being written, or 0 if there is none.
static TRACE: AtomicU32 = AtomicU32::new(0);

/// Returns `true` if a window is open, so that events are to be recorded.
#[inline(always)]
pub(crate) fn is_open() -> bool {
    WINDOW.load(Relaxed) != 0
}

/// Returns the number of the open window.
#[inline]
pub(crate) fn window() -> Option<u16> {
    match WINDOW.load(Relaxed) as u16 {
        0 => None,
        window => Some(window),
    }
}

/// Returns the number of the last window, also while the trace pauses.
pub(crate) fn last_window() -> u16 {
    LAST.load(Relaxed) as u16
}

/// Returns the number of the trace that is being written, also while it pauses.
#[inline]
pub(crate) fn trace() -> Option<u32> {
    match TRACE.load(Relaxed) {
        0 => None,
        trace => Some(trace),
    }
}

/// Begins a trace and opens its first window. Neither number is 0.
pub(crate) fn begin(trace: u32, window: u16) {
    LAST.store(window.into(), Relaxed);
    TRACE.store(trace, Relaxed);
    WINDOW.store(window.into(), Relaxed);
}

/// Opens the window with this number, which is not 0.
pub(crate) fn open(window: u16) {
    LAST.store(window.into(), Relaxed);
    WINDOW.store(window.into(), Relaxed);
}

/// Closes the window, because too much is being recorded.
pub(crate) fn pause() {
    WINDOW.store(0, Relaxed);
}

/// Ends the trace.
pub(crate) fn end() {
    TRACE.store(0, Relaxed);
    WINDOW.store(0, Relaxed);
}
