//! A small lock that blocks the thread (the M), not the goroutine.
//!
//! It protects short critical sections of the runtime and the wait queues of gort-sync. A parking
//! goroutine may hold it only if the park's commit function releases it. A panic does not poison
//! the lock.
//!
//! The word is FREE, HELD, or CONTENDED: held, and a thread may be asleep in the kernel. The
//! algorithm begins as mutex 2 of Drepper, "Futexes are tricky". The spin before sleeping is short
//! because critical sections are short (tens of nanoseconds) and a futex wake costs microseconds.
//!
//! # Release without a locked instruction
//! Drepper's unlocker swaps FREE into the word, and so learns whether the word was CONTENDED. This
//! one only stores FREE, as long as no thread sleeps for any lock of the process. `sleepers.rs`
//! says how an unlocker learns of a thread that goes to sleep at that moment. It then wakes a
//! thread that sleeps on the word. Its wake-up comes after its FREE: the other thread is asleep and
//! is woken, or finds that the word is not CONTENDED and does not fall asleep. A thread that is
//! woken and finds the lock held swaps and sleeps again, and it is still in the count.
//!
//! Each wake-up wakes one thread. If others sleep on the same word, the woken thread's own release
//! finds them in the count, and by then the word is CONTENDED, because a thread that has slept
//! takes the lock by swapping CONTENDED into it.
//!
//! # Orderings
//! Data is synchronised through the lock's word: acquiring the lock is an acquire operation on it,
//! and releasing the lock is a release operation.

use crate::base::forked::refuse_in_child;
use crate::base::hook;
#[cfg(debug_assertions)]
use crate::base::lockrank;
use crate::base::lockrank::Rank;
use crate::base::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    const_unless_loom, spin_hint, store_among_rmws,
};
use crate::base::sleepers::LOCK_SLEEPERS;
use crate::os;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// The lock is held, and a thread may be asleep on the word.
const CONTENDED: u32 = 2;

/// Number of times a thread checks the word before it sleeps in the kernel.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };

/// A lock without data.
#[derive(Debug)]
pub struct RawLock {
    word: AtomicU32,
    #[cfg(debug_assertions)]
    rank: Rank,
}

#[cfg(not(loom))]
impl Default for RawLock {
    fn default() -> Self {
        Self::new()
    }
}

impl RawLock {
    const_unless_loom! {
        /// Creates a free lock for a wait queue.
        pub fn new() -> Self {
            Self::ranked(Rank::Waits)
        }
    }

    const_unless_loom! {
        /// Creates a free lock of this rank.
        pub(crate) fn ranked(rank: Rank) -> Self {
            #[cfg(not(debug_assertions))]
            let _ = rank;
            Self {
                word: AtomicU32::new(FREE),
                #[cfg(debug_assertions)]
                rank,
            }
        }
    }

    /// Acquires the lock, blocking the thread while another holds it.
    #[inline]
    pub fn lock(&self) {
        self.lock_or(|| ());
    }

    /// Acquires the lock, blocking the thread while another holds it. If the lock is not free,
    /// calls `taken` first.
    #[inline]
    pub(crate) fn lock_or(&self, taken: impl FnOnce()) {
        if !self.take_if_free() {
            taken();
            self.lock_slow();
        }
        #[cfg(debug_assertions)]
        lockrank::acquired(self.rank, self.addr(), false);
    }

    /// Acquires the lock if it is free. Returns whether it did.
    #[inline]
    pub fn try_lock(&self) -> bool {
        let taken = self.take_if_free();
        #[cfg(debug_assertions)]
        if taken {
            lockrank::acquired(self.rank, self.addr(), true);
        }
        taken
    }

    /// Returns whether the lock seems to be free.
    pub(crate) fn looks_free(&self) -> bool {
        self.word.load(Relaxed) == FREE
    }

    #[inline]
    fn take_if_free(&self) -> bool {
        self.word
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_ok()
    }

    #[cfg(debug_assertions)]
    fn addr(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    #[cold]
    fn lock_slow(&self) {
        for _ in 0..SPINS {
            spin_hint();
            if self.looks_free() && self.take_if_free() {
                return;
            }
        }
        // In a forked child the holder may have stayed in the parent.
        refuse_in_child();
        hook::refuse_lock();
        self.sleep_until_taken();
    }

    /// Sleeps until the thread has acquired the lock.
    fn sleep_until_taken(&self) {
        LOCK_SLEEPERS.add();
        // Once this thread has slept, it does not know whether others sleep too. It therefore
        // leaves the word CONTENDED even when it acquires the lock. At worst that costs one
        // needless wake.
        while self.word.swap(CONTENDED, Acquire) != FREE {
            os::futex_wait(&self.word, CONTENDED, None);
        }
        LOCK_SLEEPERS.remove();
    }

    /// Releases the lock.
    ///
    /// The lock's memory may be freed as soon as the word is free. The wake that follows uses only
    /// the word's address. (`&self` does not promise that the memory stays valid until the function
    /// returns, because the lock consists only of `UnsafeCell`s.)
    ///
    /// # Safety
    /// The caller holds the lock, or the holder has handed it the duty to release the lock.
    #[inline]
    pub unsafe fn unlock(&self) {
        #[cfg(debug_assertions)]
        lockrank::released(self.addr());
        let word: *const AtomicU32 = &raw const self.word;
        let a_thread_may_sleep = if LOCK_SLEEPERS.is_none() {
            store_among_rmws(&self.word, FREE, Release);
            !LOCK_SLEEPERS.is_none_after_store()
        } else {
            self.word.swap(FREE, Release) == CONTENDED
        };
        if a_thread_may_sleep {
            os::futex_wake_one(word);
        }
    }
}
