//! The order in which one thread may hold several locks, checked in debug builds. Go's
//! `lockrank.go`.
//!
//! | rank | locks | may be acquired while it is held |
//! |---|---|---|
//! | `Outer` | locks whose holder starts something that has a lock of its own | all below |
//! | `Waits` | wait queues of channels, locks, timers and join handles; several in the order of their addresses (`select!`) | all below |
//! | `Timers` | a P's heap | all below |
//! | `Sched` | the scheduler's lock | `Stacks`, leaves |
//! | `Stacks` | the pool of stacks; the slabs, in which dumps find the goroutines | leaves |
//! | `Leaf` | all others | none |
//!
//! A thread may acquire a lock if every lock that it holds is of an earlier rank. Threads that wait
//! for each other can therefore not form a cycle. A `try_lock` cannot close a cycle, so it is not
//! checked.
//!
//! Each M has a list of the locks that its thread holds, and so has each thread without an M. A
//! goroutine does not change threads while it holds a lock: if its park's commit function releases
//! the lock, that happens on the same M. A full list (a `select!` of 64 arms, with more locks
//! below) is not checked beyond its end.

/// The place of a lock in the order. Apart from `Leaf`, a variant that is listed earlier is
/// acquired earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// No other lock may be acquired while a lock of this rank is held. This variant is the first,
    /// so that zeroed memory is a free lock of this rank: a goroutine's record begins zeroed.
    Leaf,
    /// A lock whose holder starts or wakes something.
    Outer,
    /// A lock that protects a wait queue.
    Waits,
    /// A lock of a P's timers.
    Timers,
    /// The scheduler's lock.
    Sched,
    /// The locks of the pool of stacks and of the slabs.
    Stacks,
}

/// Returns whether a thread that holds the lock `held` (its rank and address) may acquire a lock of
/// `rank` at `addr`.
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
pub(super) use checked::{acquired, released};

/// The locks that a thread holds. Empty in release builds, which do not check.
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

    /// Maximum number of held locks that are checked for one thread.
    const CAPACITY: usize = 80;

    pub(super) struct List {
        locks: RefCell<[(Rank, usize); CAPACITY]>,
        len: Cell<usize>,
    }

    impl List {
        pub(super) const fn new() -> Self {
            Self {
                locks: RefCell::new([(Rank::Leaf, 0); CAPACITY]),
                len: Cell::new(0),
            }
        }

        fn with(&self, f: impl FnOnce(&mut [(Rank, usize); CAPACITY], &Cell<usize>)) {
            // The borrow fails in a signal handler that interrupted this function. Handlers only
            // try locks, so there is nothing to check.
            if let Ok(mut locks) = self.locks.try_borrow_mut() {
                f(&mut locks, &self.len);
            }
        }
    }

    thread_local! {
        /// The list of a thread without an M. It has no destructor, so it lives as long as the
        /// thread.
        static OF_THREAD: HeldLocks = const { HeldLocks::new() };
    }

    fn with(f: impl FnOnce(&mut [(Rank, usize); CAPACITY], &Cell<usize>)) {
        let m = arch::current_m();
        if m.is_null() {
            return with_threads(f);
        }
        // SAFETY: `m` is this thread's M, and Ms live for ever. Its list follows g0's context
        // (`proc/m.rs`).
        let held = unsafe { &*m.add(size_of::<Gobuf>()).cast::<HeldLocks>() };
        held.list.with(f);
    }

    /// Runs `f` on the list of a thread without an M. Not inlined, because a function that may park
    /// must not compute the address of a thread-local.
    #[expect(
        clippy::disallowed_methods,
        reason = "a goroutine that holds a lock stays on its thread"
    )]
    #[inline(never)]
    fn with_threads(f: impl FnOnce(&mut [(Rank, usize); CAPACITY], &Cell<usize>)) {
        OF_THREAD.with(|held| held.list.with(f));
    }

    /// Records that the caller has acquired a lock. `tried` says that it did so by `try_lock`.
    pub(in crate::base) fn acquired(rank: Rank, addr: usize, tried: bool) {
        let mut out_of_order = false;
        with(|locks, len| {
            let n = len.get();
            let held = &locks[..n.min(CAPACITY)];
            out_of_order = !tried && !held.iter().all(|&held| may_follow(held, rank, addr));
            if n < CAPACITY {
                locks[n] = (rank, addr);
            }
            len.set(n + 1);
        });
        if out_of_order {
            throw("a lock was taken out of order (base/lockrank.rs)");
        }
    }

    /// Records that the caller is about to release a lock.
    pub(in crate::base) fn released(addr: usize) {
        with(|locks, len| {
            let n = len.get();
            let held = &mut locks[..n.min(CAPACITY)];
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
