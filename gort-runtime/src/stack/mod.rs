//! Stacks: slots of reserved address space, committed page by page.
//!
//! A slot makes these promises ([`StackSlot`]):
//! 1. `[base, base + len)` is mapped for the life of the process. It is part of one region
//!    (`pool.rs`, which never unmaps a region).
//! 2. `[base, floor)` is a guard: any access to it faults. There is never an unguarded stack. The
//!    stack between the floor and the top is at least as large as requested.
//!
//! A goroutine has a stack from its first run to its end. What it needs before and after that is in
//! its record (`record/`).
//!
//! Some slots have thread-locals above the top, which belong to the goroutine that runs on the
//! stack (`identity.rs`).
//!
//! `layout.rs` computes sizes, `map.rs` talks to the kernel, `pool.rs` keeps free slots, and
//! `trim.rs` gives back unused memory.

mod fork;
mod identity;
mod layout;
mod map;
mod overflow;
mod pool;
mod setxid;
mod trim;
mod valgrind;

pub(crate) use identity::ensure_possible as ensure_identities;
pub(crate) use layout::MAX_INLINE;
pub(crate) use map::map_slots;
pub(crate) use overflow::{AltStack, install as install_overflow_handler};
pub(crate) use pool::{FreeStacks, give, reserve, reserved_bytes, take, unreserve, validate_size};
pub(crate) use trim::Trimmer;

use crate::base::stackkind::StackKind;
use layout::Layout;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// Default stack size of a goroutine. AddressSanitizer's frames are several times as large.
pub(crate) const DEFAULT_STACK: usize = if cfg!(gort_asan) {
    1024 * 1024
} else {
    256 * 1024
};
/// Default stack size of the main goroutine.
pub(crate) const MAIN_STACK: usize = 8 * 1024 * 1024;
/// Minimum stack size that can be requested. It has room for formatting, a panic and its unwinding.
pub(crate) const MIN_STACK: usize = 32 * 1024;
/// Maximum stack size that can be requested.
pub(crate) const MAX_STACK: usize = 1 << 30;

impl StackKind {
    /// Returns the number of bytes of stack that are promised.
    fn size(self) -> usize {
        1 << self.size_log2
    }

    /// Returns the number of bytes in a whole slot.
    fn slot(self) -> usize {
        let identity = if self.own { identity::room() } else { 0 };
        Layout::here().slot(self.size_log2) + identity
    }
}

/// The location of a goroutine's stack, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot {
    /// The address at which the first frame begins. Null if there is no stack.
    top: *mut u8,
    /// Bytes from the top to the end of the slot. They hold the slot's colour (unused bytes, so
    /// that the first frames of neighbouring stacks do not share cache sets), and below that the
    /// identity, if the slot has one.
    above: u32,
    kind: StackKind,
}

impl StackSlot {
    /// Creates the value for a goroutine that has no stack yet, or no longer has one, and that
    /// wants one of this kind.
    pub(crate) const fn none(kind: StackKind) -> Self {
        Self {
            top: ptr::null_mut(),
            above: 0,
            kind,
        }
    }

    /// Creates the value for the slot of this kind at `base`, which has no identity yet.
    fn new(base: NonNull<u8>, kind: StackKind, colour: usize) -> Self {
        Self {
            top: base.as_ptr().wrapping_add(kind.slot() - colour),
            above: colour as u32,
            kind,
        }
    }

    /// Returns the same slot with an identity, below which the first frame begins at `top`.
    fn with_identity(self, top: NonNull<u8>) -> Self {
        let top = top.as_ptr();
        Self {
            top,
            above: self.above + (self.top.addr() - top.addr()) as u32,
            kind: self.kind,
        }
    }

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.top.is_null()
    }

    /// Returns the address at which the first frame begins: a multiple of 16, with at least the
    /// requested stack below it.
    #[inline(always)]
    pub(crate) fn top(self) -> *mut u8 {
        self.top
    }

    /// Returns the thread pointer of the slot's identity. Null if it has none: a goroutine on this
    /// stack sees the thread-locals of the thread that runs it.
    #[inline(always)]
    pub(crate) fn thread_pointer(self) -> *mut u8 {
        if self.kind.own {
            // SAFETY: a slot with an identity has its thread pointer there (`identity.rs`).
            unsafe { identity::thread_pointer(self.top) }
        } else {
            ptr::null_mut()
        }
    }

    /// Returns the address at which the guard begins.
    fn base(self) -> *mut u8 {
        let above_base = self.kind.slot() - self.above as usize;
        self.top.wrapping_sub(above_base)
    }

    /// Returns the addresses of the guard.
    fn guard(self) -> Range<usize> {
        let base = self.base().addr();
        base..base + Layout::here().guard()
    }

    /// Returns the description of the stack that AddressSanitizer needs. Call it before anything
    /// runs there.
    #[cfg(gort_asan)]
    pub(crate) fn fiber(self) -> crate::arch::asan::Fiber {
        let bottom = self.base().wrapping_add(Layout::here().guard());
        // SAFETY: the range reaches from the guard's end to the first frame. The slot was taken for
        // a goroutine that has not run, so nothing uses it.
        unsafe { crate::arch::asan::Fiber::new(bottom, self.top.addr() - bottom.addr()) }
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> StackKind {
        self.kind
    }
}
