//! `GORT_DEBUG=migrate=always`: a goroutine runs on another thread each time it has parked or yielded.
//!
//! Otherwise one that was started on thread A runs on thread B when B steals it, or A has lost its P. `always`
//! is for tests: code that holds something of its thread's across a call that parks (a thread-local's borrow, a
//! std mutex guard) fails on the first occasion instead of once in a million. A goroutine wired to its thread
//! stays on it in either case.

use super::found::Found;
use super::hand::pass_p_on;
use super::stop::stopm;
use crate::base::config;
use crate::proc::g::G;
use crate::proc::m::{M, OnG0};
use std::ptr::NonNull;

/// Whether `gp`, which `m` has taken out of a queue, must run on another thread.
#[inline]
pub(super) fn must_move(m: &M, gp: NonNull<G>) -> bool {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); the caller took it out of a queue, so `last_m` is ours.
    config::get().always_migrates && unsafe { gp.as_ref() }.last_m.replace(m) == m
}

/// Has another M run `found` with this one's P, and sleeps. False: the thread is to exit.
#[cold]
pub(super) fn send_away(m: &OnG0, found: Found) -> bool {
    pass_p_on(m, found);
    stopm(m, true)
}
