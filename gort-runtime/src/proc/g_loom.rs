//! `g.rs` under loom: the part of a goroutine that queues and the scheduler use.

use crate::arch::Gobuf;
use crate::base::prim::hint::{AtomicU32, AtomicU64};
use crate::os;
use crate::proc::bubble::Bubble;
use crate::proc::gstatus::GStatus;
use crate::proc::m::M;
use crate::stack::StackSlot;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// A goroutine that is queued. It never runs: a model only checks that an M takes it out of a
/// queue.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct G {
    /// First, as in `g.rs`.
    pub(crate) buf: Cell<Gobuf>,
    pub(crate) status: AtomicU32,
    pub(crate) schedlink: Cell<*mut G>,
    pub(crate) lockedm: Cell<*const M>,
    pub(crate) last_m: Cell<*const M>,
    pub(crate) runnable_since: Cell<u64>,
    pub(crate) is_new: Cell<bool>,
    pub(crate) hog_epoch: AtomicU64,
    pub(crate) wired: Cell<u32>,
    pub(crate) stack: Cell<StackSlot>,
}

impl G {
    /// Creates a goroutine that has just been made runnable.
    pub(crate) fn new() -> Self {
        Self {
            buf: Cell::new(Gobuf::NONE),
            status: AtomicU32::new(GStatus::Runnable as u32),
            schedlink: Cell::new(ptr::null_mut()),
            lockedm: Cell::new(ptr::null()),
            last_m: Cell::new(ptr::null()),
            runnable_since: Cell::new(0),
            is_new: Cell::new(false),
            hog_epoch: AtomicU64::new(0),
            wired: Cell::new(0),
            stack: Cell::new(StackSlot(true)),
        }
    }

    /// Does nothing: no one observes the goroutine.
    pub(crate) fn yields(&self) {}

    pub(crate) fn stamp_runnable(&self) {
        self.runnable_since.set(os::now_ns());
    }

    pub(crate) fn blocked_in(&self) -> Option<&'static Bubble> {
        None
    }

    pub(crate) fn has_own_thread_locals(&self) -> bool {
        false
    }

    pub(crate) fn gobuf(this: NonNull<G>) -> *mut Gobuf {
        this.as_ptr().cast()
    }
}
