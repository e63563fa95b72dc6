//! Stacks: slots of reserved address space, committed page by page.
//!
//! What a slot promises ([`StackSlot`]):
//! 1. `[base, base + len)` is mapped for the life of the process, a part of one region (`pool.rs`, which never
//!    gives a region back).
//! 2. `[base, floor)` is a guard: touching it faults. There is never an unguarded
//!    stack. Between the floor and the top there is at least the stack that was
//!    asked for.
//!
//! A goroutine has one from its first run to its end; what there is of it before and after
//! lies elsewhere (`record/`).
//!
//! `layout.rs` says how large all this is, `map.rs` talks to the
//! kernel, `pool.rs` keeps free slots, `trim.rs` gives back memory that nobody wants.

mod layout;
mod map;
mod overflow;
mod pool;
mod trim;

pub(crate) use layout::MAX_INLINE;
pub(crate) use map::map_slots;
pub(crate) use overflow::{AltStack, install as install_overflow_handler};
pub(crate) use pool::{FreeStacks, give, reserve, reserved_bytes, take, unreserve, validate_size};
pub(crate) use trim::Trimmer;

use layout::Layout;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// Default stack of one goroutine.
pub(crate) const DEFAULT_STACK: usize = 256 * 1024;
/// Default stack of the main goroutine.
pub(crate) const MAIN_STACK: usize = 8 * 1024 * 1024;
/// The least stack that can be asked for: room for formatting, a panic and
/// its unwinding.
pub(crate) const MIN_STACK: usize = 32 * 1024;
/// The largest stack that can be asked for.
pub(crate) const MAX_STACK: usize = 1 << 30;

/// Where a goroutine's stack lies, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot {
    /// Where the first frame begins; null: there is none.
    top: *mut u8,
    /// log2 of the stack that it is for, guard and extra not counted.
    size_log2: u8,
    /// Bytes above the top that are left unused, so that the first frames of neighbours share no cache set.
    colour: u16,
}

impl StackSlot {
    /// No stack yet, or no more, of somebody who wants one of this size.
    pub(crate) const fn none(size_log2: u8) -> Self {
        Self {
            top: ptr::null_mut(),
            size_log2,
            colour: 0,
        }
    }

    /// The slot of this size at `base`.
    fn new(base: NonNull<u8>, size_log2: u8, colour: usize) -> Self {
        let above_base = Layout::here().slot(size_log2) - colour;
        Self {
            top: base.as_ptr().wrapping_add(above_base),
            size_log2,
            colour: colour as u16,
        }
    }

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.top.is_null()
    }

    /// Where the first frame begins: a multiple of 16, with at least what was asked for below it.
    #[inline(always)]
    pub(crate) fn top(self) -> *mut u8 {
        self.top
    }

    /// Where the guard begins.
    fn base(self) -> *mut u8 {
        let above_base = self.len() - usize::from(self.colour);
        self.top.wrapping_sub(above_base)
    }

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
        let base = self.base().addr();
        base..base + Layout::here().guard()
    }

    #[inline(always)]
    pub(crate) fn size_log2(self) -> u8 {
        self.size_log2
    }
}
