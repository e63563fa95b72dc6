//! The stacks' stand-in for loom: there are none.

use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::io;
use std::ptr::NonNull;

#[derive(Debug)]
pub(crate) struct StackSlot;

impl StackSlot {
    pub(crate) fn size_log2(&self) -> u8 {
        0
    }
}

#[derive(Debug)]
pub(crate) struct FreeSlots;

impl FreeSlots {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn take(&self, _size_log2: u8) -> io::Result<NonNull<G>> {
        Err(io::ErrorKind::OutOfMemory.into())
    }

    pub(crate) fn give(&self, _gp: NonNull<G>) {}
}

pub(crate) fn alloc_batch(_size_log2: u8, _n: u32, _to: &GQueue) -> io::Result<()> {
    Err(io::ErrorKind::OutOfMemory.into())
}

pub(crate) fn free_one(_gp: NonNull<G>) {}
