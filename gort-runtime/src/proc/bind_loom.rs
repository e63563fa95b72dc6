//! `bind.rs` under loom: stacks are only counted.

use crate::base::stackkind::StackKind;
use crate::proc::g::G;
use crate::proc::p::P;
use crate::stack::{self, StackSlot};
use std::io;
use std::ptr::NonNull;

pub(crate) const DETACHED: u8 = 0;

pub(crate) fn take_record(_p: Option<&P>, _class: u8, _kind: StackKind) -> io::Result<NonNull<G>> {
    Err(io::ErrorKind::OutOfMemory.into())
}

pub(crate) fn give_unused(_p: Option<&P>, _gp: NonNull<G>) {}

pub(crate) fn bind(p: &P, gp: NonNull<G>) -> bool {
    let has_one = p.stacks.take();
    // SAFETY: the caller took `gp` out of a queue, so it owns `gp`.
    unsafe { gp.as_ref() }.stack.set(StackSlot(has_one));
    has_one
}

/// Gives back the stack of a goroutine that has ended, on an M that holds `p` or has no P.
pub(crate) fn unbind(p: Option<&P>) {
    stack::give(p.map(|p| &p.stacks));
}
