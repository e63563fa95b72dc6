//! SM: the weighted semaphore, between goroutines and plain threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason;
use gort::sync::{AcquireError, Permit, Semaphore};
use gort_tests::{Random, claims, parked, resident_bytes, seed, settle, waiting};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n / 10 } else { n }
}

const SOON: Duration = Duration::from_millis(10);

fn message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().unwrap(),
    }
}

/// Returns whether `n` permits are available now, and releases them.
fn fits(semaphore: &Semaphore, n: usize) -> bool {
    semaphore.try_acquire(n).is_ok()
}

/// Starts a goroutine that acquires, and returns when it is parked.
fn waits_for(semaphore: &Semaphore, n: usize) -> JoinHandle<Permit> {
    let semaphore = semaphore.clone();
    parked(WaitReason::Semacquire, move || semaphore.acquire(n))
}

claims! {
    // SM01
    fn the_weight_is_never_exceeded() {
        const WEIGHT: usize = 8;
        let semaphore = Semaphore::new(WEIGHT);
        let in_use = Arc::new(AtomicUsize::new(0));
        let rounds = scaled(10_000);
        let seed = seed();
        let users: Vec<_> = (0..WEIGHT)
            .map(|n| {
                let (semaphore, in_use) = (semaphore.clone(), in_use.clone());
                let mut random = Random::new(seed + n as u64);
                spawn(move || {
                    for _ in 0..rounds {
                        let permit = match random.below(4) {
                            0 => match semaphore.try_acquire(n) {
                                Ok(permit) => permit,
                                Err(_) => continue,
                            },
                            1 => match semaphore.acquire_timeout(n, Duration::from_micros(20)) {
                                Ok(permit) => permit,
                                Err(_) => continue,
                            },
                            2 => select! { permit = <-semaphore.acquire_request(n) => permit },
                            _ => semaphore.acquire(n),
                        };
                        assert!(in_use.fetch_add(n, SeqCst) + n <= WEIGHT, "seed {seed}");
                        if random.below(3) == 0 {
                            yield_now();
                        }
                        in_use.fetch_sub(n, SeqCst);
                        drop(permit);
                    }
                })
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!(semaphore.available_permits(), WEIGHT, "seed {seed}");
        assert!(fits(&semaphore, WEIGHT));
    }

    // SM02: a permit releases what it holds, so the only mistake left is to add too many.
    fn more_permits_than_can_be_counted_panic() {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire(1);
        // Permits that are out count as well.
        let payload = recover(|| semaphore.add_permits(Semaphore::MAX_PERMITS)).unwrap_err();
        assert!(message(&*payload).contains("too many for a semaphore"));
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
        semaphore.add_permits(Semaphore::MAX_PERMITS - 1);
        assert!(recover(|| semaphore.add_permits(1)).is_err());
        let all = semaphore.acquire(Semaphore::MAX_PERMITS);
        assert_eq!(semaphore.available_permits(), 0);
        drop(all);
        assert!(!fits(&semaphore, usize::MAX));
        let payload = recover(|| Semaphore::new(usize::MAX)).unwrap_err();
        assert!(message(&*payload).contains("size out of range"));
    }

    // SM03
    fn try_acquire_takes_what_is_there_and_no_more() {
        let semaphore = Semaphore::new(2);
        let one = semaphore.acquire(1);
        let two = semaphore.try_acquire(1).unwrap();
        assert_eq!(semaphore.try_acquire(1).unwrap_err(), AcquireError::WouldBlock);
        drop((one, two));
        assert!(fits(&semaphore, 1));
        let _two = semaphore.acquire(2);
        assert!(!fits(&semaphore, 1));
        assert!(fits(&semaphore, 0));
    }

    // SM04
    fn a_timeout_or_a_cancelled_context_takes_nothing() {
        let semaphore = Semaphore::new(2);
        let _one = semaphore.acquire(1);
        let two = semaphore.acquire_timeout(1, SOON).unwrap();
        assert_eq!(semaphore.acquire_timeout(1, SOON).unwrap_err(), AcquireError::Timeout);
        assert_eq!(semaphore.acquire_timeout(1, Duration::ZERO).unwrap_err(), AcquireError::Timeout);
        drop(two);
        let two = semaphore.acquire_timeout(1, Duration::ZERO).unwrap();
        let (ctx, cancel) = Context::background().with_timeout(SOON);
        let permit = select! {
            <-ctx => None,
            permit = <-semaphore.acquire_request(1) => Some(permit),
        };
        assert!(permit.is_none());
        cancel.cancel();
        drop(two);
        assert_eq!(semaphore.available_permits(), 1);
        assert!(fits(&semaphore, 1));
    }

    // SM05
    fn an_impossible_request_waits_and_holds_up_no_other_request() {
        let semaphore = Semaphore::new(2);
        let impossible = waits_for(&semaphore, 3);
        for _ in 0..3 {
            let (a, b) = (semaphore.acquire(1), semaphore.try_acquire(1).unwrap());
            assert!(!fits(&semaphore, 1));
            drop((a, b));
        }
        // Nor does it hold up a request that has to wait.
        let both = semaphore.acquire(2);
        let behind = waits_for(&semaphore, 2);
        drop(both);
        drop(behind.join().unwrap());
        settle();
        assert!(!impossible.is_finished());
        // The request is no longer impossible, and is the first in the queue.
        let one = semaphore.acquire(1);
        semaphore.add_permits(1);
        settle();
        assert!(!impossible.is_finished());
        assert!(!fits(&semaphore, 1), "a request waits");
        drop(one);
        assert_eq!(impossible.join().unwrap().num_permits(), 3);
        assert_eq!(semaphore.available_permits(), 3);
    }

    // SM06
    fn a_large_request_does_not_starve() {
        let n = gort::runtime::max_procs() + 1;
        let semaphore = Semaphore::new(n);
        let stop = Arc::new(AtomicBool::new(false));
        let held = semaphore.acquire(n);
        let small: Vec<_> = (0..n)
            .map(|_| {
                let (semaphore, stop) = (semaphore.clone(), stop.clone());
                spawn(move || {
                    while !stop.load(SeqCst) {
                        let permit = semaphore.acquire(1);
                        yield_now();
                        drop(permit);
                    }
                })
            })
            .collect();
        drop(held);
        for _ in 0..10 {
            drop(semaphore.acquire(n));
        }
        stop.store(true, SeqCst);
        small.into_iter().for_each(|small| small.join().unwrap());
    }

    // SM07
    fn a_large_request_that_gives_up_lets_the_small_ones_in() {
        // On a slow machine the time may be up before the small ones wait.
        let waited = [300, 3_000, 30_000].into_iter().any(|limit| {
            let semaphore = Semaphore::new(10);
            let held = semaphore.acquire(1);
            let waiter = semaphore.clone();
            let large = spawn(move || {
                waiter.acquire_timeout(10, Duration::from_millis(limit)).err()
            });
            settle();
            let acquire = || {
                let semaphore = semaphore.clone();
                spawn(move || semaphore.acquire(1))
            };
            let small: Vec<_> = (0..9).map(|_| acquire()).collect();
            settle();
            // The large one is first, and the small ones queue behind it.
            let waited = waiting(WaitReason::Semacquire) == 10;
            assert!(!fits(&semaphore, 1));
            let small: Vec<_> = small.into_iter().map(|small| small.join().unwrap()).collect();
            assert!(large.is_finished() || waiting(WaitReason::Semacquire) == 0);
            assert_eq!(large.join().unwrap(), Some(AcquireError::Timeout));
            assert_eq!(semaphore.available_permits(), 0);
            drop((held, small));
            assert!(fits(&semaphore, 10));
            waited
        });
        assert!(waited, "the small ones overtake the large one");
    }

    // SM07: the same if an arm of a select loses.
    fn an_arm_that_loses_at_the_head_lets_the_small_ones_in() {
        let semaphore = Semaphore::new(10);
        let held = semaphore.acquire(1);
        let (tx, rx) = bounded(0);
        let waiter = semaphore.clone();
        let large = parked(WaitReason::Select, move || {
            select! {
                _ = <-waiter.acquire_request(10) => unreachable!("one is held"),
                told = <-rx => told.unwrap(),
            }
        });
        let small: Vec<_> = (0..9).map(|_| waits_for(&semaphore, 1)).collect();
        assert!(!fits(&semaphore, 1), "the large one is first");
        tx.send(7).unwrap();
        let small: Vec<_> = small.into_iter().map(|small| small.join().unwrap()).collect();
        assert_eq!(large.join().unwrap(), 7);
        drop((held, small));
        assert!(fits(&semaphore, 10));
    }

    // SM07: the same if the select times out, and if the request is in the middle of the queue.
    fn an_arm_whose_time_is_up_lets_those_behind_it_in() {
        let semaphore = Semaphore::new(4);
        let held = semaphore.acquire(3);
        let first = waits_for(&semaphore, 2);
        let waiter = semaphore.clone();
        // `parked` might panic: on a slow machine the time may be up before it sees the goroutine
        // parked.
        let large = spawn(move || {
            select! {
                _ = <-waiter.acquire_request(4) => unreachable!("never all are there"),
                after(SOON) => (),
            }
        });
        large.join().unwrap();
        let last = waits_for(&semaphore, 2);
        drop(held);
        let permits = (first.join().unwrap(), last.join().unwrap());
        assert_eq!(semaphore.available_permits(), 0);
        drop(permits);
        assert!(fits(&semaphore, 4));
    }

    // SM08
    fn permits_are_forgotten_split_and_merged() {
        let semaphore = Semaphore::new(5);
        let mut permit = semaphore.acquire(4);
        assert_eq!(permit.num_permits(), 4);
        assert_eq!(semaphore.available_permits(), 1);
        let mut one = permit.split(1).unwrap();
        assert!(permit.split(4).is_none());
        assert_eq!((permit.num_permits(), one.num_permits()), (3, 1));
        drop(permit.split(1));
        assert_eq!(semaphore.available_permits(), 2);
        one.merge(permit);
        assert_eq!(one.num_permits(), 3);
        one.split(2).unwrap().forget();
        drop(one);
        assert_eq!(semaphore.available_permits(), 3);
        // A permit for 0, and the empty rest of a permit, return nothing.
        semaphore.acquire(0).forget();
        let mut rest = semaphore.acquire(1);
        drop(rest.split(1));
        drop(rest);
        assert_eq!(semaphore.available_permits(), 3);

        let other = Semaphore::new(1);
        let mut permit = semaphore.acquire(3);
        let foreign = other.acquire(1);
        let payload = recover(|| permit.merge(foreign)).unwrap_err();
        assert!(message(&*payload).contains("different semaphores"));
        assert_eq!((permit.num_permits(), other.available_permits()), (3, 1));
    }

    // SM08: forgetting may make the first request impossible. Then that request holds up no other
    // one.
    fn forgetting_lets_others_pass_a_request_that_became_impossible() {
        let semaphore = Semaphore::new(3);
        let mut held = semaphore.acquire(2);
        let first = waits_for(&semaphore, 3);
        let behind = waits_for(&semaphore, 1);
        held.split(1).unwrap().forget();
        drop(behind.join().unwrap());
        settle();
        assert!(!first.is_finished());
        semaphore.add_permits(1);
        drop(held);
        assert_eq!(first.join().unwrap().num_permits(), 3);
    }

    // SM09
    fn all_permits_come_back_from_a_thousand_goroutines() {
        let semaphore = Semaphore::new(5);
        let users: Vec<_> = (0..1_000)
            .map(|_| {
                let semaphore = semaphore.clone();
                spawn(move || {
                    let _permit = semaphore.acquire(1);
                    yield_now();
                })
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        let tried: Vec<_> = (0..6).map(|_| semaphore.try_acquire(1)).collect();
        assert_eq!(tried.iter().filter(|tried| tried.is_ok()).count(), 5);
        assert_eq!(*tried[5].as_ref().unwrap_err(), AcquireError::WouldBlock);
    }

    // Requests are served strictly first in, first out.
    fn waiters_are_served_in_the_order_in_which_they_came() {
        let semaphore = Semaphore::new(3);
        let held = semaphore.acquire(3);
        let (tx, rx) = unbounded();
        let waiters: Vec<_> = [1, 3, 2, 1, 3, 1]
            .into_iter()
            .enumerate()
            .map(|(i, n)| {
                let (semaphore, tx) = (semaphore.clone(), tx.clone());
                parked(WaitReason::Semacquire, move || {
                    let _permit = semaphore.acquire(n);
                    tx.send(i).unwrap();
                    yield_now();
                })
            })
            .collect();
        drop((held, tx));
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        let order: Vec<_> = rx.iter().collect();
        // Requests that fit together were admitted together, and run in any order.
        let position = |i| order.iter().position(|&other| other == i).unwrap();
        assert!(position(0) < position(1) && position(1) < position(2), "{order:?}");
        assert!(position(1) < position(3) && position(2) < position(4), "{order:?}");
        assert!(position(3) < position(4) && position(4) < position(5), "{order:?}");
    }

    // `close` refuses the requests that wait and those that come later.
    fn closing_refuses_waiting_and_later_requests() {
        let semaphore = Semaphore::new(2);
        let held = semaphore.acquire(2);
        let acquirer = semaphore.clone();
        let panics = parked(WaitReason::Semacquire, move || {
            recover(|| acquirer.acquire(1)).unwrap_err()
        });
        let acquirer = semaphore.clone();
        let fails = parked(WaitReason::Semacquire, move || {
            acquirer.acquire_timeout(5, Duration::from_secs(1_000)).unwrap_err()
        });
        let acquirer = semaphore.clone();
        let selects = parked(WaitReason::Select, move || {
            recover(|| select! { _ = <-acquirer.acquire_request(1) => () }).unwrap_err()
        });
        semaphore.close();
        semaphore.close();
        assert!(semaphore.is_closed());
        assert_eq!(message(&*panics.join().unwrap()), "the semaphore is closed");
        assert_eq!(fails.join().unwrap(), AcquireError::Closed);
        assert_eq!(message(&*selects.join().unwrap()), "the semaphore is closed");
        drop(held);
        assert_eq!(semaphore.available_permits(), 2);
        assert_eq!(semaphore.try_acquire(1).unwrap_err(), AcquireError::Closed);
        assert_eq!(semaphore.try_acquire(3).unwrap_err(), AcquireError::Closed);
        assert_eq!(semaphore.acquire_timeout(1, SOON).unwrap_err(), AcquireError::Closed);
        assert!(recover(|| semaphore.acquire(0)).is_err());
    }

    // A losing arm leaves nothing behind, and a chosen one has the permits.
    fn arms_take_part_in_selects_with_everything() {
        let semaphore = Semaphore::new(1);
        let (tx, rx) = bounded(1);
        for _ in 0..scaled(1_000) {
            tx.send(()).unwrap();
            let permit = select! {
                permit = <-semaphore.acquire_request(1) => Some(permit),
                r = <-rx => { r.unwrap(); None }
            };
            if permit.is_some() {
                assert_eq!(semaphore.available_permits(), 0);
                rx.recv().unwrap();
            }
            drop(permit);
            assert_eq!(semaphore.available_permits(), 1);
        }
        let held = semaphore.acquire(1);
        let tried = select! {
            _ = <-semaphore.acquire_request(1) => true,
            default => false,
        };
        assert!(!tried);
        // Three arms wait for one semaphore. The request of the first arm is impossible.
        let waiter = semaphore.clone();
        let twice = parked(WaitReason::Select, move || {
            select! {
                permit = <-waiter.acquire_request(2) => permit,
                permit = <-waiter.acquire_request(1) => permit,
                permit = <-waiter.acquire_request(1) => permit,
            }
        });
        drop(held);
        assert_eq!(twice.join().unwrap().num_permits(), 1);
        assert!(fits(&semaphore, 1));
    }

    // Permits are owned and `Send`. The last handle or permit frees the memory.
    fn permits_travel_and_outlive_the_semaphore() {
        for round in 0..scaled(10_000) {
            let semaphore = Semaphore::new(4);
            let permits: Vec<_> = (0..4).map(|_| semaphore.acquire(1)).collect();
            let handle = spawn({
                let semaphore = semaphore.clone();
                move || drop(semaphore)
            });
            let users: Vec<_> = permits
                .into_iter()
                .enumerate()
                .map(|(i, permit)| {
                    spawn(move || if i == round % 5 { permit.forget() } else { drop(permit) })
                })
                .collect();
            drop(semaphore);
            handle.join().unwrap();
            users.into_iter().for_each(|user| user.join().unwrap());
        }
        let lives = |n: usize| {
            for i in 0..n {
                let semaphore = Semaphore::new(2);
                let permits = [semaphore.acquire(1), semaphore.acquire(1)];
                if i % 2 == 0 {
                    drop(semaphore);
                }
                for (at, permit) in permits.into_iter().enumerate() {
                    if at == i % 3 { permit.forget() } else { drop(permit) }
                }
            }
        };
        lives(1_000);
        let before = resident_bytes();
        lives(scaled(1_000_000));
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 2 << 20, "{grown} bytes more");
    }

    // RU08
    fn goroutines_and_threads_share_a_semaphore() {
        let semaphore = Semaphore::new(2);
        let inside = Arc::new(AtomicUsize::new(0));
        let rounds = scaled(5_000);
        let work = || {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            move || {
                for i in 0..rounds {
                    let permit = semaphore.acquire(1 + i % 2);
                    assert!(inside.fetch_add(permit.num_permits(), SeqCst) < 2);
                    if i % 20 == 0 {
                        yield_now();
                    }
                    inside.fetch_sub(permit.num_permits(), SeqCst);
                }
            }
        };
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(work())).collect();
        let goroutines: Vec<_> = (0..3).map(|_| spawn(work())).collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.available_permits(), 2);
    }

    // Nothing cancels an exit: an exiting goroutine does not wait, and releases what it held.
    fn an_exiting_goroutine_does_not_wait_for_permits() {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire(1);
        let waiter = semaphore.clone();
        let exiting = spawn(move || {
            let _caught = std::panic::catch_unwind(|| goexit());
            drop(waiter.acquire(1));
            unreachable!("would wait");
        });
        assert!(exiting.join().unwrap_err().is_exited());
        drop(held);
        let user = semaphore.clone();
        let exits = spawn(move || {
            let _permit = user.acquire(1);
            goexit();
        });
        assert!(exits.join().unwrap_err().is_exited());
        assert!(fits(&semaphore, 1));
    }

    // SM16
    fn forget_permits_takes_what_is_there_and_no_more() {
        let semaphore = Semaphore::new(10);
        let held = semaphore.acquire(7);
        assert_eq!((semaphore.forget_permits(5), semaphore.available_permits()), (3, 0));
        assert_eq!((semaphore.forget_permits(5), semaphore.forget_permits(0)), (0, 0));
        // More than there are: the request waits and holds up no other one.
        let waiter = waits_for(&semaphore, 8);
        drop(held);
        settle();
        assert!(!waiter.is_finished() && fits(&semaphore, 7));
        semaphore.add_permits(1);
        assert_eq!(waiter.join().unwrap().num_permits(), 8);
        // The order of the waiters stays. A request that has become impossible lets the others
        // pass.
        let held = semaphore.acquire(6);
        let (first, second) = (waits_for(&semaphore, 7), waits_for(&semaphore, 1));
        assert_eq!(semaphore.forget_permits(1), 1);
        settle();
        assert!(!first.is_finished() && !second.is_finished());
        drop(held);
        drop(first.join().unwrap());
        drop(second.join().unwrap());
        let held = semaphore.acquire(6);
        let (first, second) = (waits_for(&semaphore, 7), waits_for(&semaphore, 6));
        assert_eq!(semaphore.forget_permits(9), 1);
        drop(held);
        drop(second.join().unwrap());
        assert!(!first.is_finished());
        semaphore.add_permits(1);
        drop(first.join().unwrap());
        semaphore.close();
        assert_eq!(semaphore.forget_permits(usize::MAX), 7);
        assert_eq!(semaphore.available_permits(), 0);
    }

    // SM16: permits are forgotten while others are acquired and released.
    fn forgotten_permits_are_gone_while_others_are_in_use() {
        let semaphore = Semaphore::new(100);
        let users: Vec<_> = (1..5)
            .map(|n| {
                let semaphore = semaphore.clone();
                spawn(move || for i in 0..scaled(10_000) {
                    let permit = semaphore.acquire(n);
                    if i % 3 == 0 {
                        yield_now();
                    }
                    drop(permit);
                })
            })
            .collect();
        let mut forgotten = 0;
        while forgotten < 90 {
            forgotten += semaphore.forget_permits(90 - forgotten);
            yield_now();
        }
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!(semaphore.available_permits(), 10);
        assert!(!fits(&semaphore, 11) && fits(&semaphore, 10));
    }

    // SM17
    fn counts_beyond_32_bits_are_exact() {
        const BILLION: usize = 1_000_000_000;
        let semaphore = Semaphore::new(6 * BILLION);
        let mut one = semaphore.acquire(3 * BILLION);
        let other = semaphore.acquire(3 * BILLION);
        assert_eq!(semaphore.available_permits(), 0);
        one.merge(other);
        assert_eq!(one.num_permits(), 6 * BILLION);
        let split = one.split(5 * BILLION).unwrap();
        drop(one);
        assert_eq!(semaphore.available_permits(), BILLION);
        drop(split);
        assert_eq!(semaphore.available_permits(), 6 * BILLION);
        assert_eq!(semaphore.forget_permits(5 * BILLION), 5 * BILLION);
        assert!(!fits(&semaphore, BILLION + 1) && fits(&semaphore, BILLION));
        assert!(recover(|| semaphore.add_permits(Semaphore::MAX_PERMITS)).is_err());
        assert!(recover(|| semaphore.add_permits(usize::MAX)).is_err());
        assert_eq!(semaphore.available_permits(), BILLION);
    }
}
