//! `GORT_DEBUG=migrate=always`: a goroutine runs on another thread each time it has parked or
//! yielded.
//!
//! Without this setting, a goroutine that was started on thread A runs on thread B only if B steals
//! it or A has lost its P. `always` is for tests. If code keeps something that belongs to its
//! thread across a call that parks (the borrow of a thread-local, a guard of std's mutex), it fails
//! the first time instead of once in a million. A goroutine wired to its thread stays there in
//! either case.

use super::found::Found;
use super::hand::pass_p_on;
use super::stop::stopm;
use crate::base::config;
use crate::proc::g::G;
use crate::proc::m::{M, OnG0};
use std::ptr::NonNull;

/// Returns whether `gp`, which `m` has taken out of a queue, must run on another thread.
#[inline]
pub(super) fn must_move(m: &M, gp: NonNull<G>) -> bool {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). The caller took `gp` out of a queue,
    // so `last_m` is ours.
    config::get().always_migrates && unsafe { gp.as_ref() }.last_m.replace(m) == m
}

/// Hands this M's P and `found` to another M, and sleeps. Returns `false` if the thread must exit.
#[cold]
pub(super) fn send_away(m: &OnG0, found: Found) -> bool {
    pass_p_on(m, found);
    stopm(m, true)
}
