//! CO: condition variables, between goroutines and plain threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::WaitReason::{CondWait, MutexLock};
use gort::sync::Condvar;
use gort::time::sleep;
use gort_tests::{claims, parked, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(100);

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}

/// Returns a mutex and a condition variable that live for ever.
fn leaked<T: Send>(value: T) -> (&'static Mutex<T>, &'static Condvar) {
    (
        Box::leak(Box::new(Mutex::new(value))),
        Box::leak(Box::new(Condvar::new())),
    )
}

claims! {
    // CO01
    fn waiting_releases_the_lock_and_takes_it_again() {
        let (mutex, cond) = leaked(0);
        let (tx, rx) = bounded(0);
        let waiter = parked(CondWait, move || {
            let mut guard = cond.wait(mutex.lock());
            assert!(mutex.try_lock().is_err());
            *guard += 1;
            tx.send(()).unwrap();
            assert!(mutex.try_lock().is_err());
            *guard
        });
        let guard = mutex.try_lock().unwrap();
        cond.notify_one();
        settle();
        // The waiter was notified, but the lock is held.
        assert_eq!((waiting(CondWait), waiting(MutexLock)), (0, 1));
        drop(guard);
        rx.recv().unwrap();
        assert_eq!(waiter.join().unwrap(), 1);
        assert!(mutex.try_lock().is_ok());
    }

    // CO02
    fn one_notification_wakes_one_waiter() {
        let (mutex, cond) = leaked(0);
        cond.notify_one();
        cond.notify_all();
        let n = 5;
        let waiters: Vec<_> = (0..n)
            .map(|_| parked(CondWait, move || *cond.wait(mutex.lock()) += 1))
            .collect();
        for i in 1..=n {
            cond.notify_one();
            settle();
            assert_eq!((waiting(CondWait), *mutex.lock()), (n - i, i));
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        // This notification is lost, because there is no waiter.
        cond.notify_one();
        let late = parked(CondWait, move || drop(cond.wait(mutex.lock())));
        settle();
        assert!(!late.is_finished());
        cond.notify_one();
        late.join().unwrap();
    }

    // CO03
    fn waiters_are_notified_in_the_order_in_which_they_came() {
        let (mutex, cond) = leaked(());
        let (tx, rx) = unbounded();
        for i in 0..100 {
            let tx = tx.clone();
            parked(CondWait, move || {
                let guard = cond.wait(mutex.lock());
                tx.send(i).unwrap();
                drop(guard);
            });
        }
        for i in 0..100 {
            cond.notify_one();
            assert_eq!(rx.recv(), Ok(i));
            settle();
            assert!(rx.is_empty());
        }
    }

    // CO03: a goroutine that waits again goes to the end of the queue.
    fn notifications_go_round() {
        let (mutex, cond) = leaked(false);
        let (tx, rx) = unbounded();
        let (n, rounds) = (5, 20);
        let waiters: Vec<_> = (0..n)
            .map(|i| {
                let tx = tx.clone();
                parked(CondWait, move || {
                    let mut guard = mutex.lock();
                    while !*guard {
                        guard = cond.wait(guard);
                        tx.send(i).unwrap();
                    }
                })
            })
            .collect();
        for i in 0..n * rounds {
            drop(mutex.lock());
            cond.notify_one();
            assert_eq!(rx.recv(), Ok(i % n));
            // Lets the goroutine wait again.
            settle();
        }
        *mutex.lock() = true;
        cond.notify_all();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    }

    // CO04
    fn notifying_all_wakes_each_waiter_once() {
        let rounds = if cfg!(debug_assertions) { 20 } else { 200 };
        let n = 200;
        let (mutex, cond) = leaked((0_usize, vec![0; n]));
        let (tx, rx) = bounded(n);
        let waiters: Vec<_> = (0..n)
            .map(|i| {
                let tx = tx.clone();
                spawn(move || {
                    for round in 1..=rounds {
                        let mut guard = mutex.lock();
                        tx.send(()).unwrap();
                        guard = cond.wait(guard);
                        // There is no loop around the wait, since no wake-up is spurious.
                        assert_eq!(guard.0, round);
                        guard.1[i] += 1;
                    }
                })
            })
            .collect();
        for round in 1..=rounds {
            (0..n).for_each(|_| rx.recv().unwrap());
            // The last sender holds the mutex until it waits, so here all of them wait.
            let mut guard = mutex.lock();
            assert!(guard.1.iter().all(|&seen| seen == round - 1));
            guard.0 = round;
            drop(guard);
            cond.notify_all();
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(mutex.lock().1.iter().all(|&seen| seen == rounds));
    }

    // CO05
    fn a_later_waiter_takes_no_wake_up_from_an_earlier_one() {
        for round in 0..scaled(200) {
            let (mutex, cond) = leaked(());
            let first = parked(CondWait, move || drop(cond.wait(mutex.lock())));
            let second = spawn(move || drop(cond.wait(mutex.lock())));
            let notifier = spawn(move || {
                if round % 2 == 0 {
                    cond.notify_all();
                } else {
                    cond.notify_one();
                }
            });
            first.join().unwrap();
            notifier.join().unwrap();
            // `second` may have begun to wait after the notification. Another one must wake it.
            while !second.is_finished() {
                cond.notify_one();
                yield_now();
            }
            second.join().unwrap();
        }
    }

    // CO06
    fn no_waiter_wakes_without_a_notification() {
        let (mutex, cond) = leaked(());
        let stop = Arc::new(AtomicBool::new(false));
        let waiters: Vec<_> = (0..100)
            .map(|i| {
                spawn(move || {
                    if i % 2 == 0 {
                        drop(cond.wait(mutex.lock()));
                        true
                    } else {
                        let (guard, result) = cond.wait_timeout(mutex.lock(), LONG);
                        drop(guard);
                        !result.timed_out()
                    }
                })
            })
            .collect();
        settle();
        assert_eq!(waiting(CondWait), 100);
        // Makes traffic on the mutex, on another condition variable with the same mutex, and on
        // timers.
        let other = Arc::new(Condvar::new());
        let busy: Vec<_> = (0..4)
            .map(|i| {
                go!(clone [stop, other]; {
                    while !stop.load(SeqCst) {
                        let guard = mutex.lock();
                        if i < 2 {
                            drop(other.wait_timeout(guard, Duration::from_micros(100)));
                        } else {
                            drop(guard);
                            other.notify_all();
                            sleep(Duration::from_micros(10));
                        }
                    }
                })
            })
            .collect();
        sleep(Duration::from_millis(300));
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        stop.store(true, SeqCst);
        busy.into_iter().for_each(|one| one.join().unwrap());
        assert_eq!(waiting(CondWait), 100);
        cond.notify_all();
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
    }

    // CO08
    fn the_lock_may_be_held_or_not_when_notifying() {
        for held in [false, true] {
            let (mutex, cond) = leaked(0_usize);
            let n = scaled(1_000);
            let consumers: Vec<_> = (0..2)
                .map(|_| {
                    spawn(move || {
                        for _ in 0..n / 2 {
                            let mut guard = cond.wait_while(mutex.lock(), |there| *there == 0);
                            *guard -= 1;
                        }
                    })
                })
                .collect();
            for _ in 0..n {
                let mut guard = mutex.lock();
                *guard += 1;
                if held {
                    cond.notify_one();
                } else {
                    drop(guard);
                    cond.notify_one();
                }
            }
            consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
            assert_eq!(*mutex.lock(), 0);
        }
    }

    fn a_wait_with_a_time_limit_gives_up() {
        let (mutex, cond) = leaked(0);
        for limit in [Duration::ZERO, SHORT] {
            let started = Instant::now();
            let (guard, result) = cond.wait_timeout(mutex.lock(), limit);
            assert!(result.timed_out());
            assert!(started.elapsed() >= limit);
            assert!(mutex.try_lock().is_err());
            drop(guard);
            let on_thread = thread::spawn(move || {
                let (guard, result) = cond.wait_timeout(mutex.lock(), limit);
                drop(guard);
                result.timed_out()
            });
            assert!(on_thread.join().unwrap());
            let mut calls = 0;
            let (guard, result) = cond.wait_timeout_while(mutex.lock(), limit, |_| {
                calls += 1;
                true
            });
            assert!(result.timed_out());
            assert!(calls >= 1);
            drop(guard);
        }
        // A waiter that gave up takes no notification from another one.
        let waiter = parked(CondWait, move || drop(cond.wait(mutex.lock())));
        cond.notify_one();
        waiter.join().unwrap();
    }

    fn a_wait_with_a_time_limit_is_notified_in_time() {
        let (mutex, cond) = leaked(0);
        for limit in [LONG, Duration::MAX] {
            let waiter = parked(CondWait, move || {
                let (guard, result) = cond.wait_timeout(mutex.lock(), limit);
                drop(guard);
                result.timed_out()
            });
            cond.notify_one();
            assert!(!waiter.join().unwrap());
            let waiter = parked(CondWait, move || {
                let (guard, result) = cond.wait_timeout_while(mutex.lock(), limit, |n| *n == 0);
                (*guard, result.timed_out())
            });
            for _ in 0..3 {
                cond.notify_all();
                settle();
                assert_eq!(waiting(CondWait), 1);
            }
            *mutex.lock() = 1;
            cond.notify_one();
            assert_eq!(waiter.join().unwrap(), (1, false));
            *mutex.lock() = 0;
        }
    }

    fn a_race_of_notifying_and_giving_up_loses_nothing() {
        let (mutex, cond) = leaked(());
        for round in 0..scaled(200) {
            let limit = Duration::from_micros(50 + round as u64 % 50);
            let woken = Arc::new(AtomicUsize::new(0));
            let may_give_up = go!(clone [woken]; {
                let (guard, result) = cond.wait_timeout(mutex.lock(), limit);
                drop(guard);
                woken.fetch_add(usize::from(!result.timed_out()), SeqCst);
            });
            settle();
            let behind = go!(clone [woken]; {
                drop(cond.wait(mutex.lock()));
                woken.fetch_add(1, SeqCst);
            });
            settle();
            sleep(limit / 2);
            cond.notify_one();
            may_give_up.join().unwrap();
            settle();
            // Exactly one of the two waiters got the notification.
            assert_eq!(woken.load(SeqCst), 1, "round {round}");
            cond.notify_one();
            behind.join().unwrap();
        }
    }

    // RU08
    fn threads_and_goroutines_notify_each_other() {
        let (mutex, cond) = leaked(0);
        let rounds = scaled(200);
        let player = move |me: usize| {
            move || {
                for _ in 0..rounds {
                    let mut turn = cond.wait_while(mutex.lock(), |turn| *turn != me);
                    *turn = (me + 1) % 4;
                    cond.notify_all();
                }
            }
        };
        let goroutines = [spawn(player(0)), spawn(player(2))];
        let threads = [thread::spawn(player(1)), thread::spawn(player(3))];
        goroutines.into_iter().for_each(|one| one.join().unwrap());
        threads.into_iter().for_each(|one| one.join().unwrap());
        assert_eq!(*mutex.lock(), 0);
    }

    // PA: nothing cancels an exit.
    fn an_exiting_goroutine_does_not_wait() {
        let (mutex, cond) = leaked(());
        let ended = spawn(move || {
            drop(std::panic::catch_unwind(|| goexit()));
            drop(cond.wait(mutex.lock()));
            unreachable!();
        })
        .join();
        assert!(ended.as_ref().is_err_and(|e| e.is_exited()), "{ended:?}");
        assert!(mutex.try_lock().is_ok());
        assert_eq!(format!("{cond:?}"), "Condvar { .. }");
    }
}
