//! Stacks: slots of reserved address space, committed page by page.
//!
//! What a slot promises ([`StackSlot`]):
//! 1. `[base, base + len)` is mapped for the life of the process, a part of one region (`pool.rs`, which never
//!    gives a region back).
//! 2. `[base, floor)` is a guard: touching it faults. There is never an unguarded
//!    stack. Between the floor and the `G` there is at least the stack that was
//!    asked for.
//! 3. The `G` at its top is initialised from the moment the slot is carved, and
//!    stays a valid `G` for ever, so that dumps may read it at any time: `pool.rs` writes it once, `trim.rs`
//!    leaves its page alone. A pointer to it that comes out of the pool may be used for the whole slot.
//!
//! `layout.rs` says how large all this is, `map.rs` talks to the
//! kernel, `pool.rs` keeps free slots, `trim.rs` gives back memory that nobody wants.

mod layout;
mod map;
mod overflow;
mod pool;
mod trim;

pub(crate) use layout::MAX_INLINE;
pub(crate) use overflow::{AltStack, install as install_overflow_handler};
pub(crate) use pool::{
    FreeSlots, alloc_batch, for_each_slot, free_one, reserved_bytes, validate_size,
};
pub(crate) use trim::Trimmer;

use layout::Layout;
use std::ops::Range;
use std::ptr::NonNull;

/// Default stack of one goroutine.
pub(crate) const DEFAULT_STACK: usize = 256 * 1024;
/// Default stack of the main goroutine.
pub(crate) const MAIN_STACK: usize = 8 * 1024 * 1024;
/// The least stack that can be asked for: room for formatting, a panic and
/// its unwinding.
pub(crate) const MIN_STACK: usize = 32 * 1024;
/// The largest stack that can be asked for.
pub(crate) const MAX_STACK: usize = 1 << 30;

/// Where a goroutine's stack lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot {
    /// The guard begins here.
    base: NonNull<u8>,
    /// log2 of the stack that it is for, guard and `G` not counted.
    size_log2: u8,
}

impl StackSlot {
    /// Bytes of stack that it promises.
    fn size(self) -> usize {
        1 << self.size_log2
    }

    /// Bytes of the whole slot.
    fn len(self) -> usize {
        Layout::here().slot(self.size_log2)
    }

    /// The addresses of the guard.
    fn guard(self) -> Range<usize> {
        let base = self.base.addr().get();
        base..base + Layout::here().guard()
    }

    /// Where the guard ends.
    fn floor(self) -> NonNull<u8> {
        // SAFETY: the guard is the lower part of the slot, which lies in one mapping (promise 1).
        unsafe { self.base.add(Layout::here().guard()) }
    }

    pub(crate) fn size_log2(self) -> u8 {
        self.size_log2
    }
}
