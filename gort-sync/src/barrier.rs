//! `Barrier`: nobody goes on before all have come.
//!
//! # Why no wake-up is lost
//! Arrivals are counted under a lock, which one who waits keeps until it is parked. The last
//! one finds the others in the queue, under the same lock, and takes them all out before it
//! lets go; the next round begins with an empty queue.

use crate::prim::DataCell;
use crate::sudog::{Sudog, WaitQueue};
use gort_runtime::{Current, MayWait, RawLock, WaitReason, go_on_exiting, must_exit};
use std::cell::Cell;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;

/// Makes `n` goroutines or threads wait for each other, any number of times. Go has none; std's
/// `Barrier`.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::Barrier;
/// use std::sync::Arc;
///
/// let barrier = Arc::new(Barrier::new(3));
/// let handles: Vec<_> = (0..3).map(|_| go!(clone [barrier]; { barrier.wait().is_leader() })).collect();
/// let leaders = handles.into_iter().filter_map(|handle| handle.join().ok()).filter(|&is| is);
/// assert_eq!(leaders.count(), 1);
/// ```
pub struct Barrier {
    n: usize,
    lock: RawLock,
    /// Who has come in this round; under the lock.
    arrived: Cell<usize>,
    queue: DataCell<WaitQueue>,
}

// SAFETY: the count and the queue are reached only under the lock.
unsafe impl Send for Barrier {}
// SAFETY: as above.
unsafe impl Sync for Barrier {}
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

/// What [`Barrier::wait`] tells.
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::Barrier;
///
/// static PHASE: Barrier = Barrier::new(4);
///
/// let workers: Vec<_> = (0..4)
///     .map(|_| go!(|| {
///         // … its part of the first phase …
///         if PHASE.wait().is_leader() {
///             println!("the first phase is over");
///         }
///     }))
///     .collect();
/// for worker in workers {
///     worker.join().unwrap();
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether the caller was the last to come: true for one of each round.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// A barrier for `n`. With 0 or 1 nobody waits.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(n: usize) -> Self {
        Self {
            n,
            lock: RawLock::new(),
            arrived: Cell::new(0),
            queue: DataCell::new(WaitQueue::new()),
        }
    }

    #[cfg(loom)]
    pub fn new(n: usize) -> Self {
        Self {
            n,
            lock: RawLock::new(),
            arrived: Cell::new(0),
            queue: DataCell::new(WaitQueue::new()),
        }
    }

    /// Waits until `n` have called this in this round.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let site = Location::caller();
        let current = Current::also_exiting(MayWait::check());
        self.lock.lock();
        let arrived = self.arrived.get() + 1;
        if arrived >= self.n {
            self.arrived.set(0);
            // SAFETY: taken above.
            unsafe { self.release_all() };
            return BarrierWaitResult(true);
        }
        if must_exit() {
            // SAFETY: taken above.
            unsafe { self.lock.unlock() };
            go_on_exiting();
            unreachable!("an exiting goroutine goes on unwinding");
        }
        self.arrived.set(arrived);
        let sg = Sudog::plain(current.waiter(), ptr::null_mut());
        let lock = &self.lock;
        let commit = || {
            // SAFETY: taken above.
            unsafe { lock.unlock() };
            true
        };
        // SAFETY: enqueued under the lock, which `commit` releases; dequeued and woken once, by
        // `release_all`.
        unsafe {
            self.queue.with_mut(|queue| (*queue).push_back(&sg));
            current.park(commit, WaitReason::BarrierWait, site);
        }
        BarrierWaitResult(false)
    }

    /// # Safety
    /// The caller holds the lock, which is released.
    unsafe fn release_all(&self) {
        let woken = WaitQueue::new();
        // SAFETY: caller's clause; the records are moved to `woken` and woken from there.
        unsafe {
            self.queue.with_mut(|queue| (*queue).take_all(&woken));
            self.lock.unlock();
            woken.wake_all();
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}
