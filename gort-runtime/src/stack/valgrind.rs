//! Registers stacks with valgrind.
//!
//! If a stack pointer moves by less than 2 MB, valgrind's tools assume that a frame was made or
//! left, and mark the memory in between as undefined or as inaccessible. If valgrind knows the
//! stacks, it recognises a move from one to another as a switch.
//!
//! A *client request* is an instruction sequence that does nothing on a processor and that valgrind
//! recognises when it translates the code (`valgrind.h`, "arch-specific bits"). Stacks are never
//! unmapped, so they are never deregistered.

use crate::arch;
use std::ptr::NonNull;

/// `VG_USERREQ__STACK_REGISTER`.
const STACK_REGISTER: usize = 0x1501;

/// Tells valgrind, if the program runs in it, that the `len` bytes at `base` are a stack.
///
/// Outside valgrind this costs a dozen instructions, whereas carving a stack takes a system call.
pub(super) fn register(base: NonNull<u8>, len: usize) {
    let lowest = base.as_ptr().expose_provenance();
    let highest = lowest + len - 1;
    arch::valgrind_request(&[STACK_REGISTER, lowest, highest, 0, 0, 0]);
}
