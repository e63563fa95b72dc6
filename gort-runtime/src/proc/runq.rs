//! The run queue of a P: a ring of 256 entries, and the `runnext` slot.
//!
//! The owner (the M that holds the P, inside the runtime) adds at the tail and removes from the
//! head. Thieves remove half of the ring from the head. Go's functions are `runqput`, `runqget` and
//! `runqgrab`.
//!
//! `runnext` is the goroutine that the running one has just made ready. It runs next, in the rest
//! of the same time slice, so that a pair that communicates stays on one P. A thief takes it only
//! if the owner has had time to run it and has not done so (see `sched/steal.rs`).
//!
//! # Who may access what
//! One thread at a time changes a queue: its owner, or a thief that keeps the owner in user code
//! while it does so (`ownership.rs`; `sched/visit.rs` if no M holds the P). So the owner, which
//! changes the queue at every switch, needs no locked instruction. Thieves, which are rare, pay for
//! the handshake. In Go the owner executes one compare-and-swap for each goroutine that it takes
//! out. A switch without compare-and-swaps takes 3 to 9 ns less (`yield_pair`, `pingpong_unbuf`).
//!
//! Any thread may read `head`, `tail` and `next`, to see whether there is something to steal, and
//! to count. Only the thread that changes the queue may access the slots.
//!
//! # Invariants
//! 1. `tail - head` (wrapping) is the number of entries, at most `CAP`.
//! 2. The slots from `head` to `tail` hold the entries, in queue order.
//!
//! # Orderings
//! The protocol of `ownership.rs` orders the changes of different threads. The stores of `tail` and
//! of a new `runnext` are releases, and the loads in `is_empty` are acquires, so that `is_empty`
//! does not miss an entry that moves. The loads of hints need no ordering.

use crate::base::prim::{
    AtomicPtr, AtomicU32, DataCell,
    Ordering::{Acquire, Relaxed, Release},
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
    slots: [DataCell<*mut T>; CAP as usize],
}

// SAFETY: a queue does not access what its pointers point to. One thread at a time accesses the
// slots, and the protocol of `ownership.rs` orders these threads ("Who may access what").
unsafe impl<T> Sync for Runq<T> {}
// SAFETY: no field depends on the thread that made the queue.
unsafe impl<T> Send for Runq<T> {}

/// Half of a full ring and the entry that did not fit, in queue order.
pub(crate) type Overflow<T> = [*mut T; CAP as usize / 2 + 1];

impl<T> Runq<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            slots: std::array::from_fn(|_| DataCell::new(ptr::null_mut())),
        }
    }

    /// Reads slot `i`. The caller has the right to change the queue.
    #[inline(always)]
    fn slot(&self, i: u32) -> *mut T {
        // SAFETY: one thread at a time accesses the slots, and the caller is that thread.
        self.slots[(i % CAP) as usize].with(|slot| unsafe { *slot })
    }

    /// Writes slot `i`. The caller has the right to change the queue.
    #[inline(always)]
    fn set_slot(&self, i: u32, gp: *mut T) {
        // SAFETY: one thread at a time accesses the slots, and the caller is that thread.
        self.slots[(i % CAP) as usize].with_mut(|slot| unsafe { *slot = gp });
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
    #[inline]
    pub(crate) fn put_next(&self, gp: NonNull<T>) -> Option<NonNull<T>> {
        let displaced = self.next.load(Relaxed);
        self.next.store(gp.as_ptr(), Release);
        NonNull::new(displaced)
    }

    /// Adds `gp` at the tail. The owner calls this. If the ring is full, passes half of it and `gp`
    /// to `spill`, in queue order.
    #[inline]
    pub(crate) fn put(&self, gp: NonNull<T>, spill: impl FnOnce(&Overflow<T>)) {
        let head = self.head.load(Relaxed);
        let tail = self.tail.load(Relaxed);
        if tail.wrapping_sub(head) < CAP {
            self.set_slot(tail, gp.as_ptr());
            self.tail.store(tail.wrapping_add(1), Release);
        } else {
            self.spill_half(head, gp, spill);
        }
    }

    /// Removes half of a full ring and passes it, with `gp`, to `spill`. This is a separate
    /// function so that the batch is not part of every submitter's stack frame.
    #[cold]
    #[inline(never)]
    fn spill_half(&self, head: u32, gp: NonNull<T>, spill: impl FnOnce(&Overflow<T>)) {
        let half = CAP / 2;
        let mut batch = [ptr::null_mut(); CAP as usize / 2 + 1];
        for i in 0..half {
            batch[i as usize] = self.slot(head.wrapping_add(i));
        }
        batch[half as usize] = gp.as_ptr();
        self.head.store(head.wrapping_add(half), Release);
        spill(&batch);
    }

    /// Takes `runnext`. The owner calls this.
    #[inline]
    pub(crate) fn get_next(&self) -> Option<NonNull<T>> {
        let gp = NonNull::new(self.next.load(Relaxed))?;
        self.next.store(ptr::null_mut(), Relaxed);
        Some(gp)
    }

    /// Returns the first two entries of the ring, for a prefetch, if it has at least `crowd`
    /// entries (two or more). The owner calls this.
    #[inline]
    pub(crate) fn peek_in_crowd(&self, crowd: u32) -> Option<[NonNull<T>; 2]> {
        let head = self.head.load(Relaxed);
        if self.tail.load(Relaxed).wrapping_sub(head) < crowd {
            return None;
        }
        let at = |i| NonNull::new(self.slot(head.wrapping_add(i)));
        Some([at(0)?, at(1)?])
    }

    /// Removes the head of the ring. The owner calls this.
    #[inline]
    pub(crate) fn get(&self) -> Option<NonNull<T>> {
        let head = self.head.load(Relaxed);
        if head == self.tail.load(Relaxed) {
            return None;
        }
        let gp = self.slot(head);
        self.head.store(head.wrapping_add(1), Release);
        NonNull::new(gp)
    }

    /// Returns whether the ring has entries; `runnext` does not count. This is a hint. Any thread
    /// may call this.
    pub(crate) fn ring_has_entries(&self) -> bool {
        self.head.load(Relaxed) != self.tail.load(Relaxed)
    }

    /// Returns how many entries have left the ring (wraps). This is a hint. Any thread may call
    /// this.
    pub(crate) fn taken(&self) -> u32 {
        self.head.load(Relaxed)
    }

    /// Moves half of this ring into the ring of `mine`, which is empty, and returns one of the
    /// entries. A thief calls this. It has the right to change this queue, and owns `mine`.
    pub(crate) fn steal_into(&self, mine: &Runq<T>) -> Option<NonNull<T>> {
        let head = self.head.load(Relaxed);
        let len = self.tail.load(Relaxed).wrapping_sub(head);
        let n = len - len / 2;
        let last = n.checked_sub(1)?;
        let to = mine.tail.load(Relaxed);
        for i in 0..last {
            mine.set_slot(to.wrapping_add(i), self.slot(head.wrapping_add(i)));
        }
        let gp = self.slot(head.wrapping_add(last));
        self.head.store(head.wrapping_add(n), Release);
        mine.tail.store(to.wrapping_add(last), Release);
        NonNull::new(gp)
    }

    /// Returns `runnext` without taking it. This is a hint. Any thread may call this.
    pub(crate) fn peek_next(&self) -> *mut T {
        self.next.load(Relaxed)
    }

    /// Takes `runnext` if it is still `seen`. A thief calls this. It has the right to change this
    /// queue.
    pub(crate) fn steal_next(&self, seen: *mut T) -> Option<NonNull<T>> {
        if self.next.load(Relaxed) != seen {
            return None;
        }
        self.get_next()
    }
}
