//! What an M keeps for traces: its ring, and whose code its thread runs.

use crate::base::prim::hint::{
    AtomicPtr, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::traced::event::Event;
use crate::traced::ring::{Pushed, Ring};
use std::cell::Cell;
use std::ptr;

/// Most Ms that have a ring; what others record is lost. So all rings together take 256 MiB at most.
const MOST: u32 = 1024;
static RINGS: AtomicU32 = AtomicU32::new(0);

/// One M's part. But for `ring` and `unringed` its own thread's.
pub(crate) struct Recorder {
    /// Made at the M's first event, for ever. Written by the M's own thread; the reader looks.
    ring: AtomicPtr<Ring>,
    /// Events lost because there were too many rings.
    unringed: AtomicU32,
    /// The time of the last event.
    last: Cell<u64>,
    /// The goroutine that ran here last: it is the one that wakes, also in a park's commit and at its end.
    acting: Cell<u64>,
}

impl Recorder {
    pub(crate) const fn new() -> Self {
        Self {
            ring: AtomicPtr::new(ptr::null_mut()),
            unringed: AtomicU32::new(0),
            last: Cell::new(0),
            acting: Cell::new(0),
        }
    }

    /// For the reader: the ring, if there is one, and how many events have been lost here since the beginning.
    pub(crate) fn ring(&self) -> (Option<&'static Ring>, u64) {
        // SAFETY: null or a ring that `make_ring` has leaked; acquire sees it whole.
        let ring = unsafe { self.ring.load(Acquire).as_ref() };
        let lost = ring.map_or(0, Ring::lost) + u64::from(self.unringed.load(Relaxed));
        (ring, lost)
    }

    /// Returns a time for an event at `now` that is not before the last one here.
    pub(crate) fn not_before(&self, now: u64) -> u64 {
        now.max(self.last.get())
    }

    pub(crate) fn acting(&self) -> u64 {
        self.acting.get()
    }

    pub(crate) fn set_acting(&self, id: u64) {
        self.acting.set(id);
    }

    /// Puts in all of `events`, or none. Their times are from [`not_before`](Self::not_before).
    ///
    /// # Safety
    /// The caller runs on the M's own thread, or holds the lock of the shared recorder.
    pub(crate) unsafe fn push(&self, events: &[Event]) -> Pushed {
        // Relaxed: only the owner writes it.
        let mut ring = self.ring.load(Relaxed).cast_const();
        if ring.is_null() {
            ring = self.make_ring();
        }
        // SAFETY: null or a ring that was leaked.
        let Some(ring) = (unsafe { ring.as_ref() }) else {
            self.unringed
                .store(self.unringed.load(Relaxed).saturating_add(1), Relaxed);
            return Pushed::Lost;
        };
        // SAFETY: caller's clause: it is the M's thread or holds the lock, which makes it the ring's owner.
        let pushed = unsafe { ring.push(events) };
        if pushed != Pushed::Lost
            && let Some(last) = events.last()
        {
            self.last.set(last.time);
        }
        pushed
    }

    #[cold]
    fn make_ring(&self) -> *const Ring {
        if RINGS.fetch_add(1, Relaxed) >= MOST {
            RINGS.fetch_sub(1, Relaxed);
            return ptr::null();
        }
        let ring = Box::into_raw(Box::new(Ring::new()));
        // Release: the reader sees a whole ring.
        self.ring.store(ring, Release);
        ring
    }
}
