//! Queues of goroutines, linked through `schedlink`.
//!
//! A G is in at most one such list at a time. The owner of the list owns the links and the Gs.
//! Depending on the list, the Gs are
//! - Runnable: in run queues and on their way into one;
//! - Idle: in lists of free records;
//! - Waiting: the owner of the list has won the right to wake them (`Waiter::ready_into`,
//!   `Timers::run`), so no other actor ends their wait.
//!
//! In each case `gstatus.rs` makes exactly one actor the owner of the G, and that is the list's
//! owner. The queues are not synchronised. They lie behind a lock (the scheduler's, the pool's, an
//! inbox's), in one P or one M, or in a local variable.

use crate::proc::g::G;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// A first-in, first-out queue.
#[derive(Debug)]
pub(crate) struct GQueue {
    head: Cell<*mut G>,
    tail: Cell<*mut G>,
    len: Cell<u32>,
}

// SAFETY: the owner of the queue owns the Gs in it (see the head of this file): they are in no
// other list, no M runs them, and no other actor wakes them. Moving the queue to another thread
// therefore moves the Gs too.
unsafe impl Send for GQueue {}

impl GQueue {
    pub(crate) const fn new() -> Self {
        Self {
            head: Cell::new(ptr::null_mut()),
            tail: Cell::new(ptr::null_mut()),
            len: Cell::new(0),
        }
    }

    /// Creates a queue that holds `gp`. The caller owns `gp`.
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
        // SAFETY: both are Gs for ever (`record/mod.rs`, promise 1). The links are ours to write:
        // the caller owns `gp`, and the queue owns its tail.
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
        // SAFETY: `gp` is a G for ever. The caller owns it, so its link is ours to write.
        unsafe { gp.as_ref() }.schedlink.set(self.head.get());
        if self.tail.get().is_null() {
            self.tail.set(gp.as_ptr());
        }
        self.head.set(gp.as_ptr());
        self.len.set(self.len.get() + 1);
    }

    /// Removes the head. The caller owns it from now on.
    pub(crate) fn pop_front(&self) -> Option<NonNull<G>> {
        let gp = NonNull::new(self.head.get())?;
        // SAFETY: `gp` is a G for ever. It is the head, so the queue owns its link.
        let next = unsafe { gp.as_ref() }.schedlink.get();
        self.head.set(next);
        if next.is_null() {
            self.tail.set(ptr::null_mut());
        }
        self.len.set(self.len.get() - 1);
        Some(gp)
    }

    /// Moves all goroutines of `other` to the tail.
    pub(crate) fn append(&self, other: &GQueue) {
        let Some(head) = NonNull::new(other.head.get()) else {
            return;
        };
        match NonNull::new(self.tail.get()) {
            // SAFETY: `tail` is a G for ever. It is the tail, so the queue owns its link.
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
