//! Bugs with shared data that a goroutine reads at one moment and changes at another.

use super::Bug;
use gort::explore::FailureKind::Panic;
use gort::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

/// A pool of one slot: its owner and its contents.
#[derive(Debug, Default)]
struct Pool {
    generation: u32,
    used: bool,
    value: u32,
}

/// A goroutine writes into a slot that it has lost, and that another goroutine has now.
fn slot_is_used_again(asks_again: bool) {
    let pool = Arc::new(Mutex::new(Pool::default()));
    let mine = {
        let mut pool = pool.lock();
        pool.used = true;
        pool.generation
    };
    let late = go!(clone [pool]; {
        let is_mine = |pool: &Pool| pool.used && pool.generation == mine;
        let was_mine = is_mine(&pool.lock());
        let mut pool = pool.lock();
        if was_mine && (!asks_again || is_mine(&pool)) {
            pool.value = 1;
        }
    });
    {
        let mut pool = pool.lock();
        pool.used = false;
        pool.generation += 1;
    }
    {
        let mut pool = pool.lock();
        pool.used = true;
        pool.value = 2;
    }
    late.join().unwrap();
    assert_eq!(pool.lock().value, 2, "somebody else's slot");
}

/// Two goroutines need a value. One that finds it not ready makes it, under the lock.
fn double_checked(flag_first: bool) {
    let ready = Arc::new(AtomicBool::new(false));
    let place = Arc::new(Mutex::new(None));
    let get = move |ready: &AtomicBool, place: &Mutex<Option<u32>>| {
        if !ready.load(SeqCst) {
            if flag_first {
                ready.store(true, SeqCst);
                place.lock().get_or_insert(7);
            } else {
                place.lock().get_or_insert(7);
                ready.store(true, SeqCst);
            }
        }
        place.lock().expect("it is ready")
    };
    let other = go!(clone [ready, place]; { get(&ready, &place) });
    assert_eq!(get(&ready, &place), 7);
    assert_eq!(other.join().unwrap(), 7);
}

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "an atomic is read and written, with a yield between",
        fails_by: Panic,
        broken: || {
            let count = Arc::new(AtomicU32::new(0));
            let add = |count: &AtomicU32| {
                let before = count.load(SeqCst);
                yield_now();
                count.store(before + 1, SeqCst);
            };
            let other = go!(clone [count]; { add(&count) });
            add(&count);
            other.join().unwrap();
            assert_eq!(count.load(SeqCst), 2, "an update is lost");
        },
        fixed: || {
            let count = Arc::new(AtomicU32::new(0));
            let add = |count: &AtomicU32| {
                yield_now();
                count.fetch_add(1, SeqCst);
            };
            let other = go!(clone [count]; { add(&count) });
            add(&count);
            other.join().unwrap();
            assert_eq!(count.load(SeqCst), 2);
        },
    },
    Bug {
        name: "a balance is checked first and changed later",
        fails_by: Panic,
        broken: || {
            let balance = Arc::new(Mutex::new(10));
            let draw = |balance: &Mutex<i32>| {
                if *balance.lock() >= 10 {
                    *balance.lock() -= 10;
                }
            };
            let other = go!(clone [balance]; { draw(&balance) });
            draw(&balance);
            other.join().unwrap();
            assert!(*balance.lock() >= 0, "overdrawn");
        },
        fixed: || {
            let balance = Arc::new(Mutex::new(10));
            let draw = |balance: &Mutex<i32>| {
                let mut balance = balance.lock();
                if *balance >= 10 {
                    *balance -= 10;
                }
            };
            let other = go!(clone [balance]; { draw(&balance) });
            draw(&balance);
            other.join().unwrap();
            assert!(*balance.lock() >= 0);
        },
    },
    Bug {
        name: "a freed slot is reused between check and use (ABA)",
        fails_by: Panic,
        broken: || slot_is_used_again(false),
        fixed: || slot_is_used_again(true),
    },
    Bug {
        name: "double-checked locking reports ready too early",
        fails_by: Panic,
        broken: || double_checked(true),
        fixed: || double_checked(false),
    },
    Bug {
        name: "a goroutine adds itself to the wait group",
        fails_by: Panic,
        broken: || {
            let (all, done) = (WaitGroup::new(), Arc::new(Mutex::new(0)));
            for _ in 0..2 {
                go!(clone [all, done]; {
                    all.add(1);
                    *done.lock() += 1;
                    all.done();
                });
            }
            all.wait();
            assert_eq!(*done.lock(), 2, "waited for too few");
        },
        fixed: || {
            let (all, done) = (WaitGroup::new(), Arc::new(Mutex::new(0)));
            for _ in 0..2 {
                all.add(1);
                go!(clone [all, done]; {
                    *done.lock() += 1;
                    all.done();
                });
            }
            all.wait();
            assert_eq!(*done.lock(), 2);
        },
    },
];
