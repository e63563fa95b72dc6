//! The word of a mutex.
//!
//! | bit | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `LOCKED` | somebody holds the lock (or it is being handed over) | the locker | the holder, unless it hands over |
//! | `QUEUED` | somebody may be in the queue | a waiter, under the queue's lock | whoever finds the queue empty, under its lock |
//! | `WOKEN` | a waiter has been woken and competes | the unlocker, under the queue's lock | that waiter |
//!
//! # Invariants
//! 1. If the queue is not empty, `QUEUED` is set. (It may be set with an empty queue: a
//!    select announces itself and then need not wait. It costs the next unlocker a look.)
//! 2. `QUEUED` is set only together with `LOCKED`, by a compare-and-swap that would fail if
//!    the mutex were free.
//! 3. `WOKEN` is set exactly while one waiter, taken out of the queue without being handed
//!    the lock, has not yet called [`lock_or_announce`](Word::lock_or_announce).
//!
//! # Why no wake-up is lost
//! *Waiter and unlocker.* A waiter announces itself under the queue's lock and keeps that
//! lock until it is parked. An unlocker's change of the word either comes before (then the
//! announcement fails, and the waiter has the lock instead) or sees `QUEUED`, takes the
//! queue's lock and finds the waiter.
//!
//! *The unlocker that sees `WOKEN`* wakes nobody. The woken waiter is then still on its way
//! (invariant 3) to one compare-and-swap, which takes the lock or clears the bit while
//! somebody holds it; whoever holds it then unlocks without seeing `WOKEN`. So a woken
//! waiter may give up after that step, and only after it: what it was woken for is taken,
//! or passed on to the holder.
//!
//! *A waiter whose time is up* and that was not woken takes itself out of the queue under
//! its lock; an unlocker that is on its way there finds the next one, or nobody, and frees
//! the lock.

use crate::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

const LOCKED: u32 = 1;
const QUEUED: u32 = 2;
const WOKEN: u32 = 4;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    /// Free.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Free.
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Locks if nobody holds, waits or competes.
    #[inline]
    pub(crate) fn lock_idle(&self) -> bool {
        self.0.compare_exchange(0, LOCKED, Acquire, Relaxed).is_ok()
    }

    /// Locks if nobody holds the lock, ahead of those who wait. May fail if others change
    /// the word at this moment.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        let word = self.0.load(Relaxed);
        word & LOCKED == 0
            && self
                .0
                .compare_exchange(word, word | LOCKED, Acquire, Relaxed)
                .is_ok()
    }

    /// Under the queue's lock: takes the mutex if it is free (true), else announces a
    /// waiter. `woken`: the caller is who `WOKEN` speaks of; the bit is cleared either way.
    pub(crate) fn lock_or_announce(&self, woken: bool) -> bool {
        let clear = if woken { !WOKEN } else { !0 };
        let mut word = self.0.load(Relaxed);
        loop {
            let free = word & LOCKED == 0;
            let new = (word | if free { LOCKED } else { QUEUED }) & clear;
            match self.0.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return free,
                Err(now) => word = now,
            }
        }
    }

    /// Under the queue's lock, and the queue is empty.
    pub(crate) fn queue_is_empty(&self) {
        self.0.fetch_and(!QUEUED, Relaxed);
    }

    /// Unlocks if nobody else is concerned.
    #[inline]
    pub(crate) fn unlock_alone(&self) -> bool {
        self.0.compare_exchange(LOCKED, 0, Release, Relaxed).is_ok()
    }

    /// Unlocks unless somebody must be woken: false then, and the caller, still holding,
    /// takes the queue's lock.
    pub(crate) fn unlock_quietly(&self) -> bool {
        let mut word = self.0.load(Relaxed);
        while word & QUEUED == 0 || word & WOKEN != 0 {
            // Nobody to wake, or somebody awake already.
            match self
                .0
                .compare_exchange_weak(word, word & !LOCKED, Release, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        // From here on WOKEN stays clear: only a holder sets it, and that is us.
        false
    }

    /// Under the queue's lock, after `unlock_quietly` said no: unlocks; nobody is woken.
    pub(crate) fn unlock(&self) {
        self.0.fetch_and(!LOCKED, Release);
    }

    /// As [`unlock`](Self::unlock), for a waiter that is about to be woken.
    pub(crate) fn unlock_for_woken(&self) {
        // LOCKED off, WOKEN on.
        self.0.fetch_xor(LOCKED | WOKEN, Release);
    }
}
