//! Who is to be queued when a member of a bubble becomes runnable, and what else depends on whether goroutines take turns.

use crate::bubble::home::bubble;
use crate::bubble::pool::Kept;
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use crate::turns::explorer::Explorer;
use std::any::Any;
use std::ptr::NonNull;

/// `gp`, which the caller has made Runnable and owns, itself; or where goroutines take turns, whose turn it is: nobody's, if
/// somebody has it already. (Then `gp` is its explorer's.)
#[inline(always)]
pub(crate) fn has_turn(gp: NonNull<G>) -> Option<NonNull<G>> {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which only an atomic is read.
    match unsafe { gp.as_ref() }.bubble() {
        None => Some(gp),
        Some(bubble) => has_turn_in(bubble, gp),
    }
}

#[cold]
fn has_turn_in(bubble: &'static Bubble, gp: NonNull<G>) -> Option<NonNull<G>> {
    if bubble.explores() {
        Kept::of(bubble).explorer.arrives(gp)
    } else {
        Some(gp)
    }
}

/// The caller's explorer.
pub(crate) fn explorer() -> Option<&'static Explorer> {
    let bubble = bubble().filter(|bubble| bubble.explores())?;
    Some(&Kept::of(bubble).explorer)
}

/// Whether the caller is one of those who take turns.
#[cold]
pub(crate) fn are_taken() -> bool {
    explorer().is_some()
}

/// A number that is the same in each repetition of the caller's schedule, if it is in one.
#[cold]
pub(crate) fn random() -> Option<u32> {
    explorer().map(|explorer| (explorer.random() >> 32) as u32)
}

/// The running goroutine has panicked; `nobody_joins`: its handle is gone.
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

/// Somebody has taken the outcome of `gp`, of whatever bubble.
#[cold]
pub(crate) fn joined(gp: NonNull<G>) {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which only an atomic is read.
    if let Some(bubble) = unsafe { gp.as_ref() }.bubble()
        && bubble.explores()
    {
        Kept::of(bubble).explorer.joined(gp);
    }
}
