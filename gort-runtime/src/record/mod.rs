//! Records: what there is of a goroutine from its spawn until its result is taken, its `G` and
//! below that its closure, later its outcome. The stack is another matter (`stack/`).
//!
//! What a record promises:
//! 1. Its memory is mapped for the life of the process, and where a `G` has been there is one at any time
//!    that may be read: memory that is given back reads as zeros, which is an idle `G`.
//! 2. A `G`'s place is a multiple of 64, and the packet lies right behind it.

mod free;
mod slab;

pub(crate) use free::FreeRecords;
pub(crate) use slab::{SlabTrimmer, class_for, for_each, free_one, take_one};
