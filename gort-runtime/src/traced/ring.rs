//! A ring of events: one thread writes, another reads.
//!
//! # Who may touch what
//! The *owner* is the thread whose M has the ring; for the shared ring, whoever holds its lock. The *reader* is whoever holds
//! the writer's lock (`perfetto/session.rs`).
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `head` | the owner | the reader |
//! | `tail` | the reader | the owner |
//! | `seen_tail` | the owner | the owner |
//! | `slots[i]` | the owner, while `i` is not in `tail..head` | the reader, while it is |
//! | `lost` | the owner | the reader |
//!
//! An M's ring stays with the M when its thread ends. The next thread that gets the M is the next owner; the scheduler's lock
//! orders the two (`proc/m.rs`).
//!
//! # Orderings
//! *Owner*: writes slots, then `head` (release). *Reader*: `head` (acquire), then reads slots. So the reader sees whole
//! events. *Reader*: reads slots, then `tail` (release). *Owner*: `tail` (acquire), then writes slots. So no slot is
//! overwritten while it is read. Each word has one writer; neither side needs a read-modify-write.
//!
//! `tail` may be seen late: then the owner takes the ring for full and loses an event, no more.

use crate::base::prim::{
    AtomicU32, DataCell,
    Ordering::{Acquire, Relaxed, Release},
    hint::AtomicU64,
};
use crate::traced::event::Event;
use std::cell::Cell;
use std::mem::MaybeUninit;

/// Events that a ring holds: 256 KiB. Under loom so few that a model meets the end.
#[cfg(not(loom))]
pub(crate) const CAP: usize = 8192;
#[cfg(loom)]
pub(crate) const CAP: usize = 2;

const _: () = assert!(CAP.is_power_of_two() && CAP <= 1 << 31);

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The ring has the events.
    Kept,
    /// The ring has them, and is so full that the reader should be woken.
    Filling,
    /// There was no room, or not for all of them: the ring has none.
    Lost,
}

/// A ring of events.
pub(crate) struct Ring {
    head: AtomicU32,
    tail: AtomicU32,
    seen_tail: Cell<u32>,
    lost: AtomicU64,
    slots: Box<[DataCell<MaybeUninit<Event>>]>,
}

// SAFETY: each field is touched by whom the table in the header names; slots pass from the owner to the reader and back by
// `head` and `tail`, as argued there. Events are plain data, and what their words point to is `Send`.
unsafe impl Sync for Ring {}

impl Ring {
    /// Makes an empty ring.
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            seen_tail: Cell::new(0),
            lost: AtomicU64::new(0),
            slots: (0..CAP)
                .map(|_| DataCell::new(MaybeUninit::uninit()))
                .collect(),
        }
    }

    fn slot(&self, at: u32) -> &DataCell<MaybeUninit<Event>> {
        &self.slots[at as usize & (CAP - 1)]
    }

    /// Puts in all of `events`, or none.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub(crate) unsafe fn push(&self, events: &[Event]) -> Pushed {
        // Relaxed: the owner's own last store.
        let head = self.head.load(Relaxed);
        let n = events.len() as u32;
        let mut used = head.wrapping_sub(self.seen_tail.get());
        if used + n > CAP as u32 / 2 {
            self.seen_tail.set(self.tail.load(Acquire));
            used = head.wrapping_sub(self.seen_tail.get());
            if used + n > CAP as u32 {
                self.lost.store(self.lost.load(Relaxed) + 1, Relaxed);
                return Pushed::Lost;
            }
        }
        for (i, &event) in events.iter().enumerate() {
            self.slot(head.wrapping_add(i as u32)).with_mut(|slot| {
                // SAFETY: the slot is not in `tail..head`: there are at most `CAP` behind the tail that was acquired. So it
                // is the owner's, which the caller is.
                unsafe { (*slot).write(event) };
            });
        }
        self.head.store(head.wrapping_add(n), Release);
        if used + n > CAP as u32 / 2 {
            Pushed::Filling
        } else {
            Pushed::Kept
        }
    }

    /// Takes out events for as long as `wanted` says yes, and passes them to `take`.
    ///
    /// # Safety
    /// The caller is the reader.
    pub(crate) unsafe fn drain(
        &self,
        wanted: impl Fn(&Event) -> bool,
        mut take: impl FnMut(Event),
    ) {
        // Relaxed: the reader's own last store.
        let mut tail = self.tail.load(Relaxed);
        let head = self.head.load(Acquire);
        while tail != head {
            let event = self.slot(tail).with(|slot| {
                // SAFETY: the slot is in `tail..head`, so the owner has written it before the head that was acquired, and
                // leaves it alone until the tail has passed it.
                unsafe { (*slot).assume_init() }
            });
            if !wanted(&event) {
                break;
            }
            take(event);
            tail = tail.wrapping_add(1);
        }
        self.tail.store(tail, Release);
    }

    /// Returns how many pushes have been lost since the ring was made.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}
