//! No goroutine of a model has hooks.

use crate::base::hook::Hook;
use crate::proc::g::G;

#[expect(clippy::missing_const_for_fn, reason = "stands for one that is not")]
pub(crate) fn call(_: &G, _: Hook) {}
