//! `checkdead.rs` under loom: all Ms of a model may sleep.

use crate::sched::state::Shared;

pub(crate) fn check(_shared: &Shared) {}
