//! Models of the release of a `RawLock` by a store (`base/rawlock.rs`, `base/sleepers.rs`).
//!
//! Two or three threads take the lock and change a cell that loom watches. If two hold the lock at
//! the same time, the cell's accesses have no order between them, and the model fails. If a wake-up
//! is lost, a thread sleeps for ever, and loom reports a deadlock. Threads do not spin before they
//! sleep.
//!
//! Most models first remove `FENCELESS` from the count of sleepers, as start-up does where
//! membarrier works. In the last but one, a third thread removes it while the others use the lock.
//! In the last one, it stays.
//!
//! `tests/mutants.toml` has mutations of the two files, under ids that begin with `rawlock` and
//! `sleepers`. Each makes a model fail, apart from two, where the list says why.

use super::{explore, explore_further};
use crate::base::lockrank::Rank;
use crate::base::prim::DataCell;
use crate::base::rawlock::RawLock;
use crate::base::sleepers::{LOCK_SLEEPERS, rely_on_heavy_barriers};
use loom::thread;
use std::sync::Arc;

struct Guarded {
    lock: RawLock,
    count: DataCell<u32>,
}

// SAFETY: the count is only accessed under the lock.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: RawLock::ranked(Rank::Leaf),
            count: DataCell::new(0),
        })
    }

    /// Adds 1 to the count under the lock.
    fn add(&self) {
        self.lock.lock();
        // SAFETY: the lock is held. If it were not exclusive, loom would report it.
        self.count.with_mut(|count| unsafe { *count += 1 });
        // SAFETY: acquired above.
        unsafe { self.lock.unlock() };
    }

    fn total(&self) -> u32 {
        self.lock.lock();
        // SAFETY: the lock is held.
        let total = self.count.with(|count| unsafe { *count });
        // SAFETY: acquired above.
        unsafe { self.lock.unlock() };
        total
    }
}

/// Runs `f` on a thread of its own with the shared lock.
fn with(guarded: &Arc<Guarded>, f: impl FnOnce(&Guarded) + 'static) -> thread::JoinHandle<()> {
    let guarded = Arc::clone(guarded);
    thread::spawn(move || f(&guarded))
}

/// Lets the caller and `others` more threads add 1 each under one lock.
fn all_add(others: u32) {
    let guarded = Guarded::new();
    let threads: Vec<_> = (0..others).map(|_| with(&guarded, Guarded::add)).collect();
    guarded.add();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(guarded.total(), others + 1);
}

#[test]
fn a_waiter_is_woken_by_a_release_that_only_stores() {
    explore_further(|| {
        rely_on_heavy_barriers();
        all_add(1);
        assert!(LOCK_SLEEPERS.is_none());
    });
}

#[test]
fn a_waiter_is_woken_when_the_holder_takes_the_lock_again() {
    explore_further(|| {
        rely_on_heavy_barriers();
        let guarded = Guarded::new();
        let other = with(&guarded, |guarded| {
            guarded.add();
            guarded.add();
        });
        guarded.add();
        other.join().unwrap();
        assert_eq!(guarded.total(), 3);
    });
}

#[test]
fn two_sleepers_are_woken_one_after_the_other() {
    explore(|| {
        rely_on_heavy_barriers();
        all_add(2);
    });
}

#[test]
fn a_sleeper_relies_on_an_earlier_ones_barrier() {
    explore(|| {
        rely_on_heavy_barriers();
        LOCK_SLEEPERS.keep_barrier(true);
        all_add(2);
        LOCK_SLEEPERS.keep_barrier(false);
        assert!(LOCK_SLEEPERS.is_none());
    });
}

#[test]
fn a_sleeper_relies_on_the_barrier_of_another_locks_sleeper() {
    explore_further(|| {
        rely_on_heavy_barriers();
        // This one does not take the lock, so it wakes no thread that sleeps for it.
        let elsewhere = thread::spawn(|| {
            LOCK_SLEEPERS.add();
            LOCK_SLEEPERS.remove();
        });
        all_add(1);
        elsewhere.join().unwrap();
        assert!(LOCK_SLEEPERS.is_none());
    });
}

#[test]
fn a_sleeper_of_another_lock_takes_no_wake_up_of_this_one() {
    explore(|| {
        rely_on_heavy_barriers();
        let (one, two) = (Guarded::new(), Guarded::new());
        let others = [with(&one, Guarded::add), with(&two, Guarded::add)];
        one.add();
        two.add();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!((one.total(), two.total()), (2, 2));
    });
}

#[test]
fn start_up_may_come_while_a_thread_is_about_to_sleep() {
    explore_further(|| {
        let starter = thread::spawn(rely_on_heavy_barriers);
        all_add(1);
        starter.join().unwrap();
        assert!(LOCK_SLEEPERS.is_none());
    });
}

#[test]
fn start_up_that_finds_no_membarrier_leaves_the_swap() {
    explore_further(|| all_add(1));
}
