//! Records: the memory that a goroutine has from its spawn until its result is taken. A record
//! holds the `G`, and after it the closure, later the outcome. The stack is separate (`stack/`).
//!
//! A record keeps these promises:
//! 1. Its memory is mapped for the life of the process. Where a `G` has been there is always a `G`
//!    that may be read: memory that was given back to the kernel reads as zeros, and zeros are an
//!    idle `G`.
//! 2. The address of a `G` is a multiple of 64, and the packet (closure or outcome) follows
//!    directly after it.

mod free;
mod slab;

pub(crate) use free::FreeRecords;
pub(crate) use slab::{SlabTrimmer, class_for, for_each, free_one, take_one};
