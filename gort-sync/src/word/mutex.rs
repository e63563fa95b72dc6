//! The word of a mutex.
//!
//! | bit | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `LOCKED` | the lock is held | the locker, or the unlocker that hands it over | the holder, or an unlocker that takes the hand-over back |
//! | `QUEUED` | a waiter may be in the queue | a waiter | a thread that finds the queue empty |
//! | `WOKEN` | a goroutine competes | an unlocker, for the waiter that it wakes; a spinning newcomer | the competitor, or an unlocker that takes the wake-up back |
//! | `STARVING` | no thread can take the lock: it is only handed over | an unlocker that finds a starving waiter at the front | as `QUEUED`, or an unlocker that hands over |
//! | `PASSED` | how many spinning newcomers have set `WOKEN` since a waiter was last woken | a spinning newcomer | as `QUEUED`, or an unlocker that wakes or hands over |
//!
//! Lockers, unlockers and spinning newcomers change `LOCKED`, `WOKEN` and `PASSED` without the
//! queue's lock. All other changes are made under it. As in Go's `sync.Mutex`, an unlocker first
//! frees the lock, by a subtraction. The old value of the word tells it whether it has a *duty*: to
//! look after the waiters, under the queue's lock.
//!
//! # Invariants
//! 1. If the queue is not empty, `QUEUED` is set. (It may also be set while the queue is empty:
//!    when a select has announced itself and then need not wait. The next unlocker then finds the
//!    queue empty.)
//! 2. `WOKEN` is set exactly while there is a competitor: a waiter that was removed from the queue
//!    without being handed the lock, or a newcomer that spins and has set the bit
//!    ([`compete`](Word::compete)). The competitor clears the bit as it locks
//!    ([`try_lock`](Word::try_lock)), or in [`lock_or_announce`](Word::lock_or_announce). No other
//!    thread clears it: an unlocker takes back only a bit that it has set itself, and while the bit
//!    is set no other thread sets it.
//! 3. `LOCKED` is set at the moment at which a thread sets `STARVING`. While `STARVING` is set and
//!    `LOCKED` is not, the unlocker that freed the lock has a duty and is on its way, and only an
//!    unlocker with a duty sets `LOCKED`.
//! 4. If the queue is not empty, the lock is held, or an unlocker with a duty is on its way, or
//!    `WOKEN` is set.
//! 5. `PASSED` is 0 unless `QUEUED` is set. (The word of an idle mutex is 0, which
//!    [`lock_idle`](Word::lock_idle) relies on.)
//!
//! # Why no wake-up is lost
//! This is invariant 4, and each step keeps it.
//!
//! *A waiter enters the queue* under the queue's lock, after an announcement that would have taken
//! the mutex if it had been free. So either the mutex was held, and its holder will find `QUEUED`
//! when it unlocks; or it was free but `STARVING`, and by invariant 3 an unlocker is on its way.
//!
//! *An unlocker* that finds `QUEUED` has a duty, with one exception: if `WOKEN` is set and
//! `STARVING` is not, the competitor keeps the invariant from then on.
//!
//! *A competitor* either takes the lock, or clears `WOKEN` in one compare-and-swap, while the lock
//! is held or while an unlocker is on its way to hand it over. It may give up after that step, and
//! only after it.
//!
//! *A spinning newcomer* sets `WOKEN`, which keeps the invariant. It does so in one
//! compare-and-swap while the lock is held and there is no competitor, so the thread that sets the
//! bit owns it.
//!
//! *An unlocker with a duty* looks at the present word, not at the word that caused the duty: it
//! may be late, and several may have a duty. If the lock is free, and the first waiter starves or
//! `STARVING` is set, it sets `LOCKED` on the waiter's behalf. If the first waiter starves, but
//! another thread has locked in between, it sets `STARVING` and leaves the hand-over to that
//! thread. Otherwise it sets `WOKEN`, unless it finds `WOKEN` or `STARVING` set: then it leaves the
//! queue to the competitor, or to the holder. If it has set `LOCKED` or `WOKEN`, it removes the
//! waiter. If that waiter has given up, the unlocker takes back what it has set and continues with
//! the next waiter, until the queue is empty.
//!
//! # Why spinning newcomers do not keep waiters out
//! While `WOKEN` is set no waiter is woken. So spinning newcomers may set it 15 times, each for the
//! few microseconds of a spin. After that it stays clear until an unlocker has woken the first
//! waiter in the queue. Go has no such limit: there, if some goroutine always spins, no waiter is
//! woken, and a sleeping waiter cannot say that it starves.
//!
//! Locking is an acquire operation, unlocking a release operation. Every change is a
//! read-modify-write, so it continues the release sequences of earlier holders. An unlocker with a
//! duty acquires on behalf of the waiter that is handed the lock; the wake-up passes that on.

use crate::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    const_unless_loom,
};
use gort_runtime::{WaitReason, check_in_debug_builds};

const LOCKED: u32 = 1;
const QUEUED: u32 = 2;
const WOKEN: u32 = 4;
const STARVING: u32 = 8;
/// The unit of `PASSED`.
const ONE_PASSED: u32 = 16;
const PASSED: u32 = 15 * ONE_PASSED;

/// The state word of a mutex. See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

/// What an unlocker with a duty has to do with the first waiter in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Nothing: another thread looks after the queue.
    None,
    /// Wake it: `WOKEN` is set.
    Wake,
    /// Hand it the lock: `LOCKED` is set.
    HandOver,
}

impl Word {
    const_unless_loom! {
        /// Creates the word of a free mutex.
        pub(crate) fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// Returns true if the lock is not held.
    pub(crate) fn is_free(&self) -> bool {
        self.0.load(Relaxed) & LOCKED == 0
    }

    /// Locks if the word is 0: no holder, no waiter, no competitor.
    #[inline]
    pub(crate) fn lock_idle(&self) -> bool {
        check_in_debug_builds(WaitReason::MutexLock);
        self.0.compare_exchange(0, LOCKED, Acquire, Relaxed).is_ok()
    }

    /// Locks if the lock is free, ahead of the waiters, unless one of them starves. May also fail
    /// if another thread changes the word at this moment. `competes` says that the caller is the
    /// competitor, for which `WOKEN` is set; success clears the bit.
    #[inline]
    pub(crate) fn try_lock(&self, competes: bool) -> bool {
        check_in_debug_builds(WaitReason::MutexLock);
        let clear = if competes { !WOKEN } else { !0 };
        let word = self.0.load(Relaxed);
        word & (LOCKED | STARVING) == 0
            && self
                .0
                .compare_exchange(word, (word | LOCKED) & clear, Acquire, Relaxed)
                .is_ok()
    }

    /// Makes the caller the competitor, if unlockers would otherwise wake a waiter while the caller
    /// spins. Returns true if the caller is the competitor from now on, and `WOKEN` is set for it.
    pub(crate) fn compete(&self) -> bool {
        let word = self.0.load(Relaxed);
        word & (LOCKED | QUEUED | WOKEN | STARVING) == LOCKED | QUEUED
            && word & PASSED != PASSED
            && self
                .0
                .compare_exchange(word, (word | WOKEN) + ONE_PASSED, Relaxed, Relaxed)
                .is_ok()
    }

    /// Returns true if no thread can take the lock, because it is only handed over.
    pub(crate) fn is_starving(&self) -> bool {
        self.0.load(Relaxed) & STARVING != 0
    }

    /// Takes the mutex if it is free and no waiter starves (true); otherwise announces a waiter
    /// (false). Called under the queue's lock. `competes` says that the caller is the competitor,
    /// for which `WOKEN` is set; the bit is cleared in either case.
    pub(crate) fn lock_or_announce(&self, competes: bool) -> bool {
        let clear = if competes { !WOKEN } else { !0 };
        let mut word = self.0.load(Relaxed);
        loop {
            let free = word & (LOCKED | STARVING) == 0;
            let new = (word | if free { LOCKED } else { QUEUED }) & clear;
            match self.0.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return free,
                Err(now) => word = now,
            }
        }
    }

    /// Clears the bits of an empty queue. Called under the queue's lock.
    pub(crate) fn clear_queue_bits(&self) {
        self.0.fetch_and(!(QUEUED | STARVING | PASSED), Relaxed);
    }

    /// Unlocks, and returns the rest of the word. If it is 0, there is nothing else to do;
    /// otherwise see [`is_duty`](Self::is_duty).
    #[inline]
    #[must_use]
    pub(crate) fn unlock(&self) -> u32 {
        self.0.fetch_sub(LOCKED, Release) - LOCKED
    }

    /// Returns true if an unlocker that left `left` in the word has a duty.
    pub(crate) fn is_duty(left: u32) -> bool {
        left & QUEUED != 0 && left & (WOKEN | STARVING) != WOKEN
    }

    /// Decides what an unlocker with a duty does, and sets the bits for it. Called under the lock
    /// of the queue, which is not empty. `starving` says that the first waiter must be handed the
    /// lock.
    pub(crate) fn duty(&self, starving: bool) -> Duty {
        let mut word = self.0.load(Relaxed);
        loop {
            let (new, duty) = if word & LOCKED == 0 && (starving || word & STARVING != 0) {
                (word & !PASSED | LOCKED, Duty::HandOver)
            } else if starving {
                // Another thread has locked in between. It will hand the lock over when it unlocks.
                (word | STARVING, Duty::None)
            } else if word & (WOKEN | STARVING) != 0 {
                return Duty::None;
            } else {
                (word & !PASSED | WOKEN, Duty::Wake)
            };
            match self.0.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return duty,
                Err(now) => word = now,
            }
        }
    }

    /// Sets or clears `STARVING` for the waiter that is now first. Called under the queue's lock,
    /// after `Duty::HandOver`.
    pub(crate) fn set_starving(&self, starving: bool) {
        if starving {
            self.0.fetch_or(STARVING, Relaxed);
        } else {
            self.0.fetch_and(!STARVING, Relaxed);
        }
    }

    /// Takes back what [`duty`](Self::duty) has set for a waiter that has given up. Called under
    /// the queue's lock.
    pub(crate) fn take_back(&self, duty: Duty) {
        match duty {
            Duty::None => {}
            Duty::Wake => drop(self.0.fetch_and(!WOKEN, Relaxed)),
            Duty::HandOver => drop(self.0.fetch_and(!LOCKED, Release)),
        }
    }
}
