//! Stacks: slots of reserved address space, committed page by page.
//!
//! What a slot promises ([`StackSlot`]):
//! 1. `[base, base + size)` is mapped for the life of the process.
//! 2. The lowest page is a guard: touching it faults. There is never an
//!    unguarded stack.
//! 3. The `G` at its top is initialised from the moment the slot is carved, and
//!    stays a valid `G` for ever, so that dumps may read it at any time.
//!
//! `map.rs` talks to the kernel, `pool.rs` keeps free slots, `trim.rs` gives back
//! memory that nobody wants.

mod map;
mod overflow;
mod pool;
mod trim;

pub(crate) use overflow::{AltStack, install as install_overflow_handler};
pub(crate) use pool::{
    FreeSlots, alloc_batch, for_each_slot, free_one, reserved_bytes, validate_size,
};
pub(crate) use trim::Trimmer;

use std::ptr::NonNull;

/// Default reserve for one goroutine.
pub(crate) const DEFAULT_STACK: usize = 256 * 1024;
/// Default reserve for the main goroutine.
pub(crate) const MAIN_STACK: usize = 8 * 1024 * 1024;
/// The least reserve that can be asked for: room for formatting, a panic and
/// its unwinding.
pub(crate) const MIN_STACK: usize = 32 * 1024;
/// The largest reserve that can be asked for.
pub(crate) const MAX_STACK: usize = 1 << 30;

/// Where a goroutine's stack lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot {
    /// The guard page begins here.
    base: NonNull<u8>,
    /// log2 of the slot's size.
    size_log2: u8,
}

impl StackSlot {
    pub(crate) fn size(self) -> usize {
        1 << self.size_log2
    }

    /// The start of the guard page.
    pub(crate) fn base(self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn size_log2(self) -> u8 {
        self.size_log2
    }
}
