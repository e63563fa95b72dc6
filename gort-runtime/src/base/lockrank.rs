//! The order in which one thread may hold several locks, checked in debug builds. Go's `lockrank.go`.
//!
//! | rank | who | under it may be taken |
//! |---|---|---|
//! | `Outer` | locks whose holder starts something with a lock of its own | all below |
//! | `Waits` | the queues of channels, locks, timers, of who waits for an end; several in the order of their addresses (`select!`) | all below |
//! | `Timers` | a P's heap | all below |
//! | `Sched` | the scheduler's lock | `Stacks`, leaves |
//! | `Stacks` | the pool of stacks; the slabs, in which dumps find the goroutines | leaves |
//! | `Leaf` | all others | none |
//!
//! Whoever holds no lock of a rank or below it may take one of it, so no circle of threads that wait for
//! each other can be. A lock that is only tried cannot close a circle, and is not checked when it is taken.
//!
//! Each M has a list of what its thread holds, and so has a thread without one. A goroutine does not change its
//! thread meanwhile: the lock that is left by its park's commit function is left on the same M. A list that
//! is full (a `select!` of 64 arms, with more below) is not checked beyond its end.

/// Where a lock stands; after `Leaf`, the first are taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Under it no other lock is taken. It is the first because zeros are to be a free lock of this rank: a
    /// goroutine's record begins as zeros.
    Leaf,
    /// Its holder starts or wakes something.
    Outer,
    /// What protects the queue of those who wait for something.
    Waits,
    /// A P's timers.
    Timers,
    /// The scheduler's.
    Sched,
    /// The pool of stacks, and the slabs.
    Stacks,
}

/// Whether a lock of `rank` at `addr` may be taken by who holds that of `held.0` at `held.1`.
#[cfg(any(debug_assertions, test))]
fn may_follow(held: (Rank, usize), rank: Rank, addr: usize) -> bool {
    match (held.0, rank) {
        (Rank::Leaf, _) => false,
        (_, Rank::Leaf) => true,
        (Rank::Waits, Rank::Waits) => held.1 < addr,
        (held, rank) => held < rank,
    }
}

#[cfg(debug_assertions)]
pub(super) use checked::{left, taken};

/// The locks that a thread holds; in release builds nobody asks.
pub(crate) struct HeldLocks {
    #[cfg(debug_assertions)]
    list: checked::List,
}

impl HeldLocks {
    pub(crate) const fn new() -> Self {
        Self {
            #[cfg(debug_assertions)]
            list: checked::List::new(),
        }
    }
}

#[cfg(debug_assertions)]
mod checked {
    use super::{HeldLocks, Rank, may_follow};
    use crate::arch::{self, Gobuf};
    use crate::base::throw::throw;
    use std::cell::{Cell, RefCell};

    /// Locks that a thread may hold and be checked for.
    const MOST: usize = 80;

    pub(super) struct List {
        locks: RefCell<[(Rank, usize); MOST]>,
        len: Cell<usize>,
    }

    impl List {
        pub(super) const fn new() -> Self {
            Self {
                locks: RefCell::new([(Rank::Leaf, 0); MOST]),
                len: Cell::new(0),
            }
        }

        fn with(&self, f: impl FnOnce(&mut [(Rank, usize); MOST], &Cell<usize>)) {
            // Taken already: this is a signal handler, which only tries locks.
            if let Ok(mut locks) = self.locks.try_borrow_mut() {
                f(&mut locks, &self.len);
            }
        }
    }

    thread_local! {
        /// Of a thread without an M. Without a destructor, so that it is there for as long as the thread is.
        static OF_THREAD: HeldLocks = const { HeldLocks::new() };
    }

    fn with(f: impl FnOnce(&mut [(Rank, usize); MOST], &Cell<usize>)) {
        let m = arch::current_m();
        if m.is_null() {
            return with_threads(f);
        }
        // SAFETY: an M, which is there for ever, and this thread's. Its list lies behind g0's context (`proc/m.rs`).
        let held = unsafe { &*m.add(size_of::<Gobuf>()).cast::<HeldLocks>() };
        held.list.with(f);
    }

    /// Not inlined: the thread-local's address is not to be computed in a function that may park.
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever holds a lock stays on its thread"
    )]
    #[inline(never)]
    fn with_threads(f: impl FnOnce(&mut [(Rank, usize); MOST], &Cell<usize>)) {
        OF_THREAD.with(|held| held.list.with(f));
    }

    /// The caller has taken a lock; `tried`: by `try_lock`.
    pub(in crate::base) fn taken(rank: Rank, addr: usize, tried: bool) {
        let mut out_of_order = false;
        with(|locks, len| {
            let n = len.get();
            let held = &locks[..n.min(MOST)];
            out_of_order = !tried && !held.iter().all(|&held| may_follow(held, rank, addr));
            if n < MOST {
                locks[n] = (rank, addr);
            }
            len.set(n + 1);
        });
        if out_of_order {
            throw("a lock was taken out of order (base/lockrank.rs)");
        }
    }

    /// The caller is about to leave a lock.
    pub(in crate::base) fn left(addr: usize) {
        with(|locks, len| {
            let n = len.get();
            let held = &mut locks[..n.min(MOST)];
            if let Some(at) = held.iter().rposition(|held| held.1 == addr) {
                held.copy_within(at + 1.., at);
            }
            len.set(n.saturating_sub(1));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_taken_from_the_first_to_the_last() {
        let ranks = [
            Rank::Outer,
            Rank::Waits,
            Rank::Timers,
            Rank::Sched,
            Rank::Stacks,
            Rank::Leaf,
        ];
        for (i, &held) in ranks.iter().enumerate() {
            for (j, &rank) in ranks.iter().enumerate() {
                assert_eq!(may_follow((held, 8), rank, 8), i < j, "{held:?}, {rank:?}");
            }
        }
    }

    #[test]
    fn queues_are_taken_in_the_order_of_their_addresses() {
        assert!(may_follow((Rank::Waits, 8), Rank::Waits, 16));
        assert!(!may_follow((Rank::Waits, 16), Rank::Waits, 8));
        assert!(!may_follow((Rank::Leaf, 8), Rank::Leaf, 16));
    }
}
