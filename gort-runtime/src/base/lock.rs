//! A small lock that blocks the thread (the M), not the goroutine.
//!
//! For short critical sections of the runtime and of gort-sync's wait queues.
//! It may be held while parking only to be released by the park's commit
//! function. It never poisons.
//!
//! The word: 0 free, 1 held, 2 held and somebody may sleep in the kernel. After
//! Drepper, "Futexes are tricky", mutex 2; the spin before sleeping is short
//! because sections are (tens of nanoseconds) and a futex wake costs microseconds.
//!
//! In debug builds each lock has a rank, and the order is checked (`lockrank.rs`).
//!
//! # Orderings
//! One word carries everything: taking it is an acquire, leaving it a release.

#[cfg(not(loom))]
pub use real::RawLock;

#[cfg(loom)]
pub use model::RawLock;

#[cfg(not(loom))]
use real::RawLock as Raw;

#[cfg(loom)]
use model::Blocking as Raw;

#[cfg(not(loom))]
mod real {
    use super::Rank;
    use crate::base::forked::refuse_in_child;
    use crate::base::hook;
    #[cfg(debug_assertions)]
    use crate::base::lockrank;
    use crate::base::prim::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
        spin_hint,
    };
    use crate::os;

    const FREE: u32 = 0;
    const HELD: u32 = 1;
    /// Held, and whoever leaves must wake a sleeper.
    const CONTENDED: u32 = 2;

    /// Looks at the word before a thread goes to sleep in the kernel.
    const SPINS: u32 = 100;

    /// The lock without data.
    #[derive(Debug)]
    pub struct RawLock {
        word: AtomicU32,
        #[cfg(debug_assertions)]
        rank: Rank,
    }

    impl Default for RawLock {
        fn default() -> Self {
            Self::new()
        }
    }

    impl RawLock {
        /// A free lock, which protects a queue of those who wait.
        pub const fn new() -> Self {
            Self::ranked(Rank::Waits)
        }

        /// A free lock of this rank.
        pub(crate) const fn ranked(rank: Rank) -> Self {
            #[cfg(not(debug_assertions))]
            let _ = rank;
            Self {
                word: AtomicU32::new(FREE),
                #[cfg(debug_assertions)]
                rank,
            }
        }

        /// Takes the lock.
        #[inline]
        pub fn lock(&self) {
            if !self.take_if_free() {
                self.lock_slow();
            }
            #[cfg(debug_assertions)]
            lockrank::taken(self.rank, self.addr(), false);
        }

        /// Takes the lock if it is free.
        #[inline]
        pub fn try_lock(&self) -> bool {
            let taken = self.take_if_free();
            #[cfg(debug_assertions)]
            if taken {
                lockrank::taken(self.rank, self.addr(), true);
            }
            taken
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
                if self.word.load(Relaxed) == FREE && self.take_if_free() {
                    return;
                }
            }
            // Who holds it may have stayed in the parent.
            refuse_in_child();
            hook::refuse_lock();
            // We may sleep, so we must leave the word CONTENDED: whoever took the
            // lock this way wakes the next one, needlessly at worst.
            while self.word.swap(CONTENDED, Acquire) != FREE {
                os::futex_wait(&self.word, CONTENDED, None);
            }
        }

        /// Leaves the lock.
        ///
        /// The lock's memory may be gone as soon as the word is free: the wake-up
        /// afterwards uses only its address (and a reference to what is all cells claims nothing
        /// for the time after that).
        ///
        /// # Safety
        /// The caller holds the lock (or was handed the duty to leave it).
        #[inline]
        pub unsafe fn unlock(&self) {
            #[cfg(debug_assertions)]
            lockrank::left(self.addr());
            let word: *const AtomicU32 = &raw const self.word;
            if self.word.swap(FREE, Release) == CONTENDED {
                os::futex_wake_one(word);
            }
        }
    }
}

#[cfg(loom)]
mod model {
    use super::Rank;
    use crate::base::prim::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
        spin_hint,
    };
    use loom::sync::{Mutex, MutexGuard};
    use std::cell::Cell;
    use std::mem;

    /// The lock as loom sees it: a spin lock that yields.
    #[derive(Debug)]
    pub struct RawLock {
        held: AtomicBool,
    }

    impl RawLock {
        /// A free lock.
        pub(crate) fn ranked(_rank: Rank) -> Self {
            Self {
                held: AtomicBool::new(false),
            }
        }

        /// Takes the lock.
        pub fn lock(&self) {
            while !self.try_lock() {
                spin_hint();
            }
        }

        /// Takes the lock if it is free.
        pub fn try_lock(&self) -> bool {
            self.held
                .compare_exchange(false, true, Acquire, Relaxed)
                .is_ok()
        }

        /// Leaves the lock.
        ///
        /// # Safety
        /// The caller holds the lock (or was handed the duty to leave it).
        pub unsafe fn unlock(&self) {
            self.held.store(false, Release);
        }
    }

    /// What is inside a `Lock`: loom's mutex, for whose waiters there is nothing to try. (Two that
    /// spin would yield to each other for ever.)
    pub(super) struct Blocking {
        mutex: Mutex<()>,
        /// The guard of whoever holds it.
        guard: Cell<Option<MutexGuard<'static, ()>>>,
    }

    impl Blocking {
        pub(super) fn ranked(_rank: Rank) -> Self {
            Self {
                mutex: Mutex::new(()),
                guard: Cell::new(None),
            }
        }

        fn held(&self, guard: MutexGuard<'_, ()>) {
            // SAFETY: the guard is dropped by `unlock`, for which there must still be a `self`.
            let guard =
                unsafe { mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
            self.guard.set(Some(guard));
        }

        pub(super) fn lock(&self) {
            if let Ok(guard) = self.mutex.lock() {
                self.held(guard);
            }
        }

        pub(super) fn try_lock(&self) -> bool {
            self.mutex.try_lock().map(|guard| self.held(guard)).is_ok()
        }

        /// # Safety
        /// The caller holds the lock.
        pub(super) unsafe fn unlock(&self) {
            drop(self.guard.take());
        }
    }
}

pub(crate) use crate::base::lockrank::Rank;

use crate::base::prim::{DataCell, const_unless_loom};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A [`RawLock`] around its data.
pub struct Lock<T> {
    raw: Raw,
    data: DataCell<T>,
}

// SAFETY: the data is reached only through a guard, and one guard exists at a
// time; so sharing the lock moves `T` between threads, no more.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: likewise: whoever shares it has the data to himself while he has the guard, which stays on its thread.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    const_unless_loom! {
        /// A free lock around `data`, under which no other lock is taken.
        pub fn new(data: T) -> Self {
            Self::ranked(Rank::Leaf, data)
        }
    }

    const_unless_loom! {
        /// A free lock of this rank.
        pub(crate) fn ranked(rank: Rank, data: T) -> Self {
            Self {
                raw: Raw::ranked(rank),
                data: DataCell::new(data),
            }
        }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        let guard = || LockGuard {
            lock: self,
            _not_send: std::marker::PhantomData,
        };
        self.raw.try_lock().then(guard)
    }

    /// The data, without the lock.
    ///
    /// # Safety
    /// Nobody changes it while the reference is in use.
    pub(crate) unsafe fn unlocked(&self) -> &T {
        // SAFETY: caller's clause: whoever else has a reference only reads.
        self.data.with(|data| unsafe { &*data })
    }

    /// Takes the lock, blocking the thread while another holds it.
    #[inline]
    pub fn lock(&self) -> LockGuard<'_, T> {
        self.raw.lock();
        LockGuard {
            lock: self,
            _not_send: std::marker::PhantomData,
        }
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// Holds a [`Lock`] until dropped.
pub struct LockGuard<'a, T> {
    lock: &'a Lock<T>,
    /// The lock belongs to the thread that took it.
    _not_send: std::marker::PhantomData<*mut ()>,
}

impl<T> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").finish_non_exhaustive()
    }
}

impl<T> Deref for LockGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one as long as it is there, and it is borrowed for as long as the
        // reference is used: shared access through it ends before an exclusive one begins.
        self.lock.data.with(|data| unsafe { &*data })
    }
}

impl<T> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed exclusively for as long as the reference is used.
        self.lock.data.with_mut(|data| unsafe { &mut *data })
    }
}

impl<T> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard was made by taking the lock, and leaves it once, here.
        unsafe { self.lock.raw.unlock() }
    }
}
