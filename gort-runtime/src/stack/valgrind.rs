//! Tells valgrind about stacks.
//!
//! If a stack pointer moves by less than 2 MB, valgrind's tools assume that a frame was made or
//! left, and mark the memory in between as undefined or as inaccessible. If valgrind knows the
//! stacks, it recognises a move from one to another as a switch.
//!
//! When a thread leaves a frame, memcheck marks its memory as inaccessible, even if the thread then
//! ends and its stack becomes a goroutine's (`identity.rs`).
//!
//! A *client request* is an instruction sequence that does nothing on a processor and that valgrind
//! recognises when it translates the code (`valgrind.h`, "arch-specific bits"). Stacks are never
//! unmapped, so they are never deregistered.

use crate::arch;
use std::ptr::NonNull;

/// `VG_USERREQ__STACK_REGISTER`.
const STACK_REGISTER: usize = 0x1501;

/// `VG_USERREQ__MAKE_MEM_UNDEFINED`, which only memcheck knows.
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;

/// Tells valgrind, if the program runs in it, that the `len` bytes at `base` are a stack.
///
/// Outside valgrind this costs a dozen instructions, whereas carving a stack takes a system call.
pub(super) fn register(base: NonNull<u8>, len: usize) {
    let lowest = base.as_ptr().expose_provenance();
    let highest = lowest + len - 1;
    arch::valgrind_request(&[STACK_REGISTER, lowest, highest, 0, 0, 0]);
}

/// Tells memcheck, if the program runs in it, that the memory from `low` to `high` may be used and
/// contains nothing yet.
pub(super) fn make_undefined(low: *mut u8, high: *mut u8) {
    let low = low.expose_provenance();
    let len = high.expose_provenance() - low;
    arch::valgrind_request(&[MAKE_MEM_UNDEFINED, low, len, 0, 0, 0]);
}
