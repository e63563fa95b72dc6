//! Queues of goroutines linked through `schedlink`.
//!
//! A G is in at most one such list at a time; whoever owns the list owns the
//! link, and what the list's Gs were owned for. They are
//! - Runnable: run queues, and what is on its way into one;
//! - Idle: free slots;
//! - Waiting, with the right to wake them won by whoever filled the list (`Waiter::ready_into`,
//!   `Timers::run`): nobody else ends their wait.
//!
//! In each case `gstatus.rs` makes one actor the owner of the G, and that is the list's owner. Not synchronised:
//! the lists live behind a lock (the scheduler's, the pool's, an inbox's), in one P or one M, or in a local
//! variable.

use crate::proc::g::G;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// First in, first out.
#[derive(Debug)]
pub(crate) struct GQueue {
    head: Cell<*mut G>,
    tail: Cell<*mut G>,
    len: Cell<u32>,
}

// SAFETY: the Gs that are in it are the queue's owner's (see the header): in no other list, run by no M, and
// woken by nobody else. So moving it to another thread moves them too.
unsafe impl Send for GQueue {}

impl GQueue {
    pub(crate) const fn new() -> Self {
        Self {
            head: Cell::new(ptr::null_mut()),
            tail: Cell::new(ptr::null_mut()),
            len: Cell::new(0),
        }
    }

    /// A queue of one. The caller owns `gp`.
    pub(crate) fn of(gp: NonNull<G>) -> Self {
        let queue = Self::new();
        queue.push_back(gp);
        queue
    }

    pub(crate) fn len(&self) -> u32 {
        self.len.get()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    /// Adds `gp` at the tail. The caller owns `gp`.
    pub(crate) fn push_back(&self, gp: NonNull<G>) {
        // SAFETY: both are Gs for ever (`record/mod.rs`, promise 1); the links are ours: the caller owns `gp`, the
        // queue its tail.
        unsafe {
            gp.as_ref().schedlink.set(ptr::null_mut());
            match NonNull::new(self.tail.get()) {
                Some(tail) => tail.as_ref().schedlink.set(gp.as_ptr()),
                None => self.head.set(gp.as_ptr()),
            }
        }
        self.tail.set(gp.as_ptr());
        self.len.set(self.len.get() + 1);
    }

    /// Adds `gp` at the head. The caller owns `gp`.
    pub(crate) fn push_front(&self, gp: NonNull<G>) {
        // SAFETY: a G for ever; its link is ours, as the caller owns it.
        unsafe { gp.as_ref() }.schedlink.set(self.head.get());
        if self.tail.get().is_null() {
            self.tail.set(gp.as_ptr());
        }
        self.head.set(gp.as_ptr());
        self.len.set(self.len.get() + 1);
    }

    /// Takes the head; the caller owns it from now on.
    pub(crate) fn pop_front(&self) -> Option<NonNull<G>> {
        let gp = NonNull::new(self.head.get())?;
        // SAFETY: a G for ever; its link is the queue's, as it is the head.
        let next = unsafe { gp.as_ref() }.schedlink.get();
        self.head.set(next);
        if next.is_null() {
            self.tail.set(ptr::null_mut());
        }
        self.len.set(self.len.get() - 1);
        Some(gp)
    }

    /// Moves all of `other` to the tail.
    pub(crate) fn append(&self, other: &GQueue) {
        let Some(head) = NonNull::new(other.head.get()) else {
            return;
        };
        match NonNull::new(self.tail.get()) {
            // SAFETY: a G for ever; its link is the queue's, as it is the tail.
            Some(tail) => unsafe { tail.as_ref() }.schedlink.set(head.as_ptr()),
            None => self.head.set(head.as_ptr()),
        }
        self.tail.set(other.tail.get());
        self.len.set(self.len.get() + other.len.get());
        other.head.set(ptr::null_mut());
        other.tail.set(ptr::null_mut());
        other.len.set(0);
    }
}
