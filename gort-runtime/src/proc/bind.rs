//! Takes and gives back what a goroutine needs: a record, a reservation, a stack. An M that holds a
//! P uses what is free on that P. A thread without a P uses the global pools.

use crate::arch::{self, Gobuf};
use crate::base::prim::Ordering::Relaxed;
use crate::base::stackkind::StackKind;
use crate::proc::g::G;
use crate::proc::p::P;
use crate::record;
use crate::stack::{self, StackSlot};
use std::io;
use std::ptr::NonNull;

/// Bytes for closure and outcome in the record of a goroutine that a timer starts.
pub(crate) const DETACHED_ROOM: usize = 64;
/// The size class of these records.
pub(crate) const DETACHED: u8 = record::class_for(DETACHED_ROOM);

/// Takes a record of this size class and reserves a stack.
pub(crate) fn take_record(p: Option<&P>, class: u8, kind: StackKind) -> io::Result<NonNull<G>> {
    let stacks = p.map(|p| &p.stacks);
    stack::reserve(stacks, kind)?;
    let record = match p {
        Some(p) => p.records.take(class),
        None => record::take_one(class),
    };
    match &record {
        // SAFETY: the record was just taken, so it is ours.
        Ok(gp) => unsafe { gp.as_ref() }.stack.set(StackSlot::none(kind)),
        Err(_) => stack::unreserve(stacks, kind),
    }
    record
}

/// Gives back a record that the caller owns. The record is Idle, and its stack and reservation
/// have already been given back.
pub(crate) fn give_record(p: Option<&P>, gp: NonNull<G>) {
    match p {
        Some(p) => p.records.give(gp),
        None => record::free_one(gp),
    }
}

/// Gives back a record that was taken but not used, and its reservation.
pub(crate) fn give_unused(p: Option<&P>, gp: NonNull<G>) {
    // SAFETY: the record belongs to the caller.
    let kind = unsafe { gp.as_ref() }.stack.get().kind();
    stack::unreserve(p.map(|p| &p.stacks), kind);
    give_record(p, gp);
}

/// Gives a stack to the goroutine `gp`, which has not run yet, and writes its first frame. Returns
/// `false` if there is no stack at the moment. The calling M holds `p` and has taken `gp` out of a
/// queue.
#[inline]
pub(crate) fn bind(p: &P, gp: NonNull<G>) -> bool {
    // SAFETY: the caller took `gp` out of a queue, so it owns `gp`.
    let g = unsafe { gp.as_ref() };
    let kind = g.stack.get().kind();
    let (Some(stack), Some(first)) = (stack::take(&p.stacks, kind), g.first.get()) else {
        return false;
    };
    g.stack.set(stack);
    g.has_begun.store(true, Relaxed);
    // SAFETY: the top is a multiple of 16, and an entire stack lies below it, which belongs to the
    // goroutine.
    let sp = unsafe { arch::init_stack(stack.top(), first.entry, gp.as_ptr().cast(), first.exit) };
    let tp = stack.thread_pointer();
    g.buf.set(Gobuf {
        sp,
        tp,
        #[cfg(gort_asan)]
        fiber: stack.fiber(),
    });
    true
}

/// Gives back the stack of a goroutine that has left it for ever.
pub(crate) fn unbind(p: Option<&P>, g: &G) {
    let stack = g.stack.get();
    g.stack.set(StackSlot::none(stack.kind()));
    stack::give(p.map(|p| &p.stacks), stack);
}
