//! A segment of a log: a node of the log's list, with room for some events.
//!
//! `log.rs` says who may touch which field of a segment that is in a log, and what orders that. A
//! segment in no log belongs to the thread that has its box.

use crate::arch;
use crate::base::prim::{
    AtomicPtr, AtomicU32, DataCell,
    Ordering::{Relaxed, Release},
};
use crate::traced::event::Packed;
use std::mem::MaybeUninit;
use std::ptr;

/// Number of events in a segment: 32 KiB. Under loom it is so small that a model fills a segment.
#[cfg(not(loom))]
pub(crate) const SEGMENT: usize = 1024;
#[cfg(loom)]
pub(crate) const SEGMENT: usize = 2;

/// Number of events between the one that is written and the one whose memory is prefetched. The
/// trace's writer thread has touched or read the segment before, so the segment's lines are in the
/// cache of that thread's core. Fetching one line from there took longer than writing ten events.
const AHEAD: usize = 32;

/// A node of a log's list, with room for [`SEGMENT`] events.
pub(crate) struct Segment {
    pub(super) len: AtomicU32,
    pub(super) next: AtomicPtr<Segment>,
    pub(super) slots: [DataCell<MaybeUninit<Packed>>; SEGMENT],
}

impl Segment {
    /// Creates an empty segment on the heap without writing to its slots. A goroutine's stack may
    /// be too small to hold a segment.
    pub(crate) fn new() -> Box<Self> {
        let mut segment = Box::<Self>::new_uninit();
        let at = segment.as_mut_ptr();
        // SAFETY: the pointers are to fields inside the box. `len` and `next` are initialised here,
        // and under loom the slots too. Without loom, a slot is a transparent wrapper of
        // uninitialised memory and needs no initialisation. So the box holds a valid value.
        unsafe {
            (&raw mut (*at).len).write(AtomicU32::new(0));
            (&raw mut (*at).next).write(AtomicPtr::new(ptr::null_mut()));
            #[cfg(loom)]
            for i in 0..SEGMENT {
                (&raw mut (*at).slots[i]).write(DataCell::new(MaybeUninit::uninit()));
            }
            segment.assume_init()
        }
    }

    /// Empties a segment that has been read.
    pub(super) fn clear(&mut self) {
        self.len.store(0, Relaxed);
        self.next.store(ptr::null_mut(), Relaxed);
    }

    /// Writes to every page of the segment, so that the kernel provides the memory now.
    pub(crate) fn touch(&mut self) {
        /// Number of slots on the smallest page of any processor.
        const PER_PAGE: usize = 4096 / size_of::<Packed>();
        for slot in self.slots.iter_mut().step_by(PER_PAGE) {
            slot.with_mut(|slot| {
                // SAFETY: the slot is in memory that this thread alone has. It holds nothing yet,
                // so any bytes may be written to it. The write is volatile because no thread
                // reads what it writes.
                unsafe { slot.cast::<u8>().write_volatile(0) };
            });
        }
    }

    /// Writes `event` to the slot `at`, and publishes the events up to it.
    ///
    /// # Safety
    /// The caller is the owner, at most `at` events have been published, and `at` is less than
    /// [`SEGMENT`].
    #[inline(always)]
    pub(super) unsafe fn put(&self, at: usize, event: Packed) {
        // SAFETY: the caller guarantees that `at` is less than the number of slots.
        let slot = unsafe { self.slots.get_unchecked(at) };
        slot.with_mut(|slot| {
            // SAFETY: the caller owns the slots from `at` on, because the reader
            // reads only published ones.
            unsafe { (*slot).write(event) };
        });
        self.len.store(at as u32 + 1, Release);
        // The address may be past the end of the segment.
        arch::prefetch_to_write(ptr::from_ref(slot).wrapping_add(AHEAD).cast());
    }

    /// Prefetches the first slots.
    pub(super) fn prefetch(&self) {
        for slot in self.slots.iter().take(AHEAD) {
            arch::prefetch_to_write(ptr::from_ref(slot).cast());
        }
    }
}
