//! Counts of waiters, which let an unlocker release a lock by a plain store.
//!
//! Usually an unlocker frees its lock by a read-modify-write, whose result tells it whether a
//! waiter has announced itself in the lock's word. A store is cheaper, but may overwrite an
//! announcement. So a waiter also adds itself to a [`Sleepers`], one for all locks of a kind:
//!
//! | waiter | unlocker |
//! |---|---|
//! | adds itself to the count | finds that the count is 0 (otherwise it does not store) |
//! | executes the heavy barrier | stores "free" in the lock's word |
//! | announces itself in the word by a read-modify-write, or finds the lock free | executes the light barrier |
//! | waits, and later takes itself out of the count | if the count is not 0 now, looks after the waiters |
//!
//! # Why no announcement is lost
//! One of the two barriers comes first. If it is the light one, the waiter's read-modify-write
//! finds "free", or what a later holder has written. If it is the heavy one, the unlocker's second
//! look at the count finds the waiter. The waiter may announce itself again and again, as long as
//! it stays in the count: all of that comes after its heavy barrier.
//!
//! # One barrier for many waiters
//! The heavy barrier interrupts all cores. So the first waiter that has executed it sets
//! [`BARRIER`], and waiters that find this bit need no barrier of their own. An unlocker that
//! overwrites such a waiter's announcement stores after that barrier, so its second look comes
//! after it, too. That look does not find 0, because the count has not been 0 since before the
//! barrier.
//!
//! The last waiter to leave takes `BARRIER` away. If waiters come and go all the time, most of them
//! would execute a barrier. Sysmon then lets the bit stay ([`Watch`]), and unlockers do not store
//! until there are fewer waiters.
//!
//! # Where membarrier does not work
//! The light barrier would be as expensive as a read-modify-write. So the count begins with
//! [`FENCELESS`], and is never 0. If membarrier works, start-up takes that away by a
//! read-modify-write. A waiter whose addition comes earlier in the count's modification order needs
//! no barrier: an unlocker that reads 0 reads a later value, which would include that waiter.

use crate::base::prim::{
    AtomicU32,
    Ordering::{AcqRel, Relaxed, Release},
    const_unless_loom, global, heavy_barrier,
    hint::{self, AtomicBool},
    light_barrier,
};

/// The part of a count that says that waiters' heavy barriers do not work, or not yet.
const FENCELESS: u32 = 1 << 31;
/// The part of a count that says that a heavy barrier has been executed since the count was 0.
const BARRIER: u32 = 1 << 30;

/// How often sysmon looks at the number of waiters, in nanoseconds.
const LOOK_NS: u64 = 10_000_000;
/// If more waiters than this have come since the last look, the next ones execute no barriers. This
/// many barriers take about a hundredth of the time of two cores.
const MANY: u32 = 20;

global! {
    /// The threads that sleep, or are about to, for a `RawLock`.
    pub(crate) static LOCK_SLEEPERS: Sleepers = Sleepers::new();
}

global! {
    /// The mutexes with waiters that their holders might not know of.
    pub(crate) static MUTEX_SLEEPERS: Sleepers = Sleepers::new();
}

/// Returns the count for the mutexes of gort-sync.
#[inline(always)]
pub fn mutex_sleepers() -> &'static Sleepers {
    &MUTEX_SLEEPERS
}

/// Lets unlockers rely on the heavy barriers of waiters. Called once at start-up, if membarrier
/// works, after `heavy_barrier` has begun to use it.
pub(crate) fn rely_on_heavy_barriers() {
    LOCK_SLEEPERS.count.fetch_sub(FENCELESS, AcqRel);
    MUTEX_SLEEPERS.count.fetch_sub(FENCELESS, AcqRel);
}

/// A count of waiters. See the head of the file.
#[derive(Debug)]
#[repr(align(64))]
pub struct Sleepers {
    count: AtomicU32,
    /// Number of waiters so far.
    added: hint::AtomicU32,
    /// Whether `BARRIER` stays when the last waiter leaves.
    keeps_barrier: AtomicBool,
}

impl Sleepers {
    const_unless_loom! {
        fn new() -> Self {
            Self {
                count: AtomicU32::new(FENCELESS),
                added: hint::AtomicU32::new(0),
                keeps_barrier: AtomicBool::new(false),
            }
        }
    }

    /// Returns true if an unlocker may release its lock by a store.
    #[inline(always)]
    pub fn is_none(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Called right after a release by a store. Returns false if that may have overwritten an
    /// announcement.
    #[inline(always)]
    pub fn is_none_after_store(&self) -> bool {
        light_barrier();
        self.is_none()
    }

    /// Adds a waiter, which then announces itself in the word of its lock.
    pub fn add(&self) {
        // Acquire: the barrier of the waiter that has set `BARRIER` comes before this waiter's
        // announcement.
        if self.count.fetch_add(1, AcqRel) & (FENCELESS | BARRIER) == 0 {
            heavy_barrier();
            self.count.fetch_or(BARRIER, Release);
        }
        self.added.fetch_add(1, Relaxed);
    }

    /// Takes out a waiter that has the lock, or does not wait any more.
    pub fn remove(&self) {
        if self.count.fetch_sub(1, Relaxed) == BARRIER + 1 && !self.keeps_barrier.load(Relaxed) {
            self.forget_barrier();
        }
    }

    /// Takes `BARRIER` away, if there are no waiters.
    fn forget_barrier(&self) {
        self.count
            .compare_exchange(BARRIER, 0, Relaxed, Relaxed)
            .ok();
    }

    /// Sets whether `BARRIER` stays when the last waiter leaves.
    pub(crate) fn keep_barrier(&self, keeps: bool) {
        self.keeps_barrier.store(keeps, Relaxed);
        if !keeps {
            self.forget_barrier();
        }
    }
}

/// Sysmon's view of the counts.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The time of the last look.
    last: u64,
    /// The numbers of waiters so far, at that time.
    seen: [u32; 2],
}

impl Watch {
    /// Lets `BARRIER` stay where many waiters have come since the last look.
    pub(crate) fn look_if_due(&mut self, now: u64) {
        if now < self.last + LOOK_NS {
            return;
        }
        self.last = now;
        for (sleepers, seen) in [mutex_sleepers(), &LOCK_SLEEPERS]
            .iter()
            .zip(&mut self.seen)
        {
            let added = sleepers.added.load(Relaxed);
            sleepers.keep_barrier(added.wrapping_sub(*seen) > MANY);
            *seen = added;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_waiter_takes_the_barrier_away_unless_there_are_many() {
        let sleepers = Sleepers::new();
        sleepers.add();
        sleepers.remove();
        assert!(!sleepers.is_none(), "membarrier does not work yet");
        sleepers.count.fetch_sub(FENCELESS, AcqRel);
        assert!(sleepers.is_none());
        for keeps in [false, true, false] {
            sleepers.keep_barrier(keeps);
            for waiters in [1, 3] {
                (0..waiters).for_each(|_| sleepers.add());
                assert!(!sleepers.is_none());
                (0..waiters).for_each(|_| sleepers.remove());
                assert_eq!(sleepers.is_none(), !keeps);
            }
        }
        assert_eq!(sleepers.added.load(Relaxed), 13);
    }
}
