//! Telling valgrind of stacks.
//!
//! Its tools take a stack pointer that moves by less than 2 MB for a frame that is made or left, and call what lies between
//! undefined, or nobody's. Of stacks that it has been told of valgrind knows that moving to another one is a switch.
//!
//! A *client request* is an instruction sequence that does nothing on a processor, and that valgrind recognises when it
//! translates the code (`valgrind.h`, "arch-specific bits"). Stacks are never given back to the system, so there is no need
//! to take a request back.

use crate::arch;
use std::ptr::NonNull;

/// `VG_USERREQ__STACK_REGISTER`.
const STACK_REGISTER: usize = 0x1501;

/// Has valgrind, if this runs in it, know the `len` bytes at `base` for a stack.
///
/// Outside it costs a dozen instructions; a stack is carved with a system call.
pub(super) fn register(base: NonNull<u8>, len: usize) {
    let lowest = base.as_ptr().expose_provenance();
    let highest = lowest + len - 1;
    arch::valgrind_request(&[STACK_REGISTER, lowest, highest, 0, 0, 0]);
}
