//! Free stack slots, for an M that holds a P or a thread without one.

use crate::base::config;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::p::P;
use crate::stack;
use std::io;
use std::ptr::NonNull;

/// Takes a free slot, for an M that holds `p` or a thread without one.
pub(crate) fn take_slot(p: Option<&P>, size_log2: u8) -> io::Result<NonNull<G>> {
    match p {
        Some(p) if size_log2 == config::get().stack_log2 => p.free.take(size_log2),
        _ => {
            let one = GQueue::new();
            stack::alloc_batch(size_log2, 1, &one)?;
            one.pop_front()
                .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
        }
    }
}

/// Gives back a slot, which is Idle and the caller's.
pub(crate) fn give_slot(p: Option<&P>, gp: NonNull<G>) {
    // SAFETY: a G for ever (`stack/mod.rs`, promise 3), of which only what never changes is read.
    match p.and_then(|p| p.free_default(unsafe { gp.as_ref() })) {
        Some(slots) => slots.give(gp),
        None => stack::free_one(gp),
    }
}
