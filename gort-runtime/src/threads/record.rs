//! Records, where each goroutine has a thread: memory of their own, from spawn to join.
//!
//! Elsewhere records are used again and their memory stays (`record/`). Here each comes from the allocator and goes back to it, so
//! that tools see a use after the end. What is promised is less: a record is there until its last owner gives it back
//! (`life/join.rs`, invariant 2). That is enough where a goroutine stays on its thread:
//! - who ends a goroutine's wait has the right to (contract 2 of `wait/park.rs`), so it has not ended; and it
//!   touches the record for the last time before it wakes the thread;
//! - dumps look under the lock of the shard that the record is listed in.
//!
//! They are listed in several shards, so that goroutines which have nothing to do with each other do not meet at one lock: for
//! ThreadSanitizer and Miri that would put in order what is in none.

use crate::base::lock::{Lock, Rank};
use crate::proc::g::G;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::{self, NonNull};

/// Packets come in multiples of this.
const UNIT: usize = 64;

const SHARDS: usize = 64;

/// The addresses of the records that are there.
static ALL: [Lock<Vec<usize>>; SHARDS] = [const { Lock::ranked(Rank::Stacks, Vec::new()) }; SHARDS];

/// Free records of a P: none are kept.
#[derive(Debug)]
pub(crate) struct FreeRecords;

impl FreeRecords {
    pub(crate) const fn new() -> Self {
        Self
    }
}

/// The class of records with a packet of `size` bytes: their number of units.
pub(crate) const fn class_for(size: usize) -> u8 {
    let units = size.div_ceil(UNIT);
    assert!(units <= u8::MAX as usize, "larger ones lie in a box");
    units as u8
}

fn layout(class: u8) -> Layout {
    let size = size_of::<G>() + usize::from(class) * UNIT;
    match Layout::from_size_align(size, align_of::<G>()) {
        Ok(layout) => layout,
        Err(_) => crate::base::throw::throw("a record of an absurd size"),
    }
}

fn shard(gp: NonNull<G>) -> &'static Lock<Vec<usize>> {
    &ALL[gp.addr().get() / align_of::<G>() % SHARDS]
}

/// Makes a record of this class, whose G is Idle.
pub(crate) fn take_one(class: u8) -> io::Result<NonNull<G>> {
    // SAFETY: the size is not 0.
    let at = unsafe { alloc_zeroed(layout(class)) };
    let Some(gp) = NonNull::new(at.cast::<G>()) else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    // SAFETY: zeros are an idle G, as in `record/mod.rs`, and it is ours.
    unsafe { gp.as_ref() }.class.set(class);
    shard(gp).lock().push(gp.as_ptr().expose_provenance());
    Ok(gp)
}

/// Frees a record, of which the caller is the last owner, and whose G is Idle.
pub(crate) fn free_one(gp: NonNull<G>) {
    let addr = gp.addr().get();
    let mut all = shard(gp).lock();
    if let Some(at) = all.iter().rposition(|&other| other == addr) {
        all.swap_remove(at);
    }
    drop(all);
    // SAFETY: from `take_one`, with the layout of its class, and the caller's. An idle G owns nothing.
    unsafe {
        let class = gp.as_ref().class.get();
        dealloc(gp.as_ptr().cast(), layout(class));
    }
}

/// Shows all records to `look`, which takes no lock but one of the last rank.
pub(crate) fn for_each(mut look: impl FnMut(&G)) {
    for shard in &ALL {
        for &addr in shard.lock().iter() {
            // SAFETY: a record that is listed is there, since it leaves the list, under this lock, before it is freed; its
            // address was exposed by `take_one`. What others write meanwhile is in cells and atomics.
            look(unsafe { &*ptr::with_exposed_provenance::<G>(addr) });
        }
    }
}
