//! `hooks.rs` under loom: goroutines of a model have no hooks.

use crate::base::hook::Hook;
use crate::proc::g::G;

#[expect(
    clippy::missing_const_for_fn,
    reason = "the real function is not const"
)]
pub(crate) fn call(_: &G, _: Hook) {}
