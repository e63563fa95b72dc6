//! Replaces `symbols.rs` without the feature `backtrace`.

use std::path::PathBuf;

/// Finds nothing for any address.
pub(crate) fn look_up(
    _pc: *mut u8,
    _found: impl FnMut(Option<String>, Option<PathBuf>, Option<u32>),
) {
}
