//! Whether a trace is being written: the one question asked wherever something could be recorded.

use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};

/// The number of the trace that is being written; 0: none.
///
/// Relaxed: what the word publishes (the writer, the file) is used by the writer thread only, which learns of it
/// by a lock. `traced/mod.rs` says what a late look does.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Returns whether a trace is being written.
#[inline(always)]
pub(crate) fn is_open() -> bool {
    NUMBER.load(Relaxed) != 0
}

/// Returns the number of the trace that is being written.
#[inline]
pub(crate) fn number() -> Option<u16> {
    match NUMBER.load(Relaxed) as u16 {
        0 => None,
        number => Some(number),
    }
}

/// Opens the gate for the trace with this number, which is not 0.
pub(crate) fn open(number: u16) {
    NUMBER.store(number.into(), Relaxed);
}

/// Closes the gate.
pub(crate) fn close() {
    NUMBER.store(0, Relaxed);
}
