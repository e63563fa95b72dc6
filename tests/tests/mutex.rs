//! MU: the mutex, between goroutines and plain threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::{WaitReason, goroutines};
use gort::sync::{MappedMutexGuard, MutexGuard, WouldBlock};
use gort::time::sleep;
use gort_tests::{claims, parked, settle};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}

/// Returns a mutex that lives for ever, so that its guards can go to other goroutines.
fn leaked<T: Send>(value: T) -> &'static Mutex<T> {
    Box::leak(Box::new(Mutex::new(value)))
}

fn waiting_for_a_mutex() -> usize {
    goroutines()
        .iter()
        .filter(|info| info.reason == WaitReason::MutexLock)
        .count()
}

/// Checks that a waiter that has lost a competition after a long wait is handed the lock.
fn starves(lock: fn(&'static Mutex<()>) -> Option<MutexGuard<'static, ()>>) {
    let mutex = leaked(());
    let mut handed_over = 0;
    for _ in 0..1_000 {
        let held = mutex.lock();
        let (tx, rx) = bounded::<()>(0);
        let waiter = spawn(move || {
            let guard = lock(mutex).unwrap();
            // Holds the lock until it is told to unlock.
            rx.recv().unwrap_err();
            drop(guard);
        });
        settle();
        assert_eq!(waiting_for_a_mutex(), 1);
        sleep(Duration::from_millis(2));
        drop(held);
        if let Ok(held) = mutex.try_lock() {
            // The waiter was woken, but another goroutine has the lock by now.
            settle();
            assert_eq!(waiting_for_a_mutex(), 1);
            drop(held);
            assert!(mutex.try_lock().is_err(), "not handed over");
            handed_over += 1;
        }
        drop(tx);
        waiter.join().unwrap();
        if handed_over == 10 {
            return;
        }
    }
    panic!("the waiter came too late only {handed_over} times");
}

claims! {
    // MU01, MU10
    fn only_one_holds_the_lock() {
        let mutex = Arc::new(Mutex::new(0_usize));
        let rounds = scaled(1_000);
        let lockers: Vec<_> = (0..10)
            .map(|_| {
                let mutex = mutex.clone();
                spawn(move || {
                    for round in 0..rounds {
                        if round % 3 == 0 {
                            loop {
                                match mutex.try_lock() {
                                    Ok(mut value) => break *value += 1,
                                    Err(WouldBlock) => yield_now(),
                                }
                            }
                        } else {
                            let mut value = mutex.lock();
                            let before = *value;
                            if round % 100 == 1 {
                                yield_now();
                            }
                            *value = before + 1;
                        }
                    }
                })
            })
            .collect();
        lockers.into_iter().for_each(|locker| locker.join().unwrap());
        assert_eq!(*mutex.lock(), 10 * rounds);
    }

    // MU02
    fn try_lock_fails_while_the_lock_is_held() {
        let mutex = Arc::new(Mutex::new(1));
        let held = mutex.lock();
        assert!(mutex.try_lock().is_err());
        let other = mutex.clone();
        assert!(spawn(move || other.try_lock().is_err()).join().unwrap());
        let other = mutex.clone();
        assert!(thread::spawn(move || other.try_lock().is_err()).join().unwrap());
        drop(held);
        let tried = mutex.try_lock().unwrap();
        assert!(mutex.try_lock().is_err());
        drop(tried);
        assert_eq!(*mutex.lock(), 1);
    }

    // MU02: also while waiters are in the queue.
    fn try_lock_fails_while_others_wait() {
        let mutex = Arc::new(Mutex::new(()));
        let held = mutex.lock();
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let mutex = mutex.clone();
                spawn(move || drop(mutex.lock()))
            })
            .collect();
        settle();
        assert!(mutex.try_lock().is_err());
        drop(held);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(mutex.try_lock().is_ok());
    }

    // MU03
    fn the_mutex_is_not_reentrant() {
        let mutex = leaked(());
        let (tx, rx) = bounded::<MutexGuard<'static, ()>>(1);
        let twice = spawn(move || {
            tx.send(mutex.lock()).unwrap();
            drop(mutex.lock());
        });
        settle();
        assert!(!twice.is_finished());
        let id = twice.goroutine().id();
        let info = goroutines().into_iter().find(|info| info.id == id).unwrap();
        assert_eq!(info.reason.to_string(), "sync.Mutex.Lock");
        assert!(info.at.unwrap().file().ends_with("mutex.rs"));
        // Main drops the guard of the first lock, and the goroutine gets the second.
        drop(rx.recv().unwrap());
        twice.join().unwrap();
    }

    // MU05
    fn one_goroutine_locks_and_another_unlocks() {
        let mutex = leaked(0);
        let (tx, rx) = bounded::<MutexGuard<'static, i32>>(0);
        let unlocker = spawn(move || {
            let mut guard = rx.recv().unwrap();
            *guard += 1;
        });
        let third = spawn(move || {
            let locker = spawn(move || tx.send(mutex.lock()).unwrap());
            locker.join().unwrap();
            while *mutex.lock() != 1 {
                yield_now();
            }
        });
        third.join().unwrap();
        unlocker.join().unwrap();
        let guard = mutex.lock();
        thread::spawn(move || drop(guard)).join().unwrap();
        assert!(mutex.try_lock().is_ok());
    }

    // MU06
    fn an_occasional_locker_gets_its_turn() {
        let mutex = Arc::new(Mutex::new(()));
        let stop = Arc::new(AtomicBool::new(false));
        let holder = spawn({
            let (mutex, stop) = (mutex.clone(), stop.clone());
            move || {
                let mut held = 0;
                while !stop.load(SeqCst) {
                    let _guard = mutex.lock();
                    sleep(Duration::from_micros(100));
                    held += 1;
                }
                held
            }
        });
        for _ in 0..10 {
            sleep(Duration::from_micros(100));
            drop(mutex.lock());
        }
        stop.store(true, SeqCst);
        // The holder may have locked many times in between, but only for a while: a waiter is
        // served after a millisecond, which is some ten holds.
        let held: usize = holder.join().unwrap();
        assert!(held < 5_000, "the holder had it {held} times in between");
    }

    // MU07: if a waiter has waited for more than a millisecond and has lost a competition then, the
    // unlocker cannot lock again before that waiter.
    fn a_waiter_that_starves_is_handed_the_lock() {
        starves(|mutex| Some(mutex.lock()));
    }

    // MU07: the same holds with a time limit.
    fn a_waiter_with_a_time_limit_that_starves_is_handed_the_lock() {
        starves(|mutex| mutex.lock_timeout(Duration::from_secs(100)).ok());
    }

    // MU08
    fn waiters_are_served_in_the_order_in_which_they_came() {
        let mutex = Arc::new(Mutex::new(Vec::new()));
        let held = mutex.lock();
        let waiters: Vec<_> = (0..20)
            .map(|i| {
                let mutex = mutex.clone();
                let waiter = spawn(move || mutex.lock().push(i));
                settle();
                waiter
            })
            .collect();
        sleep(Duration::from_millis(5));
        drop(held);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(mutex.lock().iter().copied().eq(0..20));
    }

    // MU09
    fn a_waiter_does_not_occupy_a_p() {
        let mutex = Arc::new(Mutex::new(0));
        let held = mutex.lock();
        let (tx, rx) = bounded(0);
        let waiters: Vec<_> = (0..1_000)
            .map(|_| {
                let (mutex, tx) = (mutex.clone(), tx.clone());
                spawn(move || {
                    tx.send(()).unwrap();
                    *mutex.lock() += 1;
                })
            })
            .collect();
        (0..1_000).for_each(|_| rx.recv().unwrap());
        settle();
        assert_eq!(waiting_for_a_mutex(), 1_000);
        let threads = fs::read_dir("/proc/self/task").unwrap().count();
        // There are far fewer threads than waiters. The number itself depends on the machine: on a
        // busy one sysmon takes the P of an M that the kernel has not run for 10 ms, and starts a
        // thread for the P (45 threads were seen with 8 Ps on 2 cores).
        assert!(threads < 200, "{threads} threads");
        let (ping, pings) = bounded(0);
        let (pong, pongs) = bounded(0);
        let echo = spawn(move || pings.iter().for_each(|i: usize| pong.send(i).unwrap()));
        for i in 0..1_000 {
            ping.send(i).unwrap();
            assert_eq!(pongs.recv(), Ok(i));
        }
        drop(ping);
        echo.join().unwrap();
        assert_eq!(waiting_for_a_mutex(), 1_000);
        drop(held);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(*mutex.lock(), 1_000);
    }

    // MU11
    fn a_guard_stays_good_across_parks() {
        let mutex = Arc::new(Mutex::new(()));
        let inside = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(0);
        let peer = spawn(move || rx.iter().count());
        let lockers: Vec<_> = (0..4)
            .map(|n| {
                let (mutex, inside, tx) = (mutex.clone(), inside.clone(), tx.clone());
                spawn(move || {
                    for i in 0..scaled(96) {
                        let _guard = mutex.lock();
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        match (i + n) % 16 {
                            0 => sleep(Duration::from_micros(50)),
                            1..8 => tx.send(i).unwrap(),
                            _ => yield_now(),
                        }
                        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
                    }
                })
            })
            .collect();
        drop(tx);
        lockers.into_iter().for_each(|locker| locker.join().unwrap());
        assert_eq!(peer.join().unwrap(), 4 * scaled(96) * 7 / 16);
    }

    // MU: a mutable or owned mutex needs no locking.
    fn get_mut_and_into_inner_need_no_lock() {
        let mut mutex = Mutex::new(vec![1]);
        mutex.get_mut().push(2);
        assert_eq!(format!("{mutex:?}"), "Mutex { data: [1, 2] }");
        let guard = mutex.lock();
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        drop(guard);
        assert_eq!(mutex.into_inner(), [1, 2]);
        static CONST: Mutex<i32> = Mutex::new(3);
        assert_eq!(*CONST.lock(), 3);
    }

    // RU08
    fn goroutines_and_threads_exclude_each_other() {
        let mutex = Arc::new(Mutex::new(0_usize));
        let rounds = scaled(2_000);
        let work = || {
            let mutex = mutex.clone();
            move || {
                for i in 0..rounds {
                    let mut value = mutex.lock();
                    let before = *value;
                    if i % 50 == 0 {
                        yield_now();
                    }
                    *value = before + 1;
                }
            }
        };
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(work())).collect();
        let goroutines: Vec<_> = (0..3).map(|_| spawn(work())).collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*mutex.lock(), 6 * rounds);
    }

    // RU08: the waiters on both sides are parked, and not merely late.
    fn a_thread_wakes_a_parked_goroutine_and_the_reverse() {
        let mutex = leaked(0);
        for _ in 0..50 {
            let held = mutex.lock();
            let parked = spawn(move || *mutex.lock() += 1);
            settle();
            assert_eq!(waiting_for_a_mutex(), 1);
            thread::spawn(move || drop(held));
            parked.join().unwrap();

            let (locked, wait) = bounded(0);
            let held = mutex.lock();
            let blocked = thread::spawn(move || {
                locked.send(()).unwrap();
                *mutex.lock() += 1;
            });
            wait.recv().unwrap();
            spawn(move || drop(held)).join().unwrap();
            blocked.join().unwrap();
        }
        assert_eq!(*mutex.lock(), 100);
    }

    // PA29
    fn a_panic_releases_the_lock() {
        let mutex = Arc::new(Mutex::new(0));
        let handles: Vec<_> = (0..1_000)
            .map(|i| {
                let mutex = mutex.clone();
                spawn(move || {
                    let mut value = mutex.lock();
                    *value += 1;
                    if i % 10 == 0 {
                        std::panic::resume_unwind(Box::new(i));
                    }
                })
            })
            .collect();
        let panicked = handles.into_iter().filter_map(|handle| handle.join().err()).count();
        assert_eq!((panicked, *mutex.lock()), (100, 1_000));
    }

    // RW13: for a mutex.
    fn a_mapped_guard_keeps_the_mutex_locked() {
        let mutex: &Mutex<(i32, [i32; 2])> = Box::leak(Box::new(Mutex::new((1, [2, 3]))));
        let guard = MutexGuard::map(mutex.lock(), |all| &mut all.1);
        assert!(mutex.try_lock().is_err());
        let mut guard = MappedMutexGuard::map(guard, |two| &mut two[1]);
        assert!(mutex.try_lock().is_err());
        *guard = 7;
        assert_eq!(format!("{guard:?} {guard}"), "7 7");
        drop(guard);
        assert_eq!(*mutex.try_lock().unwrap(), (1, [2, 7]));
        assert!(recover(|| MutexGuard::map(mutex.lock(), |_| -> &mut i32 { panic!("on purpose") })).is_err());
        assert!(mutex.try_lock().is_ok());
        // The guard of another goroutine wakes the waiter.
        let guard = MutexGuard::map(mutex.lock(), |all| &mut all.0);
        let waits = parked(WaitReason::MutexLock, || mutex.lock().0);
        spawn(move || { let mut guard = guard; *guard = 8; }).join().unwrap();
        assert_eq!(waits.join().unwrap(), 8);
    }
}
