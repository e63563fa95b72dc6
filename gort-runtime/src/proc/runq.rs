//! The run queue of a P: a ring of 256 entries, and the `runnext` slot.
//!
//! The owner (the M that holds the P) adds at the tail and removes from the head. Thieves remove
//! half of the ring from the head. Go's `runqput`, `runqget`, `runqgrab`.
//!
//! `runnext` is the goroutine that the running one has just made ready. It runs next, in the rest
//! of the same time slice, so that a pair that communicates stays on one P. The owner takes it by a
//! swap. A thief takes it only if the owner has had time to run it and did not (see
//! `sched/steal.rs`).
//!
//! # Invariants
//! 1. `tail - head` (wrapping) is the number of entries, at most `CAP`.
//! 2. Only the owner writes `tail` and the slots between head and tail + 1.
//! 3. `head` only grows, by a compare-and-swap of the actor that removes entries.
//!
//! # Orderings
//! - The owner's store of `tail` (release) pairs with the thief's load of `tail` (acquire): a thief
//!   that sees the new `tail` sees the slot's entry, and the contents of the G.
//! - The compare-and-swap on `head` that removes entries is a release, and pairs with the owner's
//!   load of `head` in `put` (acquire): the slot has been read before it can be overwritten.
//! - A thief reads slots before it knows that it may keep them. The compare-and-swap on `head`
//!   decides. A slot is overwritten only after `head` has passed it, and then the compare-and-swap
//!   fails.
//!
//! Rejected: a ring whose owner removes entries without a locked instruction. (Thieves then need
//! `membarrier` or a handshake.) It would save 9 ns a switch, and remains an option.

use crate::base::prim::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence_after_rmw,
};
use std::ptr::{self, NonNull};

/// Number of entries in the ring. Small under loom, so that models reach the edges.
#[cfg(not(loom))]
pub(crate) const CAP: u32 = 256;
/// Number of entries in the ring. Small under loom, so that models reach the edges.
#[cfg(loom)]
pub(crate) const CAP: u32 = 4;

/// A run queue of pointers to `T`.
#[derive(Debug)]
pub(crate) struct Runq<T> {
    head: AtomicU32,
    tail: AtomicU32,
    next: AtomicPtr<T>,
    slots: [AtomicPtr<T>; CAP as usize],
}

/// Half of a full ring and the entry that did not fit, in queue order.
pub(crate) type Overflow<T> = [*mut T; CAP as usize / 2 + 1];

impl<T> Runq<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    fn slot(&self, i: u32) -> &AtomicPtr<T> {
        &self.slots[(i % CAP) as usize]
    }

    /// Returns `true` if at some moment during the call nothing was queued.
    ///
    /// A goroutine can move between `runnext` and the ring, so reading each once could miss it in
    /// both. An unchanged `tail` proves that it did not move (Go's `runqempty`).
    pub(crate) fn is_empty(&self) -> bool {
        loop {
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            let next = self.next.load(Acquire);
            if tail == self.tail.load(Acquire) {
                return head == tail && next.is_null();
            }
        }
    }

    /// Returns the approximate number of queued goroutines. Any thread may call this.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Acquire);
        let ring = self.tail.load(Acquire).wrapping_sub(head).min(CAP);
        ring as usize + usize::from(!self.next.load(Relaxed).is_null())
    }

    /// Makes `gp` the next to run, and returns the one that it displaces. The owner calls this.
    ///
    /// Issues a full barrier: the entry is visible before anything that the owner loads next (see
    /// `sched/README.md`, "Submitting").
    #[inline]
    pub(crate) fn put_next(&self, gp: NonNull<T>) -> Option<NonNull<T>> {
        let displaced = self.next.swap(gp.as_ptr(), AcqRel);
        // A SeqCst swap would not do: in the memory model it does not order a later Relaxed load.
        fence_after_rmw();
        NonNull::new(displaced)
    }

    /// Adds `gp` at the tail. The owner calls this. If the ring is full, passes half of it and `gp`
    /// to `spill`, in queue order.
    #[inline]
    pub(crate) fn put(&self, gp: NonNull<T>, mut spill: impl FnMut(&Overflow<T>)) {
        loop {
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Relaxed);
            if tail.wrapping_sub(head) < CAP {
                self.slot(tail).store(gp.as_ptr(), Relaxed);
                self.tail.store(tail.wrapping_add(1), Release);
                return;
            }
            if self.spill_half(head, gp, &mut spill) {
                return;
            }
            // Thieves have made room: try again.
        }
    }

    /// Removes half of a full ring and passes it, with `gp`, to `spill`. Returns `false` if a thief
    /// has removed entries first. This is a separate function so that the batch is not part of
    /// every submitter's stack frame.
    #[cold]
    #[inline(never)]
    fn spill_half(&self, head: u32, gp: NonNull<T>, spill: &mut impl FnMut(&Overflow<T>)) -> bool {
        let half = CAP / 2;
        let mut batch = [ptr::null_mut(); CAP as usize / 2 + 1];
        for i in 0..half {
            batch[i as usize] = self.slot(head.wrapping_add(i)).load(Relaxed);
        }
        batch[half as usize] = gp.as_ptr();
        let ours = self
            .head
            .compare_exchange(head, head.wrapping_add(half), AcqRel, Relaxed)
            .is_ok();
        if ours {
            spill(&batch);
        }
        ours
    }

    /// Takes `runnext`. The owner calls this.
    #[inline]
    pub(crate) fn get_next(&self) -> Option<NonNull<T>> {
        if self.next.load(Relaxed).is_null() {
            return None;
        }
        NonNull::new(self.next.swap(ptr::null_mut(), AcqRel))
    }

    /// Returns the entry that is, or was, at the head of the ring, for a prefetch. Null if the ring
    /// is empty. The owner calls this.
    pub(crate) fn peek(&self) -> *const T {
        let head = self.head.load(Relaxed);
        if head == self.tail.load(Relaxed) {
            return ptr::null();
        }
        self.slot(head).load(Relaxed)
    }

    /// Removes the head of the ring. The owner calls this.
    #[inline]
    pub(crate) fn get(&self) -> Option<NonNull<T>> {
        loop {
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Relaxed);
            if tail == head {
                return None;
            }
            let gp = self.slot(head).load(Relaxed);
            if self
                .head
                .compare_exchange(head, head.wrapping_add(1), AcqRel, Relaxed)
                .is_ok()
            {
                return NonNull::new(gp);
            }
        }
    }

    /// Moves half of this ring into the ring of `mine`, which is empty, and returns one of the
    /// entries. A thief calls this. The thief is the owner of `mine`.
    pub(crate) fn steal_into(&self, mine: &Runq<T>) -> Option<NonNull<T>> {
        let to = mine.tail.load(Relaxed);
        let n = loop {
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            let n = tail.wrapping_sub(head);
            let n = n - n / 2;
            if n == 0 {
                return None;
            }
            if n > CAP / 2 {
                // `head` and `tail` were read at different moments.
                continue;
            }
            for i in 0..n {
                let gp = self.slot(head.wrapping_add(i)).load(Relaxed);
                mine.slot(to.wrapping_add(i)).store(gp, Relaxed);
            }
            if self
                .head
                .compare_exchange(head, head.wrapping_add(n), AcqRel, Relaxed)
                .is_ok()
            {
                break n;
            }
        };
        let last = to.wrapping_add(n - 1);
        let gp = mine.slot(last).load(Relaxed);
        if n > 1 {
            mine.tail.store(last, Release);
        }
        NonNull::new(gp)
    }

    /// Returns `runnext` without taking it. A thief calls this.
    pub(crate) fn peek_next(&self) -> *mut T {
        self.next.load(Relaxed)
    }

    /// Takes `runnext` if it is still `seen`. A thief calls this.
    pub(crate) fn steal_next(&self, seen: *mut T) -> Option<NonNull<T>> {
        self.next
            .compare_exchange(seen, ptr::null_mut(), AcqRel, Relaxed)
            .ok()?;
        NonNull::new(seen)
    }
}
