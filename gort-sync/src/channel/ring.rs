//! The buffer of a bounded channel: a ring that senders and receivers use without the
//! channel's lock for as long as nobody waits. After D. Vyukov's bounded MPMC queue.
//!
//! # Words
//! `tail` is where the next value goes, `head` where the next one comes from. A position
//! counts slots in its low part and laps above it, shifted by two bits of which one says
//! [`SLOW`] and one, in `tail`, [`CLOSED`]. A slot's stamp is, for the lap `n` in which it is
//! used next: `n` free, `n + 1` full (`n` counts in steps of `lap`, which is at least 2). All
//! start at zero, so that a large ring costs nothing until it is used.
//!
//! | stamp | who may touch the slot | next |
//! |---|---|---|
//! | `n` | the sender that has moved `tail` from this position | stores `n + 1`, release |
//! | `n + 1` | the receiver that has moved `head` from this position | stores `n + lap`, release |
//!
//! # Fast and slow
//! Who finds no flag moves `tail` (or `head`) by a compare-and-swap and owns the slot. Whoever
//! holds the channel's lock may *arrest* an end by setting `SLOW` in its word. From then on
//! no compare-and-swap there succeeds, because all of them expect the flag to be clear: the
//! end is the lock's, and its word is changed by plain stores. So a receiver that arrests
//! `tail` and then finds the ring empty knows that it stays empty until it lets go of the
//! lock: one word, no fence, nothing to miss. The same for a sender that arrests `head` and
//! finds the ring full. `CLOSED` is set once, under the lock, and has the same effect.
//!
//! # Why "empty" and "full" are true
//! Both words only grow, and `head <= tail <= head + capacity`. [`pop`](Ring::pop) reads
//! `head`, then `tail` (acquire keeps that order). If they are equal, then at the second read
//! `head` was at least and at most `tail`: the ring was empty at that moment. For full the
//! reads come in the other order. What happened before the call, by any synchronisation,
//! is seen (coherence).
//!
//! Moving a word is a release: who moves `head` past a value has seen `tail` beyond it, by the
//! slot's stamp, and so does everybody who then reads `head` with an acquire; likewise for `tail`
//! and a slot that was made free. Otherwise [`len`](Ring::len) could pair a new `head` with an old
//! `tail`, and count more than there can be, or less than nothing.
//!
//! Between moving a word and storing the stamp somebody may lose its core; others then find
//! the position taken and the slot not ready, and wait for it as crossbeam-channel's do.

use crate::prim::{
    AtomicUsize, Backoff, DataCell,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    alloc_zeroed,
};
use crossbeam_utils::CachePadded;
use gort_runtime::{catch, discard, raise};
use std::alloc::{self, Layout};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// In `head` and `tail`: this end belongs to the holder of the channel's lock.
const SLOW: usize = 1;
/// In `tail`: no more sends.
const CLOSED: usize = 2;
const FLAGS: usize = SLOW | CLOSED;
const SHIFT: u32 = 2;

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The value was moved.
    Done,
    /// Full, or empty.
    NotReady,
    /// Closed; for a receive: and drained.
    Closed,
    /// Only the holder of the lock can say.
    Slow,
}

#[repr(C)]
struct Stamped<T> {
    stamp: AtomicUsize,
    value: DataCell<MaybeUninit<T>>,
}

/// A ring of values.
pub(crate) struct Ring<T> {
    tail: CachePadded<AtomicUsize>,
    head: CachePadded<AtomicUsize>,
    slots: Slots<T>,
    /// A power of two above `cap`, in position units.
    lap: usize,
}

impl<T> Stamped<T> {
    /// Nothing in it. All zeroes are one, too.
    fn new() -> Self {
        Self {
            stamp: AtomicUsize::new(0),
            value: DataCell::new(MaybeUninit::uninit()),
        }
    }
}

/// The slots' memory, for itself, so that it is freed also if a value's destructor panics.
struct Slots<T> {
    first: NonNull<Stamped<T>>,
    cap: usize,
}

impl<T> Slots<T> {
    /// Zeroed: stamps 0, and values that are not there. `cap` is at least 1.
    fn new(cap: usize) -> Option<Self> {
        let layout = Layout::array::<Stamped<T>>(cap).ok()?;
        // SAFETY: the layout is that of `cap` slots, and not of size 0: a slot has a stamp.
        let first = unsafe { alloc_zeroed(layout, cap, Stamped::new) };
        Some(Self {
            first: NonNull::new(first)?,
            cap,
        })
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout, having found that it is valid, and this is the end.
        unsafe {
            let layout = Layout::from_size_align_unchecked(
                size_of::<Stamped<T>>() * self.cap,
                align_of::<Stamped<T>>(),
            );
            alloc::dealloc(self.first.as_ptr().cast(), layout);
        }
    }
}

impl<T> Ring<T> {
    /// A ring of `cap` slots, at least one; `None` if there is no memory for it.
    pub(crate) fn new(cap: usize) -> Option<Self> {
        let lap = cap.checked_add(1)?.checked_next_power_of_two()?;
        // Some laps must fit into a word.
        lap.checked_mul(1 << (SHIFT + 8))?;
        Some(Self {
            tail: CachePadded::new(AtomicUsize::new(0)),
            head: CachePadded::new(AtomicUsize::new(0)),
            slots: Slots::new(cap)?,
            lap: lap << SHIFT,
        })
    }

    #[inline(always)]
    pub(crate) fn cap(&self) -> usize {
        self.slots.cap
    }

    /// The slot of a position, flags or not.
    #[inline(always)]
    fn slot(&self, word: usize) -> &Stamped<T> {
        let index = (word & (self.lap - 1)) >> SHIFT;
        debug_assert!(index < self.cap());
        // SAFETY: within what was allocated: each position is 0 or came from `next`, which goes on to the next
        // lap behind slot `cap - 1`. A slot is valid from the start: zeroes are a stamp, and a value that
        // is not there. The memory is freed with `self`.
        unsafe { self.slots.first.add(index).as_ref() }
    }

    /// The stamp of a free slot in the lap of this position.
    #[inline(always)]
    fn lap_of(&self, word: usize) -> usize {
        word & !(self.lap - 1)
    }

    /// The position after this one, which has no flags.
    #[inline(always)]
    fn next(&self, pos: usize) -> usize {
        if (pos & (self.lap - 1)) >> SHIFT < self.cap() - 1 {
            pos + (1 << SHIFT)
        } else {
            self.lap_of(pos).wrapping_add(self.lap)
        }
    }

    /// Sends what is at `elem`, if nobody waits and there is room; moved if `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline]
    pub(crate) unsafe fn push(&self, elem: *const T) -> Attempt {
        let backoff = Backoff::new();
        let mut tail = self.tail.load(Relaxed);
        loop {
            if tail & FLAGS != 0 {
                return if tail & CLOSED != 0 {
                    Attempt::Closed
                } else {
                    Attempt::Slow
                };
            }
            let slot = self.slot(tail);
            let stamp = slot.stamp.load(Acquire);
            if stamp == self.lap_of(tail) {
                let next = self.next(tail);
                match self
                    .tail
                    .compare_exchange_weak(tail, next, Release, Relaxed)
                {
                    Ok(_) => {
                        // SAFETY: the slot is ours alone until we store the stamp: it said "free", and
                        // we have moved `tail` from this position (table). Caller's clause: `elem` is a
                        // value to move.
                        unsafe {
                            slot.value
                                .with_mut(|place| place.cast::<T>().copy_from(elem, 1));
                        }
                        slot.stamp.store(stamp.wrapping_add(1), Release);
                        return Attempt::Done;
                    }
                    Err(now) => {
                        tail = now;
                        backoff.spin();
                        continue;
                    }
                }
            }
            tail = self.tail.load(Acquire);
            if tail & FLAGS == 0 && self.is_full_at(tail) {
                return Attempt::NotReady;
            }
            // Somebody is at work on this slot, or the word was old.
            backoff.snooze();
        }
    }

    /// Receives into `elem` if nobody waits and there is a value; initialised if `Done`.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline]
    pub(crate) unsafe fn pop(&self, elem: *mut T) -> Attempt {
        let backoff = Backoff::new();
        let mut head = self.head.load(Relaxed);
        loop {
            if head & SLOW != 0 {
                return Attempt::Slow;
            }
            let slot = self.slot(head);
            let full = self.lap_of(head).wrapping_add(1);
            if slot.stamp.load(Acquire) == full {
                let next = self.next(head);
                match self
                    .head
                    .compare_exchange_weak(head, next, Release, Relaxed)
                {
                    Ok(_) => {
                        // SAFETY: the slot is ours alone until we store the stamp: it said "full", and
                        // we have moved `head` from this position (table). Caller's clause: `elem` is a
                        // place for a `T`.
                        unsafe {
                            slot.value
                                .with_mut(|place| elem.copy_from(place.cast::<T>(), 1));
                        }
                        slot.stamp
                            .store(self.lap_of(head).wrapping_add(self.lap), Release);
                        return Attempt::Done;
                    }
                    Err(now) => {
                        head = now;
                        backoff.spin();
                        continue;
                    }
                }
            }
            head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            if tail & !FLAGS == head {
                return if tail & CLOSED != 0 {
                    Attempt::Closed
                } else {
                    Attempt::NotReady
                };
            }
            backoff.snooze();
        }
    }

    /// Whether a receive would wait, at some moment during the call; see the header.
    #[inline]
    pub(crate) fn is_open_and_empty(&self) -> bool {
        let head = self.head.load(Acquire);
        // Equal with both flags clear in `head` and `CLOSED` clear in `tail`.
        self.tail.load(Acquire) & !SLOW == head
    }

    /// Whether the ring was full, given a `tail` that was just read (acquire).
    #[inline(always)]
    fn is_full_at(&self, tail: usize) -> bool {
        let head = self.head.load(Acquire);
        (tail & !FLAGS) == (head & !FLAGS).wrapping_add(self.lap)
    }

    /// Before anybody uses it: nobody passes by until [`release`](Self::release).
    pub(crate) fn arrest(&self) {
        self.arrest_tail();
        self.arrest_head();
    }

    /// Under the lock: no send passes by any more until [`release`](Self::release).
    pub(crate) fn arrest_tail(&self) {
        if self.tail.load(Relaxed) & SLOW == 0 {
            self.tail.fetch_or(SLOW, AcqRel);
        }
    }

    /// Under the lock: no receive passes by any more.
    pub(crate) fn arrest_head(&self) {
        if self.head.load(Relaxed) & SLOW == 0 {
            self.head.fetch_or(SLOW, AcqRel);
        }
    }

    /// Under the lock, `tail` arrested: whether there is room besides so many places. If not, `head` is
    /// arrested as well: there will be none while the lock is held.
    #[inline]
    pub(crate) fn has_room_beside(&self, promised: usize) -> bool {
        let has_room = || self.len() + promised < self.cap();
        has_room() || {
            self.arrest_head();
            has_room()
        }
    }

    /// Under the lock: gives both ends back.
    pub(crate) fn release(&self) {
        for end in [&self.tail, &self.head] {
            let word = end.load(Relaxed);
            if word & SLOW != 0 {
                // An arrested word is changed by the holder of the lock alone: no
                // read-modify-write.
                end.store(word & !SLOW, Release);
            }
        }
    }

    /// Under the lock: no more sends, for ever.
    pub(crate) fn close(&self) {
        self.tail.fetch_or(CLOSED, AcqRel);
    }

    /// Under the lock, `tail` arrested, not closed: sends what is at `elem` if there is
    /// room.
    ///
    /// # Safety
    /// The caller holds the lock and has arrested `tail`; the ring is not closed; `elem` points to a value
    /// that is the caller's to move.
    pub(crate) unsafe fn push_arrested(&self, elem: *const T) -> bool {
        let tail = self.tail.load(Acquire);
        debug_assert!(tail & FLAGS == SLOW);
        if self.is_full_at(tail) {
            return false;
        }
        let pos = tail & !FLAGS;
        let slot = self.slot(pos);
        let free = self.lap_of(pos);
        wait_for(&slot.stamp, free);
        // First the word, then the stamp: nobody may take from beyond `tail`.
        self.tail.store(self.next(pos) | SLOW, Release);
        // SAFETY: the slot is ours alone until we store the stamp: it said "free", and we have moved `tail`
        // from this position (table). Caller's clauses: the end is arrested and the lock held, so nobody
        // else does; `elem` is a value to move.
        unsafe {
            slot.value
                .with_mut(|place| place.cast::<T>().copy_from(elem, 1));
        }
        slot.stamp.store(free.wrapping_add(1), Release);
        true
    }

    /// Under the lock, `head` arrested: receives into `elem` if there is a value.
    ///
    /// # Safety
    /// The caller holds the lock and has arrested `head`, or found it so; `elem` is a place for a `T`.
    pub(crate) unsafe fn pop_arrested(&self, elem: *mut T) -> bool {
        let head = self.head.load(Acquire);
        debug_assert!(head & FLAGS == SLOW);
        let pos = head & !FLAGS;
        if self.tail.load(Acquire) & !FLAGS == pos {
            return false;
        }
        let slot = self.slot(pos);
        let free = self.lap_of(pos);
        wait_for(&slot.stamp, free.wrapping_add(1));
        self.head.store(self.next(pos) | SLOW, Release);
        // SAFETY: the slot is ours alone until we store the stamp: it said "full", and we have moved `head`
        // from this position (table). Caller's clauses: the end is arrested and the lock held, so nobody
        // else does; `elem` is a place for a `T`.
        unsafe {
            slot.value
                .with_mut(|place| elem.copy_from(place.cast::<T>(), 1));
        }
        slot.stamp.store(free.wrapping_add(self.lap), Release);
        true
    }

    /// Values in the ring, at some moment during the call.
    pub(crate) fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Acquire) & !FLAGS;
            let head = self.head.load(Acquire) & !FLAGS;
            // If `tail` stood still, both were so at one moment.
            if self.tail.load(Acquire) & !FLAGS != tail {
                continue;
            }
            let count = |pos: usize| (pos & (self.lap - 1)) >> SHIFT;
            return if self.lap_of(tail) == self.lap_of(head) {
                count(tail) - count(head)
            } else {
                self.cap() - count(head) + count(tail)
            };
        }
    }
}

/// Waits for who has moved a word but not yet stored the slot's stamp: a few instructions,
/// unless it has lost its core.
fn wait_for(stamp: &AtomicUsize, value: usize) {
    let backoff = Backoff::new();
    while stamp.load(Acquire) != value {
        backoff.snooze();
    }
}

/// Calls `drop_one` until it finds nothing more to drop, also after values' destructors have
/// panicked: the first panic goes on in the end.
pub(super) fn drop_all(mut drop_one: impl FnMut() -> bool) {
    let mut first = None;
    loop {
        match catch(&mut drop_one) {
            Ok(true) => {}
            Ok(false) => break,
            Err(payload) if first.is_none() => first = Some(payload),
            Err(payload) => discard(payload),
        }
    }
    if let Some(payload) = first {
        raise(payload);
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let mut pos = self.head.load(Relaxed) & !FLAGS;
        let tail = self.tail.load(Relaxed) & !FLAGS;
        drop_all(|| {
            if pos == tail {
                return false;
            }
            let slot = self.slot(pos);
            pos = self.next(pos);
            // SAFETY: `self` is exclusively ours, so nobody is at work on a slot: from head to tail all are
            // full. This one was passed before its value's destructor runs, so that it runs once, whatever
            // it does.
            unsafe { slot.value.with_mut(|place| (*place).assume_init_drop()) };
            true
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
