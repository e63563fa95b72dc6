//! Records, if goroutines are threads: each is an allocation of its own, from spawn to join.
//!
//! In the native mode records are reused and their memory stays (`record/`). Here each record comes
//! from the allocator and goes back to it, so that tools notice a use after free. This promises
//! less: a record lives until its last owner gives it back (`life/join.rs`, invariant 2). That is
//! enough when a goroutine stays on its thread:
//! - A waker that ends a goroutine's wait has won the right to do so (contract 2 of
//!   `wait/park.rs`), so the goroutine has not ended. The waker's last access to the record comes
//!   before it wakes the thread.
//! - Dumps look at a record under the lock of the shard that lists it.
//!
//! There are several shards so that unrelated goroutines do not take the same lock. Otherwise
//! ThreadSanitizer and Miri would see an order between them that the program does not have.

use crate::base::lock::{Lock, Rank};
use crate::proc::g::G;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::{self, NonNull};

/// The size of a packet is a multiple of this.
const UNIT: usize = 64;

const SHARDS: usize = 64;

/// The addresses of all records.
static ALL: [Lock<Vec<usize>>; SHARDS] = [const { Lock::ranked(Rank::Stacks, Vec::new()) }; SHARDS];

/// The free records of a P: none are kept.
#[derive(Debug)]
pub(crate) struct FreeRecords;

impl FreeRecords {
    pub(crate) const fn new() -> Self {
        Self
    }
}

/// Returns the class of records with a packet of `size` bytes: their number of units.
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

/// Allocates a record of this class, whose G is Idle.
pub(crate) fn take_one(class: u8) -> io::Result<NonNull<G>> {
    // SAFETY: the size is not 0, because a record contains a G.
    let at = unsafe { alloc_zeroed(layout(class)) };
    let Some(gp) = NonNull::new(at.cast::<G>()) else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    // SAFETY: all zeros are an idle G, as in `record/mod.rs`. The record is ours.
    unsafe { gp.as_ref() }.class.set(class);
    shard(gp).lock().push(gp.as_ptr().expose_provenance());
    Ok(gp)
}

/// Frees a record whose G is Idle. The caller is its last owner.
pub(crate) fn free_one(gp: NonNull<G>) {
    let addr = gp.addr().get();
    let mut all = shard(gp).lock();
    if let Some(at) = all.iter().rposition(|&other| other == addr) {
        all.swap_remove(at);
    }
    drop(all);
    // SAFETY: the record comes from `take_one`, with the layout of its class, and belongs to the
    // caller. An idle G owns nothing.
    unsafe {
        let class = gp.as_ref().class.get();
        dealloc(gp.as_ptr().cast(), layout(class));
    }
}

/// Calls `look` with every record. `look` may only take a lock of the last rank.
pub(crate) fn for_each(mut look: impl FnMut(&G)) {
    for shard in &ALL {
        for &addr in shard.lock().iter() {
            // SAFETY: a listed record is alive, because it leaves the list, under this lock, before
            // it is freed. `take_one` has exposed its address. Other threads write only to its
            // cells and atomics.
            look(unsafe { &*ptr::with_exposed_provenance::<G>(addr) });
        }
    }
}
