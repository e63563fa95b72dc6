//! The word of a mutex.
//!
//! | bit | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `LOCKED` | the lock is held | the locker, or the unlocker that hands it over | the holder, or an unlocker that takes the hand-over back |
//! | `QUEUED` | a waiter may be in the queue | a waiter | a thread that finds the queue empty |
//! | `WOKEN` | a goroutine competes | an unlocker, for the waiter that it wakes; a spinning newcomer | the competitor, or an unlocker that takes the wake-up back |
//! | `STARVING` | no thread can take the lock: it is only handed over | an unlocker that finds a starving waiter at the front | as `QUEUED`, or an unlocker that hands over |
//! | `PASSED` | how many spinning newcomers have set `WOKEN` since a waiter was last woken | a spinning newcomer | as `QUEUED`, or an unlocker that wakes or hands over |
//! | `CONTESTED` | unlockers must not release by a store | a waiter as it locks, or an unlocker that hands over | an unlocker, after a thousand releases without a waiter |
//! | `CALM` | how many releases there have been since `CONTESTED` was last set | an unlocker | as `CONTESTED`, or the thread that sets that |
//!
//! Lockers, unlockers and spinning newcomers change `LOCKED`, `WOKEN`, `PASSED`, `CONTESTED` and
//! `CALM` without the queue's lock. All other changes are made under it. As in Go's `sync.Mutex`,
//! an unlocker first frees the lock, by an addition. The old value of the word tells it whether it
//! has a *duty*: to look after the waiters, under the queue's lock.
//!
//! # Release by a store
//! If the word is LOCKED and nothing else, and no mutex of the process is counted in
//! [`mutex_sleepers`], the holder stores 0 instead, which is cheaper (half the time of
//! `mutex_uncontended`). It may thus overwrite what others have written since it looked: `QUEUED`,
//! and after that the other bits. A waiter that announces itself therefore has the mutex counted
//! (`sleepers.rs` in gort-runtime has the protocol). If the unlocker finds after its store that
//! some mutex is counted, it has a duty, too, and first restores `QUEUED`
//! ([`restore`](Word::restore)). So while a first waiter waits for one mutex, all mutexes are
//! released by an addition.
//!
//! Being counted costs the waiter a barrier of some microseconds. But it is needed only while the
//! holder does not know that there are waiters. `CONTESTED` makes it know: the bit is only set by
//! the change that also sets `LOCKED`, so each holder knows from the beginning whether it may
//! release by a store. Once a goroutine that has waited has locked, waiters are not counted any
//! more, for the next thousand releases.
//!
//! # Invariants
//! 1. If the queue is not empty, `QUEUED` is set. (It may also be set while the queue is empty:
//!    when a select has announced itself and then need not wait. The next unlocker then finds the
//!    queue empty.) The exception is a word that an unlocker has just overwritten: that unlocker is
//!    on its way to restore the bit.
//! 2. While `WOKEN` is set, there is a competitor: a waiter that was removed from the queue without
//!    being handed the lock, or a newcomer that spins and has set the bit
//!    ([`compete`](Word::compete)). A competitor clears the bit as it locks
//!    ([`try_lock`](Word::try_lock)), or in [`lock_or_announce`](Word::lock_or_announce), and not
//!    later. Usually there is one competitor at most. If a release by a store has overwritten its
//!    bit, an unlocker may wake another one; then the first to leave clears the bit, which is too
//!    early and costs at most another wake-up.
//! 3. `LOCKED` is set at the moment at which a thread sets `STARVING`. While `STARVING` is set and
//!    `LOCKED` is not, the unlocker that freed the lock has a duty and is on its way, and only an
//!    unlocker with a duty sets `LOCKED`.
//! 4. If the queue is not empty, the lock is held, or an unlocker with a duty is on its way, or
//!    `WOKEN` is set.
//! 5. `PASSED` is 0 unless `QUEUED` is set. (The word of an idle mutex is 0 apart from `CONTESTED`
//!    and `CALM`, which [`lock_idle`](Word::lock_idle) relies on.)
//! 6. If the queue is not empty, `CONTESTED` is set, or the mutex is counted in `mutex_sleepers`.
//!    While `QUEUED` is set, `CONTESTED` is not cleared. A mutex that was counted for a waiter in
//!    the queue stays counted until the queue is empty.
//!
//! # Why no wake-up is lost
//! This is invariant 4, and each step keeps it.
//!
//! *A waiter enters the queue* under the queue's lock, after an announcement that would have taken
//! the mutex if it had been free and not `STARVING`. So either the mutex was held, and its holder
//! will find `QUEUED` when it unlocks, or overwrite it (next paragraph); or it was free but
//! `STARVING`, and by invariant 3 an unlocker is on its way.
//!
//! *An unlocker that releases by a store* has a duty if the mutex is counted. If the waiter was not
//! counted, `CONTESTED` was set when the waiter announced itself, so the holder did not store.
//!
//! *Another unlocker* that finds `QUEUED` has a duty, with one exception: if `WOKEN` is set and
//! `STARVING` is not, the competitor keeps the invariant from then on.
//!
//! *A competitor* either takes the lock, or clears `WOKEN` in one compare-and-swap, while the lock
//! is held or while an unlocker is on its way to hand it over. It may give up after that step, and
//! only after it.
//!
//! *A spinning newcomer* sets `WOKEN`, which keeps the invariant. It does so in one
//! compare-and-swap while the lock is held and `WOKEN` is not set, so it knows whether it competes.
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
//! Locking is an acquire operation, unlocking a release operation. Every change except the release
//! by a store is a read-modify-write, so it continues the release sequences of earlier holders.
//! (The store begins a new one. The holder has acquired what the earlier ones released.) An
//! unlocker with a duty acquires on behalf of the waiter that is handed the lock; the wake-up
//! passes that on.

use crate::prim::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    const_unless_loom, store_among_rmws,
};
use gort_runtime::{WaitReason, check_in_debug_builds, mutex_sleepers, prefetch_to_write};

const LOCKED: u32 = 1;
const QUEUED: u32 = 2;
const WOKEN: u32 = 4;
const STARVING: u32 = 8;
/// The unit of `PASSED`.
const ONE_PASSED: u32 = 16;
const PASSED: u32 = 15 * ONE_PASSED;
const CONTESTED: u32 = PASSED + ONE_PASSED;
/// The unit of `CALM`.
const ONE_CALM: u32 = 2 * CONTESTED;
/// After this many releases without a waiter, a mutex is not contested any more.
const MOST_CALM: u32 = if cfg!(loom) { 1 } else { 1023 };
const CALM: u32 = MOST_CALM * ONE_CALM;
/// What [`Word::unlock`] returns if it may have overwritten an announcement. Not a bit of the word.
const OVERWRITTEN: u32 = 1 << 31;

/// The state word of a mutex. See the head of the file.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Word {
    /// Whether the mutex is counted in `mutex_sleepers`. Accessed under the queue's lock.
    counted: AtomicBool,
    /// Last, beside the mutex's data (`mutex/wait.rs`).
    bits: AtomicU32,
}

impl Drop for Word {
    /// Takes the mutex out of the count. It is still counted if its last holder never unlocked.
    fn drop(&mut self) {
        self.uncount();
    }
}

/// The word as a thread that spins saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance(u32);

impl Glance {
    /// Returns true if a waiter may be in the queue.
    pub(crate) fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    /// Returns true if no thread can take the lock, because it is only handed over.
    pub(crate) fn is_starving(self) -> bool {
        self.0 & STARVING != 0
    }
}

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
            Self {
                counted: AtomicBool::new(false),
                bits: AtomicU32::new(0),
            }
        }
    }

    /// Returns true if the lock is not held.
    pub(crate) fn is_free(&self) -> bool {
        self.bits.load(Relaxed) & LOCKED == 0
    }

    /// Locks if there is no holder, no waiter and no competitor.
    #[inline]
    pub(crate) fn lock_idle(&self) -> bool {
        check_in_debug_builds(WaitReason::MutexLock);
        // The prefetch takes the cache line once, for the compare-and-swap. A load alone would
        // fetch it to read, and then again to write. (`gort-bench run mutex_contended 2`: 15.5 ns,
        // and 21.8 with a compare-and-swap that expects 0 and fails if the mutex is contested.)
        prefetch_to_write((&raw const self.bits).cast());
        let word = self.bits.load(Relaxed);
        word & !(CONTESTED | CALM) == 0
            && (self.bits)
                .compare_exchange(word, word | LOCKED, Acquire, Relaxed)
                .is_ok()
    }

    /// Locks if the lock is free, ahead of the waiters, unless one of them starves. May also fail
    /// if another thread changes the word at this moment. `competes` says that the caller is the
    /// competitor, for which `WOKEN` is set; success clears the bit.
    #[inline]
    pub(crate) fn try_lock(&self, competes: bool) -> bool {
        check_in_debug_builds(WaitReason::MutexLock);
        let word = self.bits.load(Relaxed);
        word & (LOCKED | STARVING) == 0
            && self
                .bits
                .compare_exchange(word, locked(word, competes), Acquire, Relaxed)
                .is_ok()
    }

    /// Looks at the word, for a thread that spins.
    pub(crate) fn look(&self) -> Glance {
        Glance(self.bits.load(Relaxed))
    }

    /// Makes the caller the competitor, if unlockers would otherwise wake a waiter while the caller
    /// spins, and if the word is still as the caller saw it. Returns true if the caller is the
    /// competitor from now on, and `WOKEN` is set for it.
    pub(crate) fn compete(&self, Glance(word): Glance) -> bool {
        word & (LOCKED | QUEUED | WOKEN | STARVING) == LOCKED | QUEUED
            && word & PASSED != PASSED
            && self
                .bits
                .compare_exchange(word, (word | WOKEN) + ONE_PASSED, Relaxed, Relaxed)
                .is_ok()
    }

    /// Takes the mutex if it is free and no waiter starves (true); otherwise announces a waiter
    /// (false). Called under the queue's lock. `competes` says that the caller is the competitor,
    /// for which `WOKEN` is set; the bit is cleared in either case.
    pub(crate) fn lock_or_announce(&self, competes: bool) -> bool {
        let was_counted = self.counted.load(Relaxed);
        let mut word = self.bits.load(Relaxed);
        loop {
            let free = word & (LOCKED | STARVING) == 0;
            if !free && word & CONTESTED == 0 && !self.counted.load(Relaxed) {
                self.counted.store(true, Relaxed);
                mutex_sleepers().add();
                word = self.bits.load(Relaxed);
                continue;
            }
            let new = match free {
                true => locked(word, competes),
                false if competes => (word | QUEUED) & !WOKEN,
                false => word | QUEUED,
            };
            match self.bits.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => {
                    if free && !was_counted {
                        self.uncount();
                    }
                    return free;
                }
                Err(now) => word = now,
            }
        }
    }

    /// Takes the mutex out of the count, if it is counted. Called under the queue's lock, when no
    /// waiter needs the count.
    fn uncount(&self) {
        if self.counted.load(Relaxed) {
            self.counted.store(false, Relaxed);
            mutex_sleepers().remove();
        }
    }

    /// Clears the bits of an empty queue. Called under the queue's lock.
    pub(crate) fn clear_queue_bits(&self) {
        self.bits.fetch_and(!(QUEUED | STARVING | PASSED), Relaxed);
        self.uncount();
    }

    /// Unlocks. If it returns 0, there is nothing else to do; otherwise see
    /// [`is_duty`](Self::is_duty).
    #[inline]
    #[must_use]
    pub(crate) fn unlock(&self) -> u32 {
        if !mutex_sleepers().is_none() {
            return self.unlock_by_addition(false);
        }
        let word = self.bits.load(Relaxed);
        if word == LOCKED {
            store_among_rmws(&self.bits, 0, Release);
            return match mutex_sleepers().is_none_after_store() {
                true => 0,
                false => OVERWRITTEN,
            };
        }
        // `CONTESTED` and `CALM` do not change while the lock is held.
        self.unlock_by_addition(word & CONTESTED != 0 && word & CALM != CALM)
    }

    /// Unlocks, as `unlock` does. `counts` says whether to count the release in `CALM`.
    #[inline(never)]
    fn unlock_by_addition(&self, counts: bool) -> u32 {
        let change = if counts { ONE_CALM } else { 0 }.wrapping_sub(LOCKED);
        let left = self.bits.fetch_add(change, Release).wrapping_add(change);
        if left & !(CONTESTED | CALM) != 0 {
            return left;
        }
        if left & CALM == CALM && mutex_sleepers().is_none() {
            self.settle(left);
        }
        0
    }

    /// Makes the mutex uncontested, if the word is still `left`. If it is not, or if unlockers
    /// cannot release by a store at this time, a later unlocker does it.
    #[cold]
    fn settle(&self, left: u32) {
        self.bits.compare_exchange(left, 0, Relaxed, Relaxed).ok();
    }

    /// Returns true if an unlocker for which `unlock` returned `left` has a duty.
    pub(crate) fn is_duty(left: u32) -> bool {
        left == OVERWRITTEN || left & QUEUED != 0 && left & (WOKEN | STARVING) != WOKEN
    }

    /// Restores `QUEUED`, which a release by a store may have overwritten. Called by an unlocker
    /// with a duty, under the lock of the queue, which is not empty.
    pub(crate) fn restore(&self) {
        if self.bits.load(Relaxed) & QUEUED == 0 {
            self.bits.fetch_or(QUEUED, Relaxed);
        }
    }

    /// Decides what an unlocker with a duty does, and sets the bits for it. Called under the lock
    /// of the queue, which is not empty. `starving` says that the first waiter must be handed the
    /// lock.
    pub(crate) fn duty(&self, starving: bool) -> Duty {
        let mut word = self.bits.load(Relaxed);
        loop {
            let (new, duty) = if word & LOCKED == 0 && (starving || word & STARVING != 0) {
                (locked(word, true) & !PASSED | word & WOKEN, Duty::HandOver)
            } else if starving {
                // Another thread has locked in between. It will hand the lock over when it unlocks.
                (word | STARVING, Duty::None)
            } else if word & (WOKEN | STARVING) != 0 {
                return Duty::None;
            } else {
                (word & !PASSED | WOKEN, Duty::Wake)
            };
            match self.bits.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return duty,
                Err(now) => word = now,
            }
        }
    }

    /// Sets or clears `STARVING` for the waiter that is now first. Called under the queue's lock,
    /// after `Duty::HandOver`.
    pub(crate) fn set_starving(&self, starving: bool) {
        if starving {
            self.bits.fetch_or(STARVING, Relaxed);
        } else {
            self.bits.fetch_and(!STARVING, Relaxed);
        }
    }

    /// Takes back what [`duty`](Self::duty) has set for a waiter that has given up. Called under
    /// the queue's lock.
    pub(crate) fn take_back(&self, duty: Duty) {
        match duty {
            Duty::None => {}
            Duty::Wake => drop(self.bits.fetch_and(!WOKEN, Relaxed)),
            Duty::HandOver => drop(self.bits.fetch_and(!LOCKED, Release)),
        }
    }
}

/// Returns the word that a locker leaves. `waited` says that it was the competitor, or that it is
/// handed the lock.
#[inline]
fn locked(word: u32, waited: bool) -> u32 {
    match waited {
        true => (word | LOCKED | CONTESTED) & !(WOKEN | CALM),
        false => word | LOCKED,
    }
}
