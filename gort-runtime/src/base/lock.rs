//! [`Lock`]: data behind a small lock that blocks the thread (the M), not the goroutine.
//!
//! The lock itself is [`RawLock`] (`rawlock.rs`). A panic does not poison it. In debug builds each
//! lock has a rank, and the order of acquisition is checked (`lockrank.rs`).
//!
//! Models use two stand-ins for `RawLock`, because its own protocol has models of its own
//! (`tests/loom_rawlock.rs`).

#[cfg(not(loom))]
pub use crate::base::rawlock::RawLock;

#[cfg(loom)]
pub use model::RawLock;

#[cfg(not(loom))]
use crate::base::rawlock::RawLock as Raw;

#[cfg(loom)]
use model::Blocking as Raw;

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

    /// The lock under loom: a spin lock that yields.
    #[derive(Debug)]
    pub struct RawLock {
        held: AtomicBool,
    }

    impl RawLock {
        /// Creates a free lock.
        pub(crate) fn ranked(_rank: Rank) -> Self {
            Self {
                held: AtomicBool::new(false),
            }
        }

        /// Acquires the lock.
        pub fn lock(&self) {
            while !self.try_lock() {
                spin_hint();
            }
        }

        /// Acquires the lock if it is free. Returns whether it did.
        pub fn try_lock(&self) -> bool {
            self.held
                .compare_exchange(false, true, Acquire, Relaxed)
                .is_ok()
        }

        /// Releases the lock.
        ///
        /// # Safety
        /// The caller holds the lock, or the holder has handed it the duty to release the lock.
        pub unsafe fn unlock(&self) {
            self.held.store(false, Release);
        }
    }

    /// The lock inside a `Lock` under loom: loom's mutex, which blocks its waiters in the model.
    /// (Two waiters that spin would yield to each other for ever.)
    pub(super) struct Blocking {
        mutex: Mutex<()>,
        /// The holder's guard.
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
            // SAFETY: the guard borrows `self.mutex`. `unlock` drops the guard, and needs a `self`
            // that is still alive.
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

        /// Releases the lock.
        ///
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

// SAFETY: moving the lock moves its `T`. No other part of it depends on a thread.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: safe code reaches the data only through a guard. Only one guard exists at a time, and it
// stays on its thread. So sharing the lock lets other threads use the `T` in turn, which `T: Send`
// allows, but never at the same time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    const_unless_loom! {
        /// Creates a free lock around `data`. No other lock may be acquired while this one is held.
        pub fn new(data: T) -> Self {
            Self::ranked(Rank::Leaf, data)
        }
    }

    const_unless_loom! {
        /// Creates a free lock around `data`. It may be acquired only while no other lock is held.
        /// While it is held, any lock that is not an outer one may be acquired.
        pub fn outer(data: T) -> Self {
            Self::ranked(Rank::Outer, data)
        }
    }

    const_unless_loom! {
        /// Creates a free lock of this rank.
        pub(crate) fn ranked(rank: Rank, data: T) -> Self {
            Self {
                raw: Raw::ranked(rank),
                data: DataCell::new(data),
            }
        }
    }

    /// Acquires the lock if it is free.
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        let guard = || LockGuard {
            lock: self,
            _not_send: std::marker::PhantomData,
        };
        self.raw.try_lock().then(guard)
    }

    /// Returns a reference to the data without acquiring the lock.
    ///
    /// # Safety
    /// Nothing changes the data while the reference is in use.
    pub(crate) unsafe fn unlocked(&self) -> &T {
        // SAFETY: the caller says that nothing changes the data while the reference is in use, so
        // all other references only read.
        self.data.with(|data| unsafe { &*data })
    }

    /// Acquires the lock, blocking the thread while another holds it.
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
    /// The lock must be released on the thread that acquired it.
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
        // SAFETY: this guard is the only one while it exists, and the returned reference borrows
        // it. Shared access through the guard therefore ends before exclusive access begins.
        self.lock.data.with(|data| unsafe { &*data })
    }
}

impl<T> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and the returned reference borrows it exclusively.
        self.lock.data.with_mut(|data| unsafe { &mut *data })
    }
}

impl<T> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: acquiring the lock made this guard, and the guard releases it once, here.
        unsafe { self.lock.raw.unlock() }
    }
}
