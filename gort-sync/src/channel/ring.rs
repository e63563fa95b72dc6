//! The buffer of a bounded channel: a ring that senders and receivers use without the channel's
//! lock while there is no waiter. After D. Vyukov's bounded MPMC queue.
//!
//! # Words
//! `tail` is the position of the next value to be sent, `head` that of the next value to be
//! received. A position counts slots in its low part and laps above it. It is shifted left by two
//! bits: one is [`SLOW`], the other, in `tail` only, is [`CLOSED`]. If `n` is the lap in which a
//! slot is used next, the slot's stamp is `n` when it is free and `n + 1` when it is full (`n`
//! counts in steps of `lap`, which is at least 2). All words start at zero, so that a large ring
//! costs nothing until it is used.
//!
//! | stamp | who may touch the slot | next |
//! |---|---|---|
//! | `n` | the sender that has moved `tail` from this position | stores `n + 1`, release |
//! | `n + 1` | the receiver that has moved `head` from this position | stores `n + lap`, release |
//!
//! # Fast and slow
//! A sender or receiver that finds no flag moves `tail` (or `head`) with a compare-and-swap and
//! then owns the slot. The holder of the channel's lock can *arrest* an end by setting `SLOW` in
//! its word. From then on no compare-and-swap on that word succeeds, because all of them expect the
//! flag to be clear. The end belongs to the lock's holder, who changes its word with plain stores.
//! So a receiver that arrests `tail` and then finds the ring empty knows that it stays empty until
//! the lock is released: only one word is involved, so no fence is needed and no send can be
//! missed. The same holds for a sender that arrests `head` and finds the ring full. `CLOSED` is set
//! once, under the lock, and stops sends in the same way.
//!
//! # Why "empty" and "full" are true
//! Both words only grow, and `head <= tail <= head + capacity`. [`pop`](Ring::pop) reads `head`,
//! then `tail` (acquire keeps that order). If the two are equal, then at the second read `head` had
//! reached `tail` and could not have passed it: the ring was empty at that moment. The test for
//! "full" makes the reads in the other order. The call sees every send and receive that happened
//! before it, whatever synchronisation puts them before it (coherence).
//!
//! Moving a word is a release. A receiver that moves `head` past a value has seen `tail` beyond it,
//! through the slot's stamp, and so has every thread that then reads `head` with an acquire. The
//! same holds for `tail` and a slot that was freed. Otherwise [`len`](Ring::len) could pair a new
//! `head` with an old `tail` and return a negative count or one above the capacity.
//!
//! A thread may lose its core between moving a word and storing the stamp. Other threads then find
//! that the position is taken and the slot not ready, and wait for the slot, as in
//! crossbeam-channel.

use super::slots::{Slots, Stamped};
use crate::prim::{
    AtomicUsize, Backoff,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::spin::Contest;
use crossbeam_utils::CachePadded;
use gort_runtime::{catch, discard, raise};

/// A flag in `head` and `tail`: this end belongs to the holder of the channel's lock.
const SLOW: usize = 1;
/// A flag in `tail`: sends fail for ever.
const CLOSED: usize = 2;
const FLAGS: usize = SLOW | CLOSED;
const SHIFT: u32 = 2;

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The value was moved.
    Done,
    /// The ring is full (for a send) or empty (for a receive).
    NotReady,
    /// The ring is closed (for a send), or closed and drained (for a receive).
    Closed,
    /// The end is arrested: only the holder of the lock can tell.
    Slow,
}

/// Why an attempt has no outcome.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    /// Another thread has moved the word first.
    Lost,
    /// Another thread is using the slot, or the word that was read was old.
    Unfinished,
}

impl Obstacle {
    /// Waits before the next attempt. `end` is the word that the attempt moves.
    #[track_caller]
    fn wait(self, contest: &Contest, end: &AtomicUsize) {
        match self {
            Self::Lost => contest.lost(end),
            Self::Unfinished => contest.snooze(),
        }
    }
}

/// A ring of values.
pub(crate) struct Ring<T> {
    tail: CachePadded<AtomicUsize>,
    head: CachePadded<AtomicUsize>,
    slots: Slots<T>,
    /// A power of two above `cap`, in position units.
    lap: usize,
}

impl<T> Ring<T> {
    /// Creates a ring of `cap` slots, at least one. Returns `None` if there is no memory for it.
    pub(crate) fn new(cap: usize) -> Option<Self> {
        let lap = cap.checked_add(1)?.checked_next_power_of_two()?;
        // A word must have room for several laps.
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

    /// Returns the slot of a position, with or without flags.
    #[inline(always)]
    fn slot(&self, word: usize) -> &Stamped<T> {
        let index = (word & (self.lap - 1)) >> SHIFT;
        debug_assert!(index < self.cap());
        // SAFETY: the index is within the allocation: each position is 0 or came from `next`, which
        // continues with the next lap after slot `cap - 1`. A slot is valid from the start: zeroes
        // are a stamp and a value that is uninitialised. The memory is freed with `self`.
        unsafe { self.slots.first.add(index).as_ref() }
    }

    /// Returns the stamp that a free slot has in the lap of this position.
    #[inline(always)]
    fn lap_of(&self, word: usize) -> usize {
        word & !(self.lap - 1)
    }

    /// Returns the position after this one, which has no flags.
    #[inline(always)]
    fn next(&self, pos: usize) -> usize {
        if (pos & (self.lap - 1)) >> SHIFT < self.cap() - 1 {
            pos + (1 << SHIFT)
        } else {
            self.lap_of(pos).wrapping_add(self.lap)
        }
    }

    /// Sends the value at `elem` if no flag is set and there is room. The value is moved only if
    /// the result is `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline]
    pub(crate) unsafe fn push(&self, elem: *const T) -> Attempt {
        // SAFETY: the caller guarantees that `elem` is a value to move. It is there unless the
        // result is `Ok(Done)`.
        unsafe {
            match self.try_push(elem) {
                Ok(attempt) => attempt,
                Err(obstacle) => self.push_again(elem, obstacle),
            }
        }
    }

    /// Makes one attempt to send. The value is moved only if the result is `Ok(Done)`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline(always)]
    unsafe fn try_push(&self, elem: *const T) -> Result<Attempt, Obstacle> {
        let tail = self.tail.load(Relaxed);
        if tail & FLAGS != 0 {
            return Ok(if tail & CLOSED != 0 {
                Attempt::Closed
            } else {
                Attempt::Slow
            });
        }
        let slot = self.slot(tail);
        let stamp = slot.stamp.load(Acquire);
        if stamp == self.lap_of(tail) {
            let next = self.next(tail);
            let moved = self
                .tail
                .compare_exchange_weak(tail, next, Release, Relaxed);
            if moved.is_err() {
                return Err(Obstacle::Lost);
            }
            // SAFETY: the slot is ours alone until we store the stamp: the stamp said "free", and
            // we have moved `tail` from this position (see the table). Caller's clause: `elem` is a
            // value to move.
            unsafe {
                slot.value
                    .with_mut(|place| place.cast::<T>().copy_from(elem, 1));
            }
            slot.stamp.store(stamp.wrapping_add(1), Release);
            return Ok(Attempt::Done);
        }
        let tail = self.tail.load(Acquire);
        if tail & FLAGS == 0 && self.is_full_at(tail) {
            return Ok(Attempt::NotReady);
        }
        Err(Obstacle::Unfinished)
    }

    /// Continues a send that has met an obstacle.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[cold]
    unsafe fn push_again(&self, elem: *const T, mut obstacle: Obstacle) -> Attempt {
        let contest = Contest::new();
        loop {
            obstacle.wait(&contest, &self.tail);
            // SAFETY: the caller guarantees that `elem` is a value to move. It is there unless the
            // result is `Ok(Done)`.
            match unsafe { self.try_push(elem) } {
                Ok(attempt) => return attempt,
                Err(another) => obstacle = another,
            }
        }
    }

    /// Receives into `elem` if the head is not arrested and there is a value. `elem` is initialised
    /// only if the result is `Done`.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline]
    pub(crate) unsafe fn pop(&self, elem: *mut T) -> Attempt {
        // SAFETY: the caller guarantees that `elem` is a place for a `T`.
        unsafe {
            match self.try_pop(elem) {
                Ok(attempt) => attempt,
                Err(obstacle) => self.pop_again(elem, obstacle),
            }
        }
    }

    /// Makes one attempt to receive. `elem` is initialised only if the result is `Ok(Done)`.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline(always)]
    unsafe fn try_pop(&self, elem: *mut T) -> Result<Attempt, Obstacle> {
        let head = self.head.load(Relaxed);
        if head & SLOW != 0 {
            return Ok(Attempt::Slow);
        }
        let slot = self.slot(head);
        let full = self.lap_of(head).wrapping_add(1);
        if slot.stamp.load(Acquire) == full {
            let next = self.next(head);
            let moved = self
                .head
                .compare_exchange_weak(head, next, Release, Relaxed);
            if moved.is_err() {
                return Err(Obstacle::Lost);
            }
            // SAFETY: the slot is ours alone until we store the stamp: the stamp said "full", and
            // we have moved `head` from this position (see the table). Caller's clause: `elem` is a
            // place for a `T`.
            unsafe {
                slot.value
                    .with_mut(|place| elem.copy_from(place.cast::<T>(), 1));
            }
            slot.stamp
                .store(self.lap_of(head).wrapping_add(self.lap), Release);
            return Ok(Attempt::Done);
        }
        let head = self.head.load(Acquire);
        let tail = self.tail.load(Acquire);
        if tail & !FLAGS == head {
            return Ok(if tail & CLOSED != 0 {
                Attempt::Closed
            } else {
                Attempt::NotReady
            });
        }
        Err(Obstacle::Unfinished)
    }

    /// Continues a receive that has met an obstacle.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[cold]
    unsafe fn pop_again(&self, elem: *mut T, mut obstacle: Obstacle) -> Attempt {
        let contest = Contest::new();
        loop {
            obstacle.wait(&contest, &self.head);
            // SAFETY: the caller guarantees that `elem` is a place for a `T`.
            match unsafe { self.try_pop(elem) } {
                Ok(attempt) => return attempt,
                Err(another) => obstacle = another,
            }
        }
    }

    /// Returns true if a receive would have waited at some moment during the call; see "Why 'empty'
    /// and 'full' are true" above.
    #[inline]
    pub(crate) fn is_open_and_empty(&self) -> bool {
        let head = self.head.load(Acquire);
        // Equal only if both flags were clear in `head` and `CLOSED` was clear in `tail`.
        self.tail.load(Acquire) & !SLOW == head
    }

    /// Returns true if the ring was full, given a `tail` that was just read with acquire.
    #[inline(always)]
    fn is_full_at(&self, tail: usize) -> bool {
        let head = self.head.load(Acquire);
        (tail & !FLAGS) == (head & !FLAGS).wrapping_add(self.lap)
    }

    /// Arrests both ends until [`release`](Self::release). Called before the ring is shared.
    pub(crate) fn arrest(&self) {
        self.arrest_tail();
        self.arrest_head();
    }

    /// Arrests the tail. Called under the lock. No send succeeds without the lock until
    /// [`release`](Self::release).
    pub(crate) fn arrest_tail(&self) {
        if self.tail.load(Relaxed) & SLOW == 0 {
            self.tail.fetch_or(SLOW, AcqRel);
        }
    }

    /// Arrests the head. Called under the lock. No receive succeeds without the lock until
    /// [`release`](Self::release).
    pub(crate) fn arrest_head(&self) {
        if self.head.load(Relaxed) & SLOW == 0 {
            self.head.fetch_or(SLOW, AcqRel);
        }
    }

    /// Returns true if a slot is free apart from `promised` ones. Called under the lock, with
    /// `tail` arrested. If it returns false, `head` is arrested as well, so no slot becomes free
    /// while the lock is held.
    #[inline]
    pub(crate) fn has_room_beside(&self, promised: usize) -> bool {
        let has_room = || self.len() + promised < self.cap();
        has_room() || {
            self.arrest_head();
            has_room()
        }
    }

    /// Ends the arrest of both ends. Called under the lock.
    pub(crate) fn release(&self) {
        for end in [&self.tail, &self.head] {
            let word = end.load(Relaxed);
            if word & SLOW != 0 {
                // Only the holder of the lock changes an arrested word, so this needs no
                // read-modify-write.
                end.store(word & !SLOW, Release);
            }
        }
    }

    /// Makes all later sends fail. Called under the lock.
    pub(crate) fn close(&self) {
        self.tail.fetch_or(CLOSED, AcqRel);
    }

    /// Sends the value at `elem` if there is room. Called under the lock, with `tail` arrested and
    /// the ring not closed.
    ///
    /// # Safety
    /// The caller holds the lock and has arrested `tail`; the ring is not closed; `elem` points to
    /// a value that is the caller's to move.
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
        // The word is stored first, and then the stamp, so that no value is taken from a position
        // at or beyond `tail`.
        self.tail.store(self.next(pos) | SLOW, Release);
        // SAFETY: the slot is ours alone until we store the stamp: the stamp said "free", and we
        // have moved `tail` from this position (see the table). Caller's clauses: the end is
        // arrested and the lock held, so no other thread moves it; `elem` is a value to move.
        unsafe {
            slot.value
                .with_mut(|place| place.cast::<T>().copy_from(elem, 1));
        }
        slot.stamp.store(free.wrapping_add(1), Release);
        true
    }

    /// Receives into `elem` if there is a value. Called under the lock, with `head` arrested.
    ///
    /// # Safety
    /// The caller holds the lock and `head` is arrested; `elem` is a place for a `T`.
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
        // SAFETY: the slot is ours alone until we store the stamp: the stamp said "full", and we
        // have moved `head` from this position (see the table). Caller's clauses: the end is
        // arrested and the lock held, so no other thread moves it; `elem` is a place for a `T`.
        unsafe {
            slot.value
                .with_mut(|place| elem.copy_from(place.cast::<T>(), 1));
        }
        slot.stamp.store(free.wrapping_add(self.lap), Release);
        true
    }

    /// Returns the number of values in the ring at some moment during the call.
    pub(crate) fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Acquire) & !FLAGS;
            let head = self.head.load(Acquire) & !FLAGS;
            // If `tail` has not moved, this pair of values existed at one moment.
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

/// Waits for a thread that has moved a word but has not stored the slot's stamp yet. That takes it
/// a few instructions, unless it has lost its core.
fn wait_for(stamp: &AtomicUsize, value: usize) {
    let backoff = Backoff::new();
    while stamp.load(Acquire) != value {
        backoff.snooze();
    }
}

/// Calls `drop_one` until it returns false, even if destructors panic. Finally resumes the first
/// panic, if there was one.
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
            // SAFETY: we have exclusive access, so no other thread is using a slot, and all slots
            // from head to tail are full. We moved past this slot before its value's destructor
            // runs, so the destructor runs once, whatever it does.
            unsafe { slot.value.with_mut(|place| (*place).assume_init_drop()) };
            true
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
