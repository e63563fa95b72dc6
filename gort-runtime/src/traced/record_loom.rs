//! Replaces `record.rs` under loom, with functions that do nothing: no model writes a trace.

#![expect(
    clippy::missing_const_for_fn,
    reason = "the functions that they replace are not const"
)]

use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::p::P;
use std::ptr::NonNull;

pub(crate) fn runs(_: &M, _: &G) {}

pub(crate) fn yields(_: &M, _: &G) {}

pub(crate) fn requeues(_: &M, _: &G) {}

pub(crate) fn gets_p(_: &M) {}

pub(crate) fn loses_p(_: NonNull<G>, _: &P) {}

pub(crate) fn timer_wakes(_: &G) {}

pub(crate) fn network_wakes(_: &G) {}

pub(crate) fn next_run_reads_clock(_: &M) {}
