//! How a goroutine runs and ends.
//!
//! The entry function catches every panic at the goroutine's root, stores the outcome in the packet
//! and returns. `init_stack` has stored `goexit` as its return address. `goexit` calls [`goexit1`],
//! which ends the goroutine-locals and switches to [`goexit0`] on g0.

use crate::arch::{self, Gobuf};
use crate::base::config;
use crate::base::hook::Hook;
use crate::base::prim::Ordering::Relaxed;
use crate::base::throw::{end, fatal, throw};
use crate::bubble::turn;
use crate::life::join::AtEnd;
use crate::life::{ending, local};
use crate::panics::panicking;
use crate::panics::unwind;
use crate::proc::bind::{give_record, unbind};
use crate::proc::g::G;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::hooks;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::proc::tls;
use crate::sched::inside::Inside;
use crate::sched::run::{leave_thread, schedule};
use crate::sched::starved;
use crate::sched::state::SCHED;
use crate::sched::wire;
use crate::traced::record;
use crate::turns::gate;
use crate::wait::park::leaves;
use crate::wait::waiter::Waiter;
use std::any::Any;
use std::mem;
use std::ptr::{self, NonNull};

/// The way in which a goroutine ended.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    Returned(T),
    Panicked(Box<dyn Any + Send>),
    Exited,
}

/// Ends the calling goroutine: unwinds its stack, so that destructors and `defer!` blocks run,
/// without calling the panic hook. `join` then returns a [`JoinError`](crate::JoinError) for which
/// [`is_exited`](crate::JoinError::is_exited) is `true`. Go's `runtime.Goexit`.
///
/// The exit cannot be revoked. If a `catch_unwind` stops the unwinding, it begins again when the
/// goroutine next waits or recovers from a panic, and a value that the goroutine returns is
/// dropped.
///
/// A program built with `panic = "abort"` cannot unwind. There, this call ends the process with
/// status 2 and a message.
///
/// # Panics
/// Panics if called outside a goroutine.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// fn deep_down() {
///     goexit();
/// }
///
/// let handle = go!(move || {
///     deep_down();
///     unreachable!("the goroutine has ended");
/// });
/// assert!(handle.join().unwrap_err().is_exited());
/// ```
pub fn goexit() -> ! {
    let Some(gp) = tls::goroutine() else {
        panic!(
            "`goexit` ends a goroutine, but this is a plain thread; return from its function instead"
        )
    };
    hooks::refuse(format_args!("call `goexit`"));
    if cfg!(panic = "abort") {
        fatal(
            "`goexit` ends a goroutine by unwinding its stack, and this program is built with panic = \"abort\"; \
             return from the goroutine's function instead, or build with panic = \"unwind\"",
        );
    }
    panicking::exit(gp)
}

/// Runs the goroutine's closure and stores the outcome. This is the first function of every
/// goroutine. `arg` is its `G`.
///
/// # Safety
/// The contract is that of [`EntryFn`](arch::EntryFn): `arg` is the running goroutine's G, whose
/// packet holds an `F` and has room for that and for an `Outcome<T>` (`newproc`).
pub(crate) unsafe extern "C" fn entry<F: FnOnce() -> T, T>(arg: *mut u8) {
    // SAFETY: the caller passes the running goroutine's G, which is ours. The closure is moved out
    // of the packet once, here, and then the packet has room for the outcome. The outcome is ours
    // to drop if the word was DETACHED when it was stored (`join.rs`, invariant 1).
    unsafe {
        #[cfg(gort_asan)]
        arch::asan::begun(arg.cast());
        let gp = &*arg.cast::<G>();
        hooks::call(gp, Hook::Start);
        let packet = gp.packet.get();
        let f = packet.cast::<F>().read();
        let outcome = match unwind::catch(f) {
            Ok(value) if gp.exits.get() != 0 => {
                unwind::discard(value);
                Outcome::Exited
            }
            Ok(value) => Outcome::Returned(value),
            Err(payload) => caught_at_root(gp, payload),
        };
        let has_destructor = mem::needs_drop::<T>() || matches!(outcome, Outcome::Panicked(_));
        let outcome_at = packet.cast::<Outcome<T>>();
        outcome_at.write(outcome);
        if gp.join.outcome_stored() && has_destructor {
            // No handle is left to take the outcome. If its destructor panics, the panic ends here.
            unwind::discard_in_place(outcome_at);
        }
    }
}

/// Converts a panic payload that reached a goroutine's root into an outcome.
#[cold]
fn caught_at_root<T>(g: &G, payload: Box<dyn Any + Send>) -> Outcome<T> {
    if panicking::is_goexit(&*payload) {
        return Outcome::Exited;
    }
    if config::get().abort_on_panic {
        // The panic hook has printed the message.
        end(2);
    }
    if gate::is_open() {
        turn::panicked(g, &*payload, g.join.is_detached());
    }
    Outcome::Panicked(payload)
}

/// Leaves the goroutine's stack for ever. Runs on that stack, with no other frames on it.
///
/// # Safety
/// The contract is that of [`ExitFn`](arch::ExitFn): the goroutine's entry has returned, so no
/// frame is lost that other code relies on.
pub(crate) unsafe extern "C" fn goexit1() -> ! {
    let Some(gp) = tls::getg() else {
        throw("goexit1 outside a goroutine");
    };
    // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). It runs here, so this thread
    // owns its cells.
    let g = unsafe { gp.as_ref() };
    if !g.locals.are_unused() {
        // This may wait, and the goroutine may be on another M afterwards. Use the M only below.
        local::end(g);
    }
    let Some(inside) = Inside::enter() else {
        throw("a goroutine outside an M");
    };
    let m = inside.into_switch();
    #[cfg(gort_asan)]
    // SAFETY: this is the running goroutine's context.
    unsafe {
        arch::asan::ends(G::gobuf(gp));
    }
    // SAFETY: what `mcall` requires holds. `gp` is the running goroutine and `m` its M, according
    // to `getg` and `enter`. The M's g0 was saved when the goroutine was resumed. `goexit0` keeps
    // `OnG0Fn`'s contract, and never resumes this goroutine.
    unsafe { arch::mcall(goexit0, G::gobuf(gp), m.g0()) };
    throw("a goroutine that had ended was resumed");
}

/// Ends the goroutine, which has left its stack. Runs on g0.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](arch::OnG0Fn). `goexit1` calls it through `mcall`.
unsafe extern "C" fn goexit0(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: `mcall` passes the goroutine's context and the M's. A G begins with its context, and
    // an M with g0's. Neither pointer is null, and both point to the whole (`G::gobuf`, `M::g0`).
    // This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). It was running on this M, so it
    // is ours until the join word says that it has ended.
    let g = unsafe { gp.as_ref() };
    casgstatus(&g.status, GStatus::Running, GStatus::Dead);
    m.curg.set(ptr::null_mut());
    record::ends(m, g);
    panicking::ended(g);
    unbind(m.held_p(), g);
    if starved::is_any() {
        starved::feed(m.held_p());
    }
    let wired = wire::end(m, g);
    // Count the end before any thread can join the goroutine, so that after a join the goroutine is
    // no longer counted as live. (It is not listed any more, because it is Dead.)
    match m.held_p() {
        Some(p) => p.count_ended(),
        None => {
            SCHED.ended_outside.fetch_add(1, Relaxed);
        }
    }
    let bubble = g.bubble();
    if let Some(bubble) = bubble {
        bubble.leave();
    }
    let at_end = g.join.ended().unwrap_or_else(|| ending::end_watched(gp));
    match at_end {
        // `gp` must not be touched in these two arms: the handle's owner may free it.
        AtEnd::Keep => {}
        // SAFETY: `set_waiter` stored the word (`join.rs`, invariant 3), from `to_word`, as the
        // last step of a joiner's park. We have taken it out by a read-modify-write, so only we may
        // wake it.
        AtEnd::Wake(waiter) => unsafe { Waiter::from_word(waiter).ready() },
        AtEnd::Free => free(gp, m.held_p()),
    }
    if let Some(bubble) = bubble {
        leaves(bubble, true, true);
    }
    if wired { leave_thread(m) } else { schedule(m) }
}

/// Ends a goroutine where goroutines are threads. Runs on the thread of `m`, whose goroutine `gp`
/// has returned from its entry and leaves the thread for ever. Afterwards the record belongs to
/// another owner.
#[cfg(gort_threads)]
pub(crate) fn end_on_thread(m: &M, gp: NonNull<G>) {
    // SAFETY: the record exists until its goroutine has ended. The goroutine runs here, so this
    // thread owns its cells.
    let g = unsafe { gp.as_ref() };
    if !g.locals.are_unused() {
        local::end(g);
    }
    // SAFETY: these are the contexts of the running goroutine and of its thread's M. Nothing is
    // resumed.
    unsafe { goexit0(G::gobuf(gp), m.g0()) };
}

/// Returns an ended goroutine's record to the pool. The caller is its last owner (`join.rs`,
/// invariant 2), and holds `p` or has no P.
pub(crate) fn free(gp: NonNull<G>, p: Option<&P>) {
    // SAFETY: a G stays a G for ever. It is Dead, and the caller is its last owner.
    let g = unsafe { gp.as_ref() };
    g.clear_name();
    casgstatus(&g.status, GStatus::Dead, GStatus::Idle);
    give_record(p, gp);
}
