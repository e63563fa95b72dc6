//! `poll.rs` under loom: no descriptor is ever ready.

use super::waiting::looks;
use crate::base::note::Asleep;
use crate::proc::gqueue::GQueue;
use crate::time::Nanos;

/// For good, as far as the model is concerned (`base/note_loom.rs`).
pub(crate) fn poll(until: Option<Nanos>, _ready: &GQueue) {
    let until = until.unwrap_or(u64::MAX);
    let polls = true;
    Asleep { until, polls }.now()
}

/// The note is woken as well, and that is what a model looks at.
pub(crate) fn interrupt() {}

pub(crate) fn look(_ready: &GQueue) {
    looks();
}
