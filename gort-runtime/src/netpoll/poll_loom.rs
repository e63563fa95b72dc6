//! `poll.rs` under loom: no descriptor is ever ready.

use super::waiting::record_poll;
use crate::base::note::stay_asleep;
use crate::proc::gqueue::GQueue;
use crate::time::Nanos;

/// Falls asleep for ever. If the model lets the M return from the poll, the M continues from there
/// (`base/note_loom.rs`).
pub(crate) fn poll(until: Option<Nanos>, _ready: &GQueue) {
    stay_asleep(until.unwrap_or(u64::MAX), true)
}

/// Does nothing. The caller also wakes the note of the M, and the model sees that.
pub(crate) fn interrupt() {}

pub(crate) fn poll_without_blocking(_ready: &GQueue) {
    record_poll();
}
