//! Whether a trace is being written: the one question asked wherever something could be recorded.
//!
//! There are two words. `TRACE` is not 0 from start to stop. `WINDOW` is what is looked at: it is 0 also while a trace has to
//! pause (`budget.rs`). Its number is another one after each pause, so that a goroutine's first event after it says anew
//! what the goroutine did before.
//!
//! Relaxed: what the words publish (the writer, the file) is used by the writer thread only, which learns of it by a
//! lock. `traced/mod.rs` says what a late look does. A thread that closes the window too late, in the next trace, has it pause
//! until the next look.

use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};

/// The number of the window in which is recorded; 0: nothing is.
static WINDOW: AtomicU32 = AtomicU32::new(0);
/// The number of the last window.
static LAST: AtomicU32 = AtomicU32::new(0);
/// The number of the trace that is being written; 0: none.
static TRACE: AtomicU32 = AtomicU32::new(0);

/// Returns whether something is to be recorded.
#[inline(always)]
pub(crate) fn is_open() -> bool {
    WINDOW.load(Relaxed) != 0
}

/// Returns the number of the window in which is recorded.
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

/// Begins a trace with this number, and its first window; neither is 0.
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

/// Closes the window: too much is being recorded.
pub(crate) fn pause() {
    WINDOW.store(0, Relaxed);
}

/// Ends the trace.
pub(crate) fn end() {
    TRACE.store(0, Relaxed);
    WINDOW.store(0, Relaxed);
}
