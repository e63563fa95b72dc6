//! Leaving the stack of the running goroutine without a park, and queueing the goroutine that runs
//! instead.

use crate::arch::{self, OnG0Fn};
use crate::base::hook::Hook;
use crate::base::throw::throw;
use crate::proc::g::G;
use crate::proc::hooks;
use crate::sched::inside::Inside;
use crate::sched::wire::{unwire_if, wire_if_panicking};
use crate::turns::explorer::Next;
use crate::wait::ready::submit_next;
use crate::wait::waiter::Waiter;
use std::ptr::NonNull;

/// Leaves the stack of the running goroutine `gp` and calls `f` on g0.
///
/// # Safety
/// - `gp` is the goroutine that calls, on its own stack.
/// - `f` keeps `OnG0Fn`'s contract, and makes `gp` Runnable or keeps it for ever.
#[inline(always)]
pub(super) unsafe fn switch_by(gp: NonNull<G>, f: OnG0Fn) {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). It runs here, so it owns its cells.
    let g = unsafe { gp.as_ref() };
    hooks::call(g, Hook::Park);
    let Some(inside) = Inside::enter() else {
        throw("a goroutine outside an M");
    };
    let wired = wire_if_panicking(inside.m(), gp);
    let m = inside.into_switch();
    // SAFETY: the requirements of `mcall`: the caller guarantees that `gp` is the running
    // goroutine. `m` is its M, whose g0 was saved when the goroutine was resumed. The caller also
    // guarantees that `f` keeps `OnG0Fn`'s contract. `m` is not used below.
    unsafe { arch::mcall(f, G::gobuf(gp), m.g0()) };
    unwire_if(wired, gp);
    hooks::call(g, Hook::Resume);
}

/// Queues the goroutine, or wakes the keeper, that an explorer has named. Runs on g0.
pub(super) fn pass_on(next: Next) {
    match next {
        Next::Nothing => {}
        Next::Turn(gp) => submit_next(gp),
        // SAFETY: the word is from `to_word`. Its goroutine has parked, and only we wake it
        // (`turns/explorer.rs`, 2).
        Next::Keeper(keeper) => unsafe { Waiter::from_word(keeper).ready() },
    }
}
