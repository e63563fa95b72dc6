//! `poll.rs` under loom: no descriptor is ever ready.

use super::waiting::looks;
use crate::base::note::stay_asleep;
use crate::proc::gqueue::GQueue;
use crate::time::Nanos;

/// For good; when the model says that it returns, it goes on from there (`base/note_loom.rs`).
pub(crate) fn poll(until: Option<Nanos>, _ready: &GQueue) {
    stay_asleep(until.unwrap_or(u64::MAX), true)
}

/// The note is woken as well, and that is what a model looks at.
pub(crate) fn interrupt() {}

pub(crate) fn look(_ready: &GQueue) {
    looks();
}
