//! Bugs with locks: their order, and changes between two locks.

use super::Bug;
use gort::explore::FailureKind::{Deadlock, Panic};
use gort::prelude::*;
use gort::sync::{RwLock, Semaphore};
use std::mem;
use std::sync::Arc;

/// Two goroutines add one each.
fn two_add(add: fn(&Mutex<i32>)) {
    let count = Arc::new(Mutex::new(0));
    let other = go!(clone [count]; { add(&count) });
    add(&count);
    other.join().unwrap();
    assert_eq!(*count.lock(), 2, "an update is lost");
}

/// Two goroutines move money between the same accounts, in opposite directions.
fn two_transfers(in_order: bool) {
    let accounts = Arc::new([Mutex::new(10), Mutex::new(10)]);
    let transfer = move |accounts: &[Mutex<i32>; 2], from: usize, to: usize| {
        let first = if in_order { from.min(to) } else { from };
        let second = from + to - first;
        let (mut a, mut b) = (accounts[first].lock(), accounts[second].lock());
        *a -= 1;
        *b -= 1;
    };
    let other = go!(clone [accounts]; { transfer(&accounts, 1, 0) });
    transfer(&accounts, 0, 1);
    other.join().unwrap();
}

/// Three philosophers eat once.
fn philosophers(last_is_left_handed: bool) {
    let forks: Arc<Vec<_>> = Arc::new((0..3).map(|_| Mutex::new(())).collect());
    let all = WaitGroup::new();
    for i in 0..3 {
        let forks = Arc::clone(&forks);
        all.go(move || {
            let (mut first, mut second) = (i, (i + 1) % 3);
            if last_is_left_handed && i == 2 {
                mem::swap(&mut first, &mut second);
            }
            let _first = forks[first].lock();
            let _second = forks[second].lock();
        });
    }
    all.wait();
}

/// Two goroutines find no value, and each makes one.
fn made_twice(looks_again: bool) {
    let cache = Arc::new(RwLock::new(None));
    let made = Arc::new(Mutex::new(0));
    let get = move |cache: &RwLock<Option<i32>>, made: &Mutex<i32>| {
        if cache.read().is_some() {
            return;
        }
        let mut cache = cache.write();
        if looks_again && cache.is_some() {
            return;
        }
        *made.lock() += 1;
        *cache = Some(1);
    };
    let other = go!(clone [cache, made]; { get(&cache, &made) });
    get(&cache, &made);
    other.join().unwrap();
    assert_eq!(*made.lock(), 1, "made twice");
}

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "an update is lost between two locks",
        fails_by: Panic,
        broken: || {
            two_add(|count| {
                let before = *count.lock();
                *count.lock() = before + 1;
            });
        },
        fixed: || two_add(|count| *count.lock() += 1),
    },
    Bug {
        name: "two locks in opposite orders",
        fails_by: Deadlock,
        broken: || two_transfers(false),
        fixed: || two_transfers(true),
    },
    Bug {
        name: "three philosophers take the left fork first",
        fails_by: Deadlock,
        broken: || philosophers(false),
        fixed: || philosophers(true),
    },
    Bug {
        name: "a reader becomes a writer without checking again",
        fails_by: Panic,
        broken: || made_twice(false),
        fixed: || made_twice(true),
    },
    Bug {
        name: "a reader reads again while a writer waits",
        fails_by: Deadlock,
        broken: || {
            let lock = Arc::new(RwLock::new(0));
            let writer = go!(clone [lock]; { *lock.write() += 1; });
            {
                let first = lock.read();
                // This waits behind the writer, if the writer has come in between and waits until
                // `first` is dropped.
                assert_eq!(*lock.read(), *first);
            }
            writer.join().unwrap();
        },
        fixed: || {
            let lock = Arc::new(RwLock::new(0));
            let writer = go!(clone [lock]; { *lock.write() += 1; });
            let first = *lock.read();
            assert!(*lock.read() >= first);
            writer.join().unwrap();
        },
    },
    Bug {
        name: "a permit is not released when an operation fails",
        fails_by: Deadlock,
        broken: || {
            let (gate, used) = (Semaphore::new(1), Arc::new(Mutex::new(false)));
            let work = |gate: &Semaphore, used: &Mutex<bool>| {
                let permit = gate.acquire(1);
                match used.try_lock() {
                    Ok(mut used) => *used = true,
                    Err(_) => mem::forget(permit),
                }
            };
            let other = go!(clone [gate, used]; { work(&gate, &used) });
            *used.lock() = false;
            work(&gate, &used);
            other.join().unwrap();
        },
        fixed: || {
            let (gate, used) = (Semaphore::new(1), Arc::new(Mutex::new(false)));
            let work = |gate: &Semaphore, used: &Mutex<bool>| {
                let _permit = gate.acquire(1);
                if let Ok(mut used) = used.try_lock() {
                    *used = true;
                }
            };
            let other = go!(clone [gate, used]; { work(&gate, &used) });
            *used.lock() = false;
            work(&gate, &used);
            other.join().unwrap();
        },
    },
];
