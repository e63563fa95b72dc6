//! The run queue of a P: a ring of 256 and the `runnext` slot.
//!
//! The owner (the M that holds the P) puts at the tail and takes from the head;
//! thieves take half from the head. Go's `runqput`, `runqget`, `runqgrab`.
//!
//! `runnext` is the goroutine that the running one has just made ready: it runs
//! next, in the rest of the same time slice, so that a pair that talks to each
//! other stays on one P. The owner takes it with a swap, a thief only when the
//! owner has had time to run it and did not (see `sched/steal.rs`).
//!
//! # Invariants
//! 1. `tail - head` (wrapping) is the number of entries, at most `CAP`.
//! 2. Only the owner writes `tail` and the slots between head and tail + 1.
//! 3. `head` only grows, by a compare-and-swap of whoever takes entries.
//!
//! # Orderings
//! - Owner's `tail` release with the thief's `tail` acquire: a thief that sees
//!   the entry sees the slot (and the G behind it).
//! - A taker's `head` compare-and-swap is a release, the owner's `head` load in
//!   `put` an acquire: the slot has been read before it can be overwritten.
//! - A thief reads slots before it knows that it may keep them; the
//!   compare-and-swap on `head` decides. A slot is overwritten only after head
//!   passed it, and then the compare-and-swap fails.
//!
//! Rejected: a ring whose owner pops without a locked instruction (thieves then
//! need `membarrier` or a handshake). It would save 9 ns a switch; open for later.

use crate::base::prim::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence_after_rmw,
};
use std::ptr::{self, NonNull};

/// Entries of the ring. Small under loom, so that models reach the edges.
#[cfg(not(loom))]
pub(crate) const CAP: u32 = 256;
/// Entries of the ring. Small under loom, so that models reach the edges.
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

    /// True if there was a moment during the call at which nothing was queued.
    ///
    /// A goroutine moves between `runnext` and the ring; reading both once could
    /// miss it in each. Unchanged `tail` proves that it did not move (Go's `runqempty`).
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

    /// Observer: how many are queued, about.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Acquire);
        let ring = self.tail.load(Acquire).wrapping_sub(head).min(CAP);
        ring as usize + usize::from(!self.next.load(Relaxed).is_null())
    }

    /// Owner: makes `gp` the next to run; returns the one it displaces.
    ///
    /// A full barrier: the entry is visible before whatever the owner loads
    /// next (see `sched/README.md`, "Submitting").
    #[inline]
    pub(crate) fn put_next(&self, gp: NonNull<T>) -> Option<NonNull<T>> {
        let displaced = self.next.swap(gp.as_ptr(), AcqRel);
        // Not a SeqCst swap: in the language that orders nothing before a Relaxed load.
        fence_after_rmw();
        NonNull::new(displaced)
    }

    /// Owner: adds `gp` at the tail. With the ring full, half of it and `gp` go to `spill`,
    /// in queue order.
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
            // Thieves have made room.
        }
    }

    /// Apart, so that the batch is not part of every submitter's stack frame.
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

    /// Owner: takes `runnext`.
    #[inline]
    pub(crate) fn get_next(&self) -> Option<NonNull<T>> {
        if self.next.load(Relaxed).is_null() {
            return None;
        }
        NonNull::new(self.next.swap(ptr::null_mut(), AcqRel))
    }

    /// Owner: the entry that is at the head, or was: good for a prefetch. Null if the ring
    /// is empty.
    pub(crate) fn peek(&self) -> *const T {
        let head = self.head.load(Relaxed);
        if head == self.tail.load(Relaxed) {
            return ptr::null();
        }
        self.slot(head).load(Relaxed)
    }

    /// Owner: takes the head of the ring.
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

    /// Thief: moves half of this ring into `mine`'s (which is empty) and returns
    /// one of the entries. The thief is `mine`'s owner.
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
                // Head and tail were read at different moments.
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

    /// Thief: looks at `runnext`.
    pub(crate) fn peek_next(&self) -> *mut T {
        self.next.load(Relaxed)
    }

    /// Thief: takes `runnext` if it still is `seen`.
    pub(crate) fn steal_next(&self, seen: *mut T) -> Option<NonNull<T>> {
        self.next
            .compare_exchange(seen, ptr::null_mut(), AcqRel, Relaxed)
            .ok()?;
        NonNull::new(seen)
    }
}
