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
//! # Where membarrier does not work
//! The light barrier would be as expensive as a read-modify-write. So the count begins with
//! [`FENCELESS`], and is never 0. If membarrier works, start-up takes that away by a
//! read-modify-write. A waiter whose addition comes earlier in the count's modification order needs
//! no barrier: an unlocker that reads 0 reads a later value, which would include that waiter.

use crate::base::prim::{
    AtomicU32,
    Ordering::{AcqRel, Relaxed},
    const_unless_loom, global, heavy_barrier, light_barrier,
};

/// The part of a count that says that waiters' heavy barriers do not work, or not yet.
const FENCELESS: u32 = 1 << 31;

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
    LOCK_SLEEPERS.0.fetch_sub(FENCELESS, AcqRel);
    MUTEX_SLEEPERS.0.fetch_sub(FENCELESS, AcqRel);
}

/// A count of waiters. See the head of the file.
#[derive(Debug)]
#[repr(align(64))]
pub struct Sleepers(AtomicU32);

impl Sleepers {
    const_unless_loom! {
        fn new() -> Self {
            Self(AtomicU32::new(FENCELESS))
        }
    }

    /// Returns true if an unlocker may release its lock by a store.
    #[inline(always)]
    pub fn is_none(&self) -> bool {
        self.0.load(Relaxed) == 0
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
        if self.0.fetch_add(1, AcqRel) & FENCELESS == 0 {
            heavy_barrier();
        }
    }

    /// Takes out a waiter that has the lock, or does not wait any more.
    pub fn remove(&self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
