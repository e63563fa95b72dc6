//! Segments that are ready to be filled: empty, and in memory that the kernel has provided already.
//!
//! At the beginning of a trace the writer thread makes a whole store of segments ([`fill`]). Later
//! the reader of the logs gives back those that it has read. So a thread that records takes a
//! segment that is ready. In a new segment, the thread would cause a page fault for every 128
//! events. These faults took more time than all other work for the events.
//!
//! # Invariants and orderings
//! 1. A slot holds an empty segment or null. No log and no thread has a segment that is in a slot.
//! 2. `put` changes a slot from null to a segment, by a compare-and-swap (release). `take` swaps
//!    null in (acquire). So each segment is taken once, and the thread that takes it sees what the
//!    previous owner did with it: for example, that it is empty.
//! 3. `filled` only says where to look first. Two threads that change it at the same time may leave
//!    it wrong by some slots. Then `take` misses a segment, or `put` a slot, for a while.
//!
//! No call ever waits. A thread that finds no segment makes one.

use crate::base::prim::{
    AtomicPtr, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::traced::segment::Segment;
use std::ptr;

#[cfg(not(loom))]
use crate::traced::budget::STORE_CAPACITY;
#[cfg(not(loom))]
use crate::traced::gate;

/// Number of slots to look at before giving up.
const LOOKS: usize = 4;

/// Room for `N` empty segments.
pub(crate) struct Pool<const N: usize> {
    slots: [AtomicPtr<Segment>; N],
    /// The first `filled` slots hold a segment, and the others do not. This is only approximately
    /// true (3).
    filled: AtomicUsize,
}

impl<const N: usize> Pool<N> {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self {
            slots: [const { AtomicPtr::new(ptr::null_mut()) }; N],
            filled: AtomicUsize::new(0),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            filled: AtomicUsize::new(0),
        }
    }

    /// Removes a segment. Returns `None` if none is found.
    pub(crate) fn take(&self) -> Option<Box<Segment>> {
        let filled = self.filled.load(Relaxed).min(N);
        for at in (filled.saturating_sub(LOOKS)..filled).rev() {
            if let Some(segment) = self.take_at(at) {
                self.filled.store(at, Relaxed);
                return Some(segment);
            }
        }
        None
    }

    fn take_at(&self, at: usize) -> Option<Box<Segment>> {
        let segment = self.slots[at].swap(ptr::null_mut(), Acquire);
        // SAFETY: the pointer is null or from `into_raw` in `put`, and this swap took it out of the
        // only place that had it (1, 2).
        (!segment.is_null()).then(|| unsafe { Box::from_raw(segment) })
    }

    /// Stores an empty segment. Frees it and returns `false` if no room is found.
    pub(crate) fn put(&self, segment: Box<Segment>) -> bool {
        let filled = self.filled.load(Relaxed).min(N);
        let segment = Box::into_raw(segment);
        for at in filled..N.min(filled + LOOKS) {
            let slot = &self.slots[at];
            if slot
                .compare_exchange(ptr::null_mut(), segment, Release, Relaxed)
                .is_ok()
            {
                self.filled.store(at + 1, Relaxed);
                return true;
            }
        }
        // SAFETY: the pointer is from `into_raw` above, and no slot has it.
        drop(unsafe { Box::from_raw(segment) });
        false
    }

    /// Frees all segments.
    fn empty(&self) {
        self.filled.store(0, Relaxed);
        for at in 0..N {
            drop(self.take_at(at));
        }
    }
}

impl<const N: usize> Drop for Pool<N> {
    fn drop(&mut self) {
        self.empty();
    }
}

/// The segments that are ready for the logs.
#[cfg(not(loom))]
static READY: Pool<STORE_CAPACITY> = Pool::new();

/// Returns an empty segment: a ready one, or a new one if none is found.
#[cfg(not(loom))]
pub(crate) fn take() -> Box<Segment> {
    READY.take().unwrap_or_else(Segment::new)
}

/// Returns a new segment. In the models of logs each segment is used once, so that loom detects the
/// use of a segment that was freed.
#[cfg(loom)]
pub(crate) fn take() -> Box<Segment> {
    Segment::new()
}

/// Takes back a segment that has been read.
#[cfg(not(loom))]
pub(crate) fn give_back(mut segment: Box<Segment>) {
    segment.clear();
    READY.put(segment);
}

/// Frees a segment that has been read.
#[cfg(loom)]
pub(crate) fn give_back(segment: Box<Segment>) {
    drop(segment);
}

/// Makes segments until every slot has one. The writer thread calls this at the beginning of a
/// trace, while the program runs. Stops if the trace ends.
#[cfg(not(loom))]
pub(crate) fn fill() {
    for _ in 0..STORE_CAPACITY {
        if gate::trace().is_none() {
            return;
        }
        let mut segment = Segment::new();
        segment.touch();
        if !READY.put(segment) {
            return;
        }
    }
}

/// Frees all segments that are ready.
#[cfg(not(loom))]
pub(crate) fn empty() {
    READY.empty();
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn address(segment: &Segment) -> usize {
        ptr::from_ref(segment).addr()
    }

    #[test]
    fn segments_come_back_once_and_no_more_than_fit() {
        let pool = Pool::<3>::new();
        assert!(pool.take().is_none());
        let mut put = BTreeSet::new();
        for _ in 0..3 {
            let segment = Segment::new();
            put.insert(address(&segment));
            assert!(pool.put(segment));
        }
        assert!(!pool.put(Segment::new()), "there is no room for a fourth");
        let mut taken = Vec::new();
        while let Some(segment) = pool.take() {
            assert!(put.remove(&address(&segment)), "taken twice");
            taken.push(segment);
        }
        assert_eq!(taken.len(), 3);
        assert!(taken.into_iter().all(|segment| pool.put(segment)));
        pool.empty();
        assert!(pool.take().is_none());
    }
}
