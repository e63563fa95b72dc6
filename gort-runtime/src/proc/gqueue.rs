//! Queues of goroutines linked through `schedlink`.
//!
//! A G is in at most one such list at a time; whoever owns the list owns the
//! link. Not synchronised: the lists live behind the scheduler's lock, in one
//! P, or in a local variable.

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

// SAFETY: a queue owns the Gs that are in it (Runnable or Idle: no M touches
// them), so moving it to another thread moves them too.
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
        // SAFETY: the caller owns `gp`, the queue owns its tail.
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
        // SAFETY: the caller owns `gp`.
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
        // SAFETY: the queue owns its head.
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
            // SAFETY: the queue owns its tail.
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
