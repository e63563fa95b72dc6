//! Models of the real `waitgroup/`.
//!
//! A *looker* is a waiter that may give up: it waits in a select, or with a time limit.
//!
//! # What fails without which step
//! The changes were tried by hand, one at a time.
//!
//! | changed | models that fail |
//! |---|---|
//! | release in `done` | all that look at what was done |
//! | acquire in `done` | `counts_all`, `grows` |
//! | `Acquire` of the first load in `wait` | `wakes_all` |
//! | `Acquire` of the load under the lock | `wakes_all`, `is_used_again` |
//! | `Acquire` of the failed compare-and-swap | `done_meets_wait` and others |
//! | no look at the count under the lock | `done_meets_wait` |
//! | `done` leaves the waiters in the word | `is_used_again` |
//! | `release` takes every waiter in the queue | `is_used_again` |
//! | `release` takes one less | all |
//! | a looker does not set `LOOKED`, or `done` does not check it | `waitgroup_lookers_are_woken` |
//! | `done` leaves `LOOKED` in the word and does not release | the same |
//! | `Acquire` of the loads in `look` | the same |

use super::{Data, explore, explore_all, explore_large};
use crate::select::macro_support::recv;
use crate::select::{Order, Wait, select};
use crate::waitgroup::WaitGroup;
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::Duration;

/// Starts a thread that does its work and then calls `done`.
fn works(group: &WaitGroup, work: &Arc<Data>) -> JoinHandle<()> {
    let (group, work) = (group.clone(), Arc::clone(work));
    thread::spawn(move || {
        work.add_one();
        group.done();
    })
}

/// Starts a thread that waits, and then looks at what was done.
fn waits(group: &WaitGroup, work: &Arc<Data>) -> JoinHandle<u32> {
    let (group, work) = (group.clone(), Arc::clone(work));
    thread::spawn(move || {
        group.wait();
        work.get()
    })
}

/// The last `done` comes while a thread is entering its wait.
#[test]
fn waitgroup_done_meets_wait() {
    explore_all(|| {
        let (group, work) = (WaitGroup::new(), Arc::new(Data::new()));
        group.add(1);
        let worker = works(&group, &work);
        group.wait();
        assert_eq!(work.get(), 1);
        worker.join().unwrap();
    });
}

/// A waiter sees the work of all goroutines, not only of the last.
#[test]
fn waitgroup_counts_all() {
    explore_all(|| {
        let group = WaitGroup::new();
        group.add(2);
        let work = [0, 1].map(|_| Arc::new(Data::new()));
        let workers = work.each_ref().map(|work| works(&group, work));
        group.wait();
        assert_eq!(work.map(|work| work.get()), [1, 1]);
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

/// No waiter is left behind.
#[test]
fn waitgroup_wakes_all() {
    explore(|| {
        let (group, work) = (WaitGroup::new(), Arc::new(Data::new()));
        group.add(1);
        let worker = works(&group, &work);
        let waiters = [waits(&group, &work), waits(&group, &work)];
        worker.join().unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 1);
        }
    });
}

/// A thread adds to the group while it is working itself.
#[test]
fn waitgroup_grows() {
    explore(|| {
        let group = WaitGroup::new();
        group.add(1);
        let work = [0, 1].map(|_| Arc::new(Data::new()));
        let first = {
            let (group, work) = (group.clone(), work.clone());
            thread::spawn(move || {
                group.add(1);
                let second = works(&group, &work[1]);
                work[0].add_one();
                group.done();
                second.join().unwrap();
            })
        };
        group.wait();
        assert_eq!(work.map(|work| work.get()), [1, 1]);
        first.join().unwrap();
    });
}

/// The group's next use begins while a thread that waited for the first is still about to return. A
/// waiter of the second use must not be woken with those of the first.
#[test]
fn waitgroup_is_used_again() {
    explore_large(|| {
        let group = WaitGroup::new();
        let work = [0, 1].map(|_| Arc::new(Data::new()));
        group.add(1);
        let first = works(&group, &work[0]);
        let other = {
            let group = group.clone();
            thread::spawn(move || group.wait())
        };
        group.wait();
        assert_eq!(work[0].get(), 1);
        group.add(1);
        let second = works(&group, &work[1]);
        group.wait();
        assert_eq!(work[1].get(), 1);
        for thread in [first, second, other] {
            thread.join().unwrap();
        }
    });
}

/// The waiters drop their handles at once, while the last `done` is about to return.
#[test]
fn waitgroup_is_dropped_by_its_waiters() {
    explore(|| {
        let group = WaitGroup::new();
        group.add(1);
        let handle = group.clone();
        let worker = thread::spawn(move || handle.done());
        let handle = group.clone();
        let other = thread::spawn(move || handle.wait());
        group.wait();
        drop(group);
        worker.join().unwrap();
        other.join().unwrap();
    });
}

/// One waiter waits in a select, and another one in `wait`: no waiter is left behind, and each sees
/// the work.
#[test]
fn waitgroup_lookers_are_woken() {
    explore(|| {
        let (group, work) = (WaitGroup::new(), Arc::new(Data::new()));
        group.add(1);
        let worker = works(&group, &work);
        let waiter = waits(&group, &work);
        {
            let mut arm = recv(&group);
            assert_eq!(select([arm.enter()], Wait::Block, Order::Biased), Some(0));
            arm.take();
        }
        assert_eq!(work.get(), 1);
        worker.join().unwrap();
        assert_eq!(waiter.join().unwrap(), 1);
    });
}

/// The time limit of a wait may end before or after the last `done`.
#[test]
fn waitgroup_looker_may_leave() {
    explore_all(|| {
        let (group, work) = (WaitGroup::new(), Arc::new(Data::new()));
        group.add(1);
        let worker = works(&group, &work);
        if group.wait_timeout(Duration::ZERO) {
            assert_eq!(work.get(), 1);
        }
        worker.join().unwrap();
        assert!(group.wait_timeout(Duration::ZERO));
    });
}

/// The group's next use begins while a looker may still look for the end of the first. The looker
/// may return after the first use or after the second, and misses no end.
#[test]
fn waitgroup_looker_meets_the_next_use() {
    explore_large(|| {
        let (group, work) = (WaitGroup::new(), Arc::new(Data::new()));
        group.add(1);
        let looker = {
            let group = group.clone();
            thread::spawn(move || {
                let mut arm = recv(&group);
                assert_eq!(select([arm.enter()], Wait::Block, Order::Biased), Some(0));
                arm.take();
            })
        };
        group.done();
        group.add(1);
        let second = works(&group, &work);
        second.join().unwrap();
        looker.join().unwrap();
    });
}
