//! A log of events: a list of segments. One thread appends to it and another reads it and gives the
//! segments back (`pool.rs`).
//!
//! ```text
//! first ─► [ read │ events │ events ] ─► [ events │ events ] ─► [ events │ free ]
//!                 ▲ the reader's place                                   ▲ the owner's place
//! ```
//!
//! # Who may touch what
//! The *owner* of an M's log is the M's thread. The owner of the shared log is the thread that
//! holds its lock. The *reader* is the thread that holds the writer's lock (`perfetto/session.rs`).
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `first` | the owner, once | the reader |
//! | `filling`, `filled` | the owner | the owner |
//! | `place` | the reader | the reader |
//! | `Segment::len` | the owner, while it fills the segment | the reader |
//! | `Segment::next` | the owner, when it has filled the segment, once | the reader |
//! | `Segment::slots[i]` | the owner, before `len` is more than `i` | the reader, afterwards |
//!
//! An M's log stays with the M when the M's thread ends. The next thread that gets the M is the
//! next owner. The scheduler's lock orders the two (`proc/m.rs`).
//!
//! # Orderings
//! 1. The owner writes slots, then stores `len` (release). The reader loads `len` (acquire), then
//!    reads slots. So the reader sees whole events.
//! 2. The owner makes the next segment with its first events and its `len`, then stores `next`
//!    (release), or `first` for the very first segment. The reader loads `next` or `first`
//!    (acquire). So it sees a whole segment.
//! 3. Storing `next` is the last thing that the owner does with a segment. A reader that has
//!    acquired `next` sees the final `len`. When it has read that many events, it gives the segment
//!    back.
//!
//! Each word has one writer, so no read-modify-write and no fence is needed.

use crate::base::prim::{
    AtomicPtr,
    Ordering::{Acquire, Release},
    const_unless_loom,
};
use crate::traced::event::TraceEvent;
use crate::traced::pool;
use crate::traced::segment::{SEGMENT, Segment};
use std::cell::Cell;
use std::ptr;

/// A log of one M, or the shared one.
pub(crate) struct Log {
    first: AtomicPtr<Segment>,
    /// The segment that the owner fills, and the number of events in it. If there is no segment,
    /// the number is [`SEGMENT`], as if there were a full one.
    filling: Cell<*const Segment>,
    filled: Cell<usize>,
    place: Place,
}

/// The reader's place. It has cache lines of its own: while the reader moves on, the owner's words
/// stay in the owner's cache.
#[repr(align(128))]
struct Place {
    reading: Cell<*mut Segment>,
    read: Cell<usize>,
}

// SAFETY: only the threads that the table in the header names access each field. Events pass from
// the owner to the reader through `len`, `next` and `first`, as argued there. Events are plain
// data, and what their words point to is `Send`.
unsafe impl Sync for Log {}
// SAFETY: no field depends on the thread that created it.
unsafe impl Send for Log {}

impl Log {
    const_unless_loom! {
        /// Creates an empty log.
        pub(crate) fn new() -> Self {
            Self {
                first: AtomicPtr::new(ptr::null_mut()),
                filling: Cell::new(ptr::null()),
                filled: Cell::new(SEGMENT),
                place: Place {
                    reading: Cell::new(ptr::null_mut()),
                    read: Cell::new(0),
                },
            }
        }
    }

    /// Appends `event`. If it needs another segment and `may_grow` returns `false`, does not append
    /// it and returns `false`.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline(always)]
    pub(crate) unsafe fn push_one(
        &self,
        event: TraceEvent,
        may_grow: impl FnOnce() -> bool,
    ) -> bool {
        let filled = self.filled.get();
        if filled < SEGMENT {
            // SAFETY: there is room, so there is a segment. It is not given back before its `next`
            // has been stored (3), which `grow` does only when it has another segment to fill. The
            // caller is the owner, `filled` events have been published, and there is room.
            unsafe { (*self.filling.get()).put(filled, event.pack()) };
            self.filled.set(filled + 1);
            return true;
        }
        may_grow() && self.grow(&[event])
    }

    /// Appends `events`, at most [`SEGMENT`] of them. If they need another segment and `may_grow`
    /// returns `false`, appends none of them and returns `false`.
    ///
    /// # Safety
    /// The caller is the owner.
    pub(crate) unsafe fn push(
        &self,
        events: &[TraceEvent],
        may_grow: impl FnOnce() -> bool,
    ) -> bool {
        if self.filled.get() + events.len() > SEGMENT {
            return may_grow() && self.grow(events);
        }
        for &event in events {
            // SAFETY: the caller is the owner.
            let pushed = unsafe { self.push_one(event, || false) };
            debug_assert!(pushed, "there is room for all");
        }
        true
    }

    /// Appends `events` in a new segment.
    #[cold]
    #[inline(never)]
    fn grow(&self, events: &[TraceEvent]) -> bool {
        // SAFETY: the pointer is null or points to a segment that is not given back before its
        // `next` has been stored (3), which is done below.
        let full = unsafe { self.filling.get().as_ref() };
        let segment = pool::take();
        segment.prefetch();
        for (at, event) in events.iter().enumerate() {
            // SAFETY: no other thread has the segment yet. The caller checked that the events fit
            // into a segment.
            unsafe { segment.put(at, event.pack()) };
        }
        let segment = Box::into_raw(segment);
        self.filling.set(segment);
        self.filled.set(events.len());
        // Release: the reader sees the whole segment. Do not access the full segment after this
        // store: the reader may have given it back.
        full.map_or(&self.first, |full| &full.next)
            .store(segment, Release);
        true
    }

    /// Removes events while `wanted` returns `true` for the next one, and passes them to `take`.
    ///
    /// # Safety
    /// The caller is the reader.
    pub(crate) unsafe fn drain(
        &self,
        wanted: impl Fn(&TraceEvent) -> bool,
        mut take: impl FnMut(TraceEvent),
    ) {
        let Place { reading, read } = &self.place;
        if reading.get().is_null() {
            reading.set(self.first.load(Acquire));
        }
        // SAFETY: the pointer is null or points to a segment that the owner has published. Only the
        // code below gives it back.
        while let Some(segment) = unsafe { reading.get().as_ref() } {
            // The order of these two loads matters: if there is a next segment, the length that is
            // read after it is final.
            let next = segment.next.load(Acquire);
            let len = segment.len.load(Acquire) as usize;
            while read.get() < len {
                let event = segment.slots[read.get()].with(|slot| {
                    // SAFETY: the owner wrote the slot before it stored the `len` that was
                    // acquired, and does not write it again.
                    unsafe { (*slot).assume_init() }
                });
                let event = event.unpack();
                if !wanted(&event) {
                    return;
                }
                take(event);
                read.set(read.get() + 1);
            }
            if next.is_null() {
                return;
            }
            let done = reading.replace(next);
            read.set(0);
            // SAFETY: the pointer is from `into_raw` in `grow`. Storing `next` was the last thing
            // that the owner did with the segment (3), and the reader has moved on.
            pool::give_back(unsafe { Box::from_raw(done) });
        }
    }
}

#[cfg(loom)]
impl Drop for Log {
    /// Frees the segments, so that loom detects segments that are freed twice or never.
    fn drop(&mut self) {
        let mut at = self.place.reading.get();
        if at.is_null() {
            at = self.first.load(Acquire);
        }
        while !at.is_null() {
            // SAFETY: the pointer is from `into_raw` in `grow`, and no other thread has the log any
            // more.
            let segment = unsafe { Box::from_raw(at) };
            at = segment.next.load(Acquire);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::traced::event::{Kind, NO_P};

    fn event(time: u64) -> TraceEvent {
        TraceEvent {
            time,
            id: 1,
            arg: 0,
            kind: Kind::Runs,
            detail: 0,
            window: 1,
            p: NO_P,
        }
    }

    fn drained(log: &Log, until: u64) -> Vec<u64> {
        let mut times = Vec::new();
        // SAFETY: there is one thread, so it is the reader.
        unsafe {
            log.drain(|event| event.time <= until, |event| times.push(event.time));
        }
        times
    }

    /// Appends one event for each of `times`, all in one call.
    fn push(log: &Log, times: &[u64], may_grow: bool) -> bool {
        let events: Vec<_> = times.iter().map(|&time| event(time)).collect();
        // SAFETY: there is one thread, so it is the owner.
        unsafe { log.push(&events, || may_grow) }
    }

    #[test]
    fn events_come_out_in_their_order_over_segments() {
        let log = Log::new();
        let mut expected = Vec::new();
        for i in 0..3 * SEGMENT as u64 {
            // Append up to three events in one call. They must lie in one segment.
            let times: Vec<_> = (0..=i % 3).map(|j| 10 * i + j).collect();
            assert!(push(&log, &times, true));
            expected.extend(times);
        }
        let (early, late) = expected.split_at(expected.partition_point(|&time| time <= 10_000));
        assert_eq!(drained(&log, 10_000), early);
        assert_eq!(drained(&log, u64::MAX), late);
        assert_eq!(drained(&log, u64::MAX), []);
    }

    #[test]
    fn a_log_that_must_not_grow_takes_what_fits() {
        let log = Log::new();
        assert!(!push(&log, &[1], false));
        assert!(push(&log, &[2], true));
        for _ in 1..SEGMENT - 1 {
            assert!(push(&log, &[3], false));
        }
        assert!(!push(&log, &[4, 4], false), "there is room for one");
        assert!(push(&log, &[5], false));
        assert!(!push(&log, &[6], false));
        assert!(push(&log, &[7], true));
        let all = drained(&log, u64::MAX);
        assert_eq!((all.len(), all[0], all[SEGMENT]), (SEGMENT + 1, 2, 7));
    }
}
