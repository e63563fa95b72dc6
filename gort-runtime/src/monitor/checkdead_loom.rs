//! `checkdead.rs` under loom: a model's Ms may all sleep.

use crate::sched::state::Shared;

pub(crate) fn check(_shared: &Shared) {}
