//! Waiters for a mutex that may give up: with a time limit, and in a select.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::sync::{LockRequest, MutexGuard, Timeout};
use gort::time::sleep;
use gort_tests::{Random, claims, parked, seed, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

const ROUNDS: usize = if cfg!(debug_assertions) { 300 } else { 3_000 };
const LONG: Duration = Duration::from_secs(100);
const SHORT: Duration = Duration::from_millis(2);

/// Returns a mutex that lives for ever, so that its guards can go to other goroutines.
fn leaked<T: Send>(value: T) -> &'static Mutex<T> {
    Box::leak(Box::new(Mutex::new(value)))
}

/// Locks by a select with no other arm.
fn select_lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    select! { guard = <-mutex.lock_request() => guard }
}

claims! {
    fn a_lock_with_a_time_limit_gives_up() {
        let mutex = leaked(1);
        let held = mutex.lock();
        for limit in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
            assert_eq!(mutex.lock_timeout(limit).err(), Some(Timeout));
            assert!(spawn(move || mutex.lock_timeout(limit).is_err()).join().unwrap());
            assert!(thread::spawn(move || mutex.lock_timeout(limit).is_err()).join().unwrap());
        }
        assert_eq!(Timeout.to_string(), "timed out waiting for the lock");
        drop(held);
        for limit in [Duration::ZERO, SHORT, Duration::MAX] {
            assert_eq!(mutex.lock_timeout(limit).as_deref(), Ok(&1));
        }
        // The waiter has left nothing behind.
        assert!(mutex.try_lock().is_ok());
        drop(mutex.lock());
    }

    fn a_lock_with_a_time_limit_gets_the_lock_in_time() {
        let mutex = leaked(0);
        for limit in [LONG, Duration::MAX] {
            let held = mutex.lock();
            let waiter = parked(WaitReason::MutexLock, move || {
                *mutex.lock_timeout(limit).unwrap() += 1;
            });
            drop(held);
            waiter.join().unwrap();
            let held = mutex.lock();
            let waiter = thread::spawn(move || *mutex.lock_timeout(limit).unwrap() += 1);
            sleep(SHORT);
            drop(held);
            waiter.join().unwrap();
        }
        assert_eq!(*mutex.lock(), 4);
    }

    fn a_waiter_that_gives_up_leaves_the_lock_to_those_behind() {
        let mutex = leaked(Vec::new());
        let held = mutex.lock();
        // The waiters that give up are at the first, the middle and the last position.
        let (mut limited, mut others) = (Vec::new(), Vec::new());
        for i in 0..5 {
            if i % 2 == 1 {
                others.push(spawn(move || mutex.lock().push(i)));
            } else {
                let limit = Duration::from_millis(20);
                limited.push(spawn(move || mutex.lock_timeout(limit).is_err()));
            }
            settle();
        }
        assert!(limited.into_iter().all(|waiter| waiter.join().unwrap()));
        assert_eq!(waiting(WaitReason::MutexLock), 2);
        drop(held);
        others.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(*mutex.try_lock().unwrap(), [1, 3]);
    }

    fn a_race_of_unlocking_and_giving_up_loses_nothing() {
        let mutex = leaked(0_usize);
        let mut obtained = 0;
        for round in 0..ROUNDS {
            let held = mutex.lock();
            let limit = Duration::from_micros(50 + round as u64 % 50);
            let in_time = spawn(move || {
                mutex.lock_timeout(limit).map(|mut guard| *guard += 1).is_ok()
            });
            let behind = spawn(move || *mutex.lock() += 1);
            settle();
            sleep(limit / 2);
            drop(held);
            behind.join().unwrap();
            obtained += 1 + usize::from(in_time.join().unwrap());
            assert_eq!(*mutex.try_lock().unwrap(), obtained);
        }
    }

    fn a_select_locks_what_is_free() {
        let mutex = Mutex::new(1);
        select! {
            mut guard = <-mutex.lock_request() => {
                assert!(mutex.try_lock().is_err());
                *guard += 1;
            }
            default => panic!("it is free"),
        }
        let request = mutex.lock_request();
        for _ in 0..3 {
            // The request is taken by reference, so it can be used again.
            select! { mut guard = <-request => *guard += 1 }
        }
        let guard = select! { guard = <-mutex.lock_request(), if true => guard };
        assert_eq!(*guard, 5);
        drop(guard);
        // A guard that the arm does not bind is dropped before the body runs.
        select! { <-mutex.lock_request() => assert!(mutex.try_lock().is_ok()) }
        assert_eq!(format!("{request:?}"), "LockRequest { .. }");
        assert_eq!(mutex.into_inner(), 5);
    }

    fn a_select_does_not_wait_for_a_lock_if_there_is_something_else() {
        let mutex = Mutex::new(());
        let (tx, rx) = bounded(1);
        for _ in 0..10 {
            let held = mutex.lock();
            let got = select! { _ = <-mutex.lock_request() => true, default => false };
            assert!(!got);
            let got = select! { _ = <-mutex.lock_request() => true, after(SHORT) => false };
            assert!(!got);
            tx.send(7).unwrap();
            let got = select! { _ = <-mutex.lock_request() => 0, v = <-rx => v.unwrap() };
            assert_eq!(got, 7);
            drop(held);
            assert!(mutex.try_lock().is_ok());
            drop(mutex.lock());
        }
        // An absent request never locks.
        select! {
            _ = <-None::<LockRequest<'_, ()>> => unreachable!(),
            _ = <-mutex.lock_request(), if false => unreachable!(),
            default => {}
        }
        assert!(mutex.try_lock().is_ok());
    }

    fn a_select_that_waits_is_handed_the_lock() {
        let mutex = leaked(());
        let (tx, rx) = bounded::<()>(0);
        for _ in 0..20 {
            let held = mutex.lock();
            let waiter = parked(WaitReason::Select, {
                let rx = rx.clone();
                move || {
                    let guard = select! {
                        guard = <-mutex.lock_request() => guard,
                        after(LONG) => unreachable!(),
                    };
                    rx.recv().unwrap();
                    drop(guard);
                }
            });
            drop(held);
            assert!(mutex.try_lock().is_err(), "not handed over");
            tx.send(()).unwrap();
            waiter.join().unwrap();
            assert!(mutex.try_lock().is_ok());
        }
        // A plain thread.
        let held = mutex.lock();
        let waiter = thread::spawn(move || drop(select_lock(mutex)));
        sleep(SHORT);
        drop(held);
        waiter.join().unwrap();
        assert!(mutex.try_lock().is_ok());
    }

    fn an_arm_that_loses_holds_nothing_and_swallows_nothing() {
        let mutex = leaked(Vec::new());
        let (tx, rx) = bounded(0);
        let held = mutex.lock();
        let first = parked(WaitReason::Select, move || {
            select! {
                _ = <-mutex.lock_request() => unreachable!(),
                v = <-rx => v.unwrap(),
            }
        });
        let second = parked(WaitReason::MutexLock, move || mutex.lock().push(2));
        let third = parked(WaitReason::Select, move || {
            select! { mut guard = <-mutex.lock_request() => guard.push(3) }
        });
        tx.send(1).unwrap();
        assert_eq!(first.join().unwrap(), 1);
        settle();
        assert_eq!(waiting(WaitReason::MutexLock) + waiting(WaitReason::Select), 2);
        drop(held);
        second.join().unwrap();
        third.join().unwrap();
        let pushed = mutex.try_lock().unwrap();
        assert!(pushed.contains(&2) && pushed.contains(&3), "{pushed:?}");
    }

    fn a_select_over_several_locks_takes_one() {
        let mutexes: &'static [Mutex<usize>; 3] = Box::leak(Box::new([0, 1, 2].map(Mutex::new)));
        for free in 0..3 {
            let mut held: Vec<_> = mutexes.iter().map(Mutex::lock).collect();
            let waiter = parked(WaitReason::Select, move || {
                select! {
                    guard = <-mutexes[0].lock_request() => *guard,
                    guard = <-mutexes[1].lock_request() => *guard,
                    guard = <-mutexes[2].lock_request() => *guard,
                }
            });
            drop(held.remove(free));
            assert_eq!(waiter.join().unwrap(), free);
            drop(held);
            assert!(mutexes.iter().all(|mutex| mutex.try_lock().is_ok()));
        }
        // Two arms wait for the same mutex.
        let held = mutexes[0].lock();
        let waiter = parked(WaitReason::Select, || {
            select! {
                guard = <-mutexes[0].lock_request() => *guard,
                guard = <-mutexes[0].lock_request() => *guard,
            }
        });
        drop(held);
        waiter.join().unwrap();
        assert!(mutexes[0].try_lock().is_ok());
    }

    fn a_race_of_unlocking_and_another_arm_has_one_winner() {
        let mutex = leaked(());
        let mut locked = 0;
        for round in 0..ROUNDS {
            let (tx, rx) = bounded(1);
            let held = mutex.lock();
            let waiter = spawn(move || {
                select! {
                    guard = <-mutex.lock_request() => {
                        drop(guard);
                        (true, rx.recv().unwrap())
                    }
                    v = <-rx => (false, v.unwrap()),
                }
            });
            settle();
            let sender = spawn(move || tx.send(round).unwrap());
            let unlocker = spawn(move || drop(held));
            let (by_lock, received) = waiter.join().unwrap();
            assert_eq!(received, round);
            locked += usize::from(by_lock);
            unlocker.join().unwrap();
            sender.join().unwrap();
            assert!(mutex.try_lock().is_ok());
        }
        assert!(locked <= ROUNDS);
    }

    /// Uses all ways to lock at once, by goroutines and threads. A waiter that does not give up
    /// must get the lock in the end.
    fn all_ways_of_locking_exclude_each_other() {
        let seed = seed();
        let (mutex, inside) = (leaked(0_usize), Arc::new(AtomicBool::new(false)));
        let expected = Arc::new(AtomicUsize::new(0));
        let work = |id: u64| {
            let (inside, expected) = (inside.clone(), expected.clone());
            move || {
                let mut random = Random::new(seed.wrapping_add(id * 0x9e37));
                for _ in 0..ROUNDS {
                    let limit = Duration::from_micros(random.below(200));
                    let guard = match random.below(6) {
                        0 => mutex.try_lock().ok(),
                        1 | 2 => mutex.lock_timeout(limit).ok(),
                        3 => select! {
                            guard = <-mutex.lock_request() => Some(guard),
                            after(limit) => None,
                        },
                        4 => Some(select_lock(mutex)),
                        _ => Some(mutex.lock()),
                    };
                    if let Some(mut guard) = guard {
                        assert!(!inside.swap(true, SeqCst), "seed {seed}");
                        match random.below(20) {
                            0 => sleep(Duration::from_micros(random.below(100))),
                            1..5 => yield_now(),
                            _ => {}
                        }
                        *guard += 1;
                        expected.fetch_add(1, SeqCst);
                        assert!(inside.swap(false, SeqCst), "seed {seed}");
                    }
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|id| thread::spawn(work(id))).collect();
        let goroutines: Vec<_> = (2..10).map(|id| spawn(work(id))).collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*mutex.try_lock().unwrap(), expected.load(SeqCst), "seed {seed}");
    }
}
