//! WG: wait groups, between goroutines and plain threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::{WaitReason, goroutines};
use gort_tests::{Random, claims, parked, seed, settle};
use std::any::Any;
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

const ROUNDS: usize = if cfg!(debug_assertions) {
    1_000
} else {
    10_000
};

fn message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().unwrap(),
    }
}

/// Plain data that only the wait group protects.
struct Plain(UnsafeCell<usize>);
// SAFETY: the tests read only after waiting for the writers.
unsafe impl Sync for Plain {}

claims! {
    // WG01
    fn all_waiters_are_released_together_and_none_early() {
        let (barrier, ended) = (WaitGroup::new(), WaitGroup::new());
        for _ in 0..8 {
            barrier.add(16);
            ended.add(16);
            let (tx, rx) = bounded(16);
            let passed = Arc::new(AtomicUsize::new(0));
            for _ in 0..16 {
                let (barrier, ended) = (barrier.clone(), ended.clone());
                let (tx, passed) = (tx.clone(), passed.clone());
                spawn(move || {
                    barrier.done();
                    barrier.wait();
                    passed.fetch_add(1, SeqCst);
                    ended.done();
                    ended.wait();
                    tx.send(passed.load(SeqCst)).unwrap();
                });
            }
            ended.wait();
            drop(tx);
            assert!(rx.iter().eq([16; 16]));
        }
    }

    // WG01
    fn waiters_stay_until_the_last_done() {
        let wg = WaitGroup::new();
        wg.add(16);
        let passed = Arc::new(AtomicUsize::new(0));
        let waiters: Vec<_> = (0..16)
            .map(|_| {
                let (wg, passed) = (wg.clone(), passed.clone());
                spawn(move || {
                    wg.wait();
                    passed.fetch_add(1, SeqCst);
                })
            })
            .collect();
        for _ in 0..16 {
            settle();
            assert_eq!(passed.load(SeqCst), 0);
            let waiting = goroutines()
                .into_iter()
                .filter(|info| info.reason == WaitReason::WaitGroupWait);
            assert_eq!(waiting.count(), 16);
            wg.done();
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(passed.load(SeqCst), 16);
    }

    // WG02
    fn a_counter_below_zero_panics() {
        let wg = WaitGroup::new();
        wg.add(1);
        wg.done();
        let payload = recover(|| wg.done()).unwrap_err();
        assert_eq!(message(&*payload), "sync: negative WaitGroup counter");
        // The group is unchanged.
        wg.wait();
        wg.add(1);
        wg.done();
        wg.wait();
    }

    // WG02
    fn an_absurd_count_panics() {
        let wg = WaitGroup::new();
        wg.add(i32::MAX as usize);
        for n in [1, i32::MAX as usize, u32::MAX as usize + 1, usize::MAX] {
            let payload = recover(|| wg.add(n)).unwrap_err();
            assert_eq!(message(&*payload), "sync: WaitGroup counter overflow");
        }
    }

    // WG03
    fn waiting_for_nothing_returns_at_once() {
        let wg = WaitGroup::default();
        (0..3).for_each(|_| wg.wait());
        wg.add(0);
        wg.wait();
        wg.add(2);
        wg.done();
        wg.done();
        (0..3).for_each(|_| wg.wait());
    }

    // WG04
    fn wait_never_returns_early() {
        let wg = WaitGroup::new();
        for _ in 0..ROUNDS {
            let n = Arc::new(AtomicUsize::new(0));
            wg.add(2);
            for _ in 0..2 {
                let (wg, n) = (wg.clone(), n.clone());
                spawn(move || {
                    n.fetch_add(1, Relaxed);
                    wg.done();
                });
            }
            wg.wait();
            assert_eq!(n.load(Relaxed), 2);
        }
    }

    // WG05
    fn go_counts_its_goroutine() {
        let wg = WaitGroup::new();
        let i = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..100)
            .map(|n| {
                let i = i.clone();
                wg.go(move || {
                    i.fetch_add(1, Relaxed);
                    n
                })
            })
            .collect();
        wg.wait();
        assert_eq!(i.load(Relaxed), 100);
        let results = handles.into_iter().map(|handle| handle.join().unwrap());
        assert!(results.eq(0..100));
    }

    // WG05: `go` counts down also when the function panics or exits.
    fn go_counts_down_on_panic_and_exit() {
        let wg = WaitGroup::new();
        let panicked = wg.go(|| panic!("counted down nevertheless"));
        wg.wait();
        let exited = wg.go(|| goexit());
        wg.wait();
        assert!(panicked.join().unwrap_err().is_panic());
        assert!(exited.join().unwrap_err().is_exited());
    }

    // WG05: what the function captured is dropped before the waiter continues.
    fn go_drops_the_captures_before_it_counts_down() {
        let wg = WaitGroup::new();
        for round in 0..ROUNDS {
            let captured = Arc::new(());
            let held = captured.clone();
            drop(wg.go(move || {
                let _held = held;
                if round % 100 == 1 {
                    std::panic::resume_unwind(Box::new(round));
                }
            }));
            wg.wait();
            assert_eq!(Arc::strong_count(&captured), 1);
        }
    }

    // WG06: the wait may or may not see the add, and nothing else may happen.
    fn add_that_races_with_wait_corrupts_nothing() {
        let wg = WaitGroup::new();
        let seed = seed();
        let workers: Vec<_> = (0..3)
            .map(|i| {
                let (wg, mut random) = (wg.clone(), Random::new(seed + i));
                spawn(move || {
                    for _ in 0..ROUNDS {
                        match random.below(4) {
                            0 => wg.wait(),
                            1 => yield_now(),
                            _ => {
                                wg.add(1);
                                if random.below(2) == 0 {
                                    yield_now();
                                }
                                wg.done();
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            assert!(worker.join().is_ok(), "seed {seed}");
        }
        wg.wait();
        assert_eq!(format!("{wg:?}"), "WaitGroup { count: 0, waiting: 0 }", "seed {seed}");
    }

    // WG07: no wake-up is lost, and no wait returns before a count that came before it.
    fn reuse_before_the_waiters_have_returned_loses_no_wake_up() {
        let wg = WaitGroup::new();
        let waiter = {
            let wg = wg.clone();
            spawn(move || (0..ROUNDS).for_each(|_| wg.wait()))
        };
        for i in 0..ROUNDS {
            wg.add(1);
            let ran = Arc::new(AtomicBool::new(false));
            let worker = spawn({
                let (wg, ran) = (wg.clone(), ran.clone());
                move || {
                    ran.store(true, SeqCst);
                    wg.done();
                }
            });
            wg.wait();
            assert!(ran.load(SeqCst), "round {i}");
            drop(worker);
        }
        waiter.join().unwrap();
    }

    // WG08
    fn waiting_in_the_loop_that_starts_the_jobs_waits_for_ever() {
        let wg = WaitGroup::new();
        wg.add(2);
        let released = Arc::new(AtomicBool::new(false));
        let starter = {
            let (wg, released) = (wg.clone(), released.clone());
            spawn(move || {
                for _ in 0..2 {
                    let job = wg.clone();
                    spawn(move || job.done());
                    wg.wait();
                    if released.load(SeqCst) {
                        return;
                    }
                }
            })
        };
        settle();
        assert!(!starter.is_finished());
        let id = starter.goroutine().id();
        let starter_info = goroutines().into_iter().find(|info| info.id == id).unwrap();
        assert_eq!(starter_info.reason.to_string(), "sync.WaitGroup.Wait");
        assert!(starter_info.at.unwrap().file().ends_with("waitgroup.rs"));
        released.store(true, SeqCst);
        wg.done();
        starter.join().unwrap();
    }

    // WG09
    fn what_happened_before_done_is_seen_after_wait() {
        for _ in 0..ROUNDS {
            let wg = WaitGroup::new();
            let cells: Arc<Vec<_>> =
                Arc::new((0..4).map(|_| Plain(UnsafeCell::new(0))).collect());
            for i in 0..4 {
                let cells = cells.clone();
                drop(wg.go(move || {
                    // SAFETY: cell `i` belongs to this goroutine until it calls `done`.
                    unsafe { *cells[i].0.get() = i + 1 };
                }));
            }
            wg.wait();
            // SAFETY: the writers are done.
            let sum: usize = cells.iter().map(|cell| unsafe { *cell.0.get() }).sum();
            assert_eq!(sum, 10);
        }
    }

    // RU08
    fn goroutines_wait_for_threads_and_threads_for_goroutines() {
        for _ in 0..20 {
            let (wg, n) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            let work = || {
                wg.add(1);
                let (wg, n) = (wg.clone(), n.clone());
                move || {
                    n.fetch_add(1, SeqCst);
                    wg.done();
                }
            };
            (0..8).for_each(|_| drop(spawn(work())));
            (0..4).for_each(|_| drop(thread::spawn(work())));
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let (wg, n) = (wg.clone(), n.clone());
                    thread::spawn(move || {
                        wg.wait();
                        n.load(SeqCst)
                    })
                })
                .collect();
            wg.wait();
            assert_eq!(n.load(SeqCst), 12);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), 12);
            }
        }
    }

    // RU08: the waiters on both sides are parked, and not merely late.
    fn a_thread_releases_a_parked_goroutine_and_the_reverse() {
        for _ in 0..100 {
            let wg = WaitGroup::new();
            wg.add(1);
            let parked = spawn({
                let wg = wg.clone();
                move || wg.wait()
            });
            settle();
            let releaser = wg.clone();
            thread::spawn(move || releaser.done());
            parked.join().unwrap();

            wg.add(1);
            let blocked = thread::spawn({
                let wg = wg.clone();
                move || wg.wait()
            });
            while !format!("{wg:?}").contains("waiting: 1") {
                yield_now();
            }
            spawn({
                let wg = wg.clone();
                move || wg.done()
            });
            wg.wait();
            // Joining a thread blocks this goroutine's thread and P, which no other goroutine
            // needs.
            blocked.join().unwrap();
        }
    }

    // WG01, WG03: with a limit, and in a select.
    fn waits_that_may_leave_end_at_0_or_when_they_leave() {
        let wg = WaitGroup::new();
        assert!(wg.wait_timeout(Duration::ZERO) && select! { <-wg => true, default => false });
        wg.add(2);
        assert!(!wg.wait_timeout(Duration::ZERO) && !wg.wait_timeout(Duration::from_millis(1)));
        assert!(!select! { <-wg => true, default => false });
        let (other_tx, other) = bounded::<()>(0);
        let leaves = parked(WaitReason::Select, {
            let (wg, other) = (wg.clone(), other.clone());
            move || select! { <-wg => true, _ = <-other => false }
        });
        drop(other_tx);
        assert!(!leaves.join().unwrap());
        let plain = parked(WaitReason::WaitGroupWait, { let wg = wg.clone(); move || wg.wait() });
        let limited = parked(WaitReason::WaitGroupWait, {
            let wg = wg.clone();
            move || assert!(wg.wait_timeout(Duration::MAX))
        });
        let selects = parked(WaitReason::Select, {
            let wg = wg.clone();
            move || select! { <-wg => {}, <-gort::channel::never::<()>() => unreachable!() }
        });
        wg.done();
        settle();
        assert!(!plain.is_finished() && !limited.is_finished() && !selects.is_finished());
        wg.done();
        for waiter in [plain, limited, selects] {
            waiter.join().unwrap();
        }
    }

    // WG04, WG07: groups are used again and again, by waiters of all kinds, some of which leave.
    fn waits_that_may_leave_are_not_lost_and_see_what_was_done() {
        let left = Arc::new(AtomicUsize::new(0));
        for round in 0..ROUNDS {
            let (wg, work) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            wg.add(2);
            let waiters: Vec<_> = (0..4)
                .map(|n| {
                    let (wg, work, left) = (wg.clone(), work.clone(), left.clone());
                    spawn(move || {
                        let done = match n {
                            0 => wg.wait_timeout(Duration::from_micros(round as u64 % 40)),
                            1 => select! {
                                <-wg => true,
                                after(Duration::from_micros(round as u64 % 40)) => false,
                            },
                            2 => select! { <-wg => true, <-gort::channel::never::<()>() => false },
                            _ => wg.wait_timeout(Duration::MAX),
                        };
                        if done {
                            assert_eq!(work.load(Relaxed), 2);
                        } else {
                            assert!(n < 2);
                            left.fetch_add(1, Relaxed);
                        }
                    })
                })
                .collect();
            for _ in 0..2 {
                let (wg, work) = (wg.clone(), work.clone());
                spawn(move || {
                    work.fetch_add(1, Relaxed);
                    wg.done();
                });
            }
            wg.wait();
            assert_eq!(work.load(Relaxed), 2);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            assert!(format!("{wg:?}").contains("waiting: 0"), "{wg:?}");
        }
        println!("{} of {} left", left.load(SeqCst), 2 * ROUNDS);
    }
}
