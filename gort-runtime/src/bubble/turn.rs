//! Which goroutine is queued when a member of a bubble becomes runnable, and other decisions that
//! depend on whether goroutines take turns (`turns/`).

use crate::bubble::home::bubble;
use crate::bubble::pool::PooledBubble;
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use crate::turns::explorer::Explorer;
use std::any::Any;
use std::ptr::NonNull;

/// Returns the goroutine to queue after `gp` has become runnable. The caller owns `gp`.
///
/// That is `gp` itself, unless goroutines take turns. Then `gp` now belongs to its explorer, and
/// the result is the goroutine whose turn it is, or `None` if another goroutine already has the
/// turn.
#[inline(always)]
pub(crate) fn goroutine_to_queue(gp: NonNull<G>) -> Option<NonNull<G>> {
    // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only an atomic of it is
    // read.
    match unsafe { gp.as_ref() }.bubble() {
        None => Some(gp),
        Some(bubble) => goroutine_to_queue_in(bubble, gp),
    }
}

#[cold]
fn goroutine_to_queue_in(bubble: &'static Bubble, gp: NonNull<G>) -> Option<NonNull<G>> {
    if bubble.explores() {
        PooledBubble::of(bubble).explorer.arrives(gp)
    } else {
        Some(gp)
    }
}

/// Returns the caller's explorer, if the caller takes turns.
pub(crate) fn explorer() -> Option<&'static Explorer> {
    let bubble = bubble().filter(|bubble| bubble.explores())?;
    Some(&PooledBubble::of(bubble).explorer)
}

/// Returns whether the caller takes turns with other goroutines.
#[cold]
pub(crate) fn are_taken() -> bool {
    explorer().is_some()
}

/// Returns a random number that is the same in each repetition of the caller's schedule, or `None`
/// if the caller's schedule is not explored.
#[cold]
pub(crate) fn random() -> Option<u32> {
    explorer().map(|explorer| (explorer.random() >> 32) as u32)
}

/// Tells the explorer that the running goroutine has panicked. `nobody_joins` says that its handle
/// has been dropped.
#[cold]
pub(crate) fn panicked(g: &G, payload: &(dyn Any + Send), nobody_joins: bool) {
    if let Some(explorer) = explorer() {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "Box<dyn Any>".to_owned());
        explorer.panicked(NonNull::from(g), text, nobody_joins);
    }
}

/// Tells the explorer of `gp`, if it has one, that the outcome of `gp` has been taken. The caller
/// may be in another bubble.
#[cold]
pub(crate) fn joined(gp: NonNull<G>) {
    // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only an atomic of it is
    // read.
    if let Some(bubble) = unsafe { gp.as_ref() }.bubble()
        && bubble.explores()
    {
        PooledBubble::of(bubble).explorer.joined(gp);
    }
}
