//! The word of a mutex.
//!
//! | bit | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `LOCKED` | somebody holds the lock | the locker, or the unlocker that hands it over | the holder |
//! | `QUEUED` | somebody may be in the queue | a waiter | whoever finds the queue empty |
//! | `WOKEN` | somebody competes | an unlocker, for the waiter that it wakes; or who spins | the one who competes |
//! | `STARVING` | the lock is only handed over | an unlocker that finds a starving waiter first | as `QUEUED`, or an unlocker that hands over |
//! | `PASSED` | how many who spin have set `WOKEN` since a waiter was last woken | who spins | as `QUEUED`, or an unlocker that wakes or hands over |
//!
//! All but the changes of `LOCKED` and `WOKEN` by who locks, unlocks and spins are made under the queue's lock.
//! As in Go's `sync.Mutex`, an unlocker first frees the lock, by a subtraction, and what the word
//! was tells it whether it has a *duty*: to look after those who wait, under the queue's lock.
//!
//! # Invariants
//! 1. If the queue is not empty, `QUEUED` is set. (It may be set with an empty queue: a select
//!    announces itself and then need not wait. It costs the next unlocker a look.)
//! 2. `WOKEN` is set exactly while one competes: a waiter that was taken out of the queue without being handed
//!    the lock, or a newcomer that spins and has set the bit ([`compete`](Word::compete)). It
//!    clears the bit as it locks ([`try_lock`](Word::try_lock)), or in [`lock_or_announce`](Word::lock_or_announce).
//!    Nobody else clears it, as nobody else sets it meanwhile.
//! 3. `STARVING` is set only while `LOCKED` is, which the step that sets it makes sure of. While it is set and `LOCKED` is
//!    not, nobody but an unlocker with a duty sets `LOCKED`, and such an unlocker is on its way:
//!    the one that freed the lock.
//! 4. If the queue is not empty, then somebody holds the lock, or an unlocker with a duty is on
//!    its way, or `WOKEN` is set.
//! 5. `PASSED` is 0 unless `QUEUED` is set. (An idle mutex is 0, which is what [`lock_idle`](Word::lock_idle) asks for.)
//!
//! # Why no wake-up is lost
//! That is invariant 4; each step keeps it.
//!
//! *A waiter enters the queue* under its lock, after an announcement that took the mutex instead
//! if that was free. So somebody held it, and will find `QUEUED` when it unlocks; or it was free but
//! `STARVING`, and invariant 3 has an unlocker on its way.
//!
//! *An unlocker* that finds `QUEUED` has a duty, but for one case: with `WOKEN` set, and nobody
//! starving, who competes will be the next to keep the invariant.
//!
//! *Who competes* takes the lock, or else clears `WOKEN` while somebody holds it, or while an
//! unlocker is on its way to hand it over: one compare-and-swap. It may give up after that step,
//! and only after it.
//!
//! *Who spins* sets `WOKEN`, and the invariant holds by that. It does so while somebody holds the lock and
//! nobody competes, by one compare-and-swap; so whoever sets the bit owns it.
//!
//! *A duty* looks at what is, not at what was: it may come late, or be one of several. It sets
//! `LOCKED` on behalf of a starving waiter, or leaves that to whoever has locked meanwhile,
//! having set `STARVING`; or it sets `WOKEN`, or finds it set. Then it takes out the waiter. If that
//! one has given up, it takes back what it set, and goes on to the next, until nobody is there.
//!
//! # Why those who spin do not keep the others waiting
//! While `WOKEN` is set nobody is woken. So those who spin may set it 15 times, each for the few
//! microseconds for which one spins; then it stays clear until an unlocker has woken the first in the queue. In Go there is no
//! such limit: with always somebody spinning nobody is woken, and who sleeps cannot say that it starves.
//!
//! # Orderings
//! Locking is an acquire, unlocking a release. Every change is a read-modify-write, so what
//! earlier holders released is passed on by all of them; a duty acquires on behalf of who is handed the
//! lock, to whom the wake-up passes it.

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
/// One of `PASSED`.
const ONE_PASSED: u32 = 16;
const PASSED: u32 = 15 * ONE_PASSED;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

/// What the unlocker that has a duty is to do with the first in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Nothing: somebody else sees to the queue.
    None,
    /// To wake it: `WOKEN` is set.
    Wake,
    /// To hand it the lock: `LOCKED` is set.
    HandOver,
}

impl Word {
    const_unless_loom! {
        /// Free.
        pub(crate) fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// Whether nobody holds it.
    pub(crate) fn is_free(&self) -> bool {
        self.0.load(Relaxed) & LOCKED == 0
    }

    /// Locks if nobody holds, waits or competes.
    #[inline]
    pub(crate) fn lock_idle(&self) -> bool {
        check_in_debug_builds(WaitReason::MutexLock);
        self.0.compare_exchange(0, LOCKED, Acquire, Relaxed).is_ok()
    }

    /// Locks if the lock is free, ahead of those who wait, unless one of them starves. May fail
    /// if others change the word at this moment. `competes`: the caller is who `WOKEN` speaks of; the bit is
    /// cleared if this succeeds.
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

    /// Before one spins: has unlockers wake nobody meanwhile, if they would. True: the caller competes
    /// from now on, and `WOKEN` speaks of it.
    pub(crate) fn compete(&self) -> bool {
        let word = self.0.load(Relaxed);
        word & (LOCKED | QUEUED | WOKEN | STARVING) == LOCKED | QUEUED
            && word & PASSED != PASSED
            && self
                .0
                .compare_exchange(word, (word | WOKEN) + ONE_PASSED, Relaxed, Relaxed)
                .is_ok()
    }

    /// Whether the lock is only handed over.
    pub(crate) fn is_starving(&self) -> bool {
        self.0.load(Relaxed) & STARVING != 0
    }

    /// Under the queue's lock: takes the mutex if it is free and nobody starves (true), else
    /// announces a waiter. `competes`: the caller is who `WOKEN` speaks of; the bit is cleared either
    /// way.
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

    /// Under the queue's lock, and the queue is empty.
    pub(crate) fn queue_is_empty(&self) {
        self.0.fetch_and(!(QUEUED | STARVING | PASSED), Relaxed);
    }

    /// Unlocks. What is left of the word is 0 if nobody else is concerned; else see
    /// [`is_duty`](Self::is_duty).
    #[inline]
    #[must_use]
    pub(crate) fn unlock(&self) -> u32 {
        self.0.fetch_sub(LOCKED, Release) - LOCKED
    }

    /// Whether an unlocker that left this of the word has a duty.
    pub(crate) fn is_duty(left: u32) -> bool {
        left & QUEUED != 0 && left & (WOKEN | STARVING) != WOKEN
    }

    /// Under the lock of the queue, which is not empty, by an unlocker that has a duty: prepares it.
    /// `starving`: the first in the queue is to be handed the lock.
    pub(crate) fn duty(&self, starving: bool) -> Duty {
        let mut word = self.0.load(Relaxed);
        loop {
            let (new, duty) = if word & LOCKED == 0 && (starving || word & STARVING != 0) {
                (word & !PASSED | LOCKED, Duty::HandOver)
            } else if starving {
                // Whoever has locked meanwhile hands it over.
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

    /// Under the queue's lock, after `Duty::HandOver`: whether from now on the first one starves.
    pub(crate) fn set_starving(&self, starving: bool) {
        if starving {
            self.0.fetch_or(STARVING, Relaxed);
        } else {
            self.0.fetch_and(!STARVING, Relaxed);
        }
    }

    /// Under the queue's lock: takes back a duty towards somebody who has given up.
    pub(crate) fn take_back(&self, duty: Duty) {
        match duty {
            Duty::None => {}
            Duty::Wake => drop(self.0.fetch_and(!WOKEN, Relaxed)),
            Duty::HandOver => drop(self.0.fetch_and(!LOCKED, Release)),
        }
    }
}
