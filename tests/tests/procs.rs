//! SC18, SC19: changing the number of Ps while everything runs.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{max_procs, metrics, num_goroutines, set_max_procs};
use gort::time::{after_func, sleep};
use gort_tests::{Random, always_migrates, claims, run_child, seed};
use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

/// Starts `n` goroutines that spin until all of them run at the same time, and waits for them.
fn meet(n: usize) {
    let here = Arc::new(AtomicUsize::new(0));
    let all: Vec<_> = (0..n)
        .map(|_| {
            let here = here.clone();
            spawn(move || {
                here.fetch_add(1, SeqCst);
                while here.load(SeqCst) < n {
                    spin_loop();
                }
            })
        })
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
}

claims! {
    // SC18
    fn the_number_changes_a_thousand_times_under_work() {
        let seed = seed();
        let mut random = Random::new(seed);
        let (jobs, work) = bounded::<u64>(4);
        let (results, sums) = unbounded();
        for _ in 0..100 {
            let (work, results) = (work.clone(), results.clone());
            spawn(move || {
                let mut sum = 0;
                for job in work {
                    sum += job;
                    yield_now();
                }
                results.send(sum).unwrap();
            });
        }
        drop(results);
        for i in 0..1_000 {
            set_max_procs(1 + random.below(8) as usize);
            (0..20).for_each(|k| jobs.send(20 * i + k).unwrap());
        }
        drop(jobs);
        assert_eq!(sums.iter().sum::<u64>(), 20_000 * 19_999 / 2, "seed {seed}");
        while num_goroutines() > 1 {
            yield_now();
        }
    }

    // SC18
    fn the_old_number_is_returned_and_zero_changes_nothing() {
        let before = max_procs();
        assert_eq!(set_max_procs(0), before);
        assert_eq!(set_max_procs(5), before);
        assert_eq!(max_procs(), 5);
        assert_eq!(set_max_procs(1_000_000), 5);
        assert_eq!(max_procs(), 1024);
        assert_eq!(set_max_procs(before), 1024);
    }

    // SC18
    fn more_ps_run_more_goroutines_at_once() {
        set_max_procs(4);
        meet(4);
        set_max_procs(6);
        meet(6);
    }

    // SC18: a timer that was armed on a P that is now surplus still starts its goroutine.
    fn functions_of_a_surplus_p_are_called_nevertheless() {
        set_max_procs(8);
        let here = Arc::new(AtomicUsize::new(0));
        let calls = Arc::new(AtomicUsize::new(0));
        let armers: Vec<_> = (0..8).map(|_| {
            let (here, calls) = (here.clone(), calls.clone());
            spawn(move || {
                here.fetch_add(1, SeqCst);
                while here.load(SeqCst) < 8 {
                    spin_loop();
                }
                after_func(Duration::from_millis(30), move || {
                    calls.fetch_add(1, SeqCst);
                });
            })
        }).collect();
        armers.into_iter().for_each(|armer| armer.join().unwrap());
        set_max_procs(1);
        // The one remaining P is busy all the time.
        while calls.load(SeqCst) < 8 {
            yield_now();
        }
    }

    // SC18
    fn sleepers_of_a_surplus_p_wake_up_nevertheless() {
        set_max_procs(8);
        // Each starts on a P of its own, and sleeps there.
        let here = Arc::new(AtomicUsize::new(0));
        let sleepers: Vec<_> = (0..8)
            .map(|_| {
                let here = here.clone();
                spawn(move || {
                    here.fetch_add(1, SeqCst);
                    while here.load(SeqCst) < 8 {
                        spin_loop();
                    }
                    let started = Instant::now();
                    sleep(Duration::from_millis(30));
                    assert!(started.elapsed() >= Duration::from_millis(30));
                })
            })
            .collect();
        while here.load(SeqCst) < 8 {
            yield_now();
        }
        set_max_procs(1);
        // The one remaining P is busy all the time.
        let stop = Arc::new(AtomicBool::new(false));
        let busy = { let stop = stop.clone(); spawn(move || while !stop.load(SeqCst) { yield_now() }) };
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        stop.store(true, SeqCst);
        busy.join().unwrap();
    }

    // SC18
    fn what_was_queued_on_a_surplus_p_is_run() {
        for round in 0..50 {
            set_max_procs(8);
            let ran = Arc::new(AtomicUsize::new(0));
            let all: Vec<_> = (0..8)
                .map(|_| {
                    let ran = ran.clone();
                    spawn(move || {
                        let children: Vec<_> = (0..20)
                            .map(|_| { let ran = ran.clone(); spawn(move || { ran.fetch_add(1, SeqCst); }) })
                            .collect();
                        children.into_iter().for_each(|child| child.join().unwrap());
                    })
                })
                .collect();
            set_max_procs(1 + round % 3);
            all.into_iter().for_each(|one| one.join().unwrap());
            assert_eq!(ran.load(SeqCst), 160);
        }
    }

    // SC18: the goroutine in `runnext` too, while the other P has enough to do.
    fn what_was_to_run_next_on_a_surplus_p_is_run() {
        for _ in 0..40 {
            set_max_procs(2);
            let flag = || Arc::new(AtomicBool::new(false));
            let (runs, ran) = (flag(), flag());
            let (done, end) = bounded::<()>(0);
            // This goroutine is stolen, and so runs on the P that becomes surplus.
            let last = go!(clone [runs, ran]; {
                runs.store(true, SeqCst);
                go!(move || ran.store(true, SeqCst));
                set_max_procs(1);
                end.recv().unwrap_err();
            });
            // This goroutine stays on the P that remains, and yields until the other one has run.
            let busy = go!(clone [ran]; {
                let since = Instant::now();
                while !runs.load(SeqCst) {
                    spin_loop();
                }
                while !ran.load(SeqCst) && since.elapsed() < Duration::from_secs(10) {
                    yield_now();
                }
            });
            busy.join().unwrap();
            assert!(ran.load(SeqCst), "the goroutine in `runnext` does not run");
            drop(done);
            last.join().unwrap();
        }
    }

    // SC18: a goroutine that runs on a surplus P gives the P up when it enters the runtime.
    fn goroutines_that_yield_do_not_keep_a_surplus_p() {
        const PS: usize = 4;
        if always_migrates() {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        // With main there is one goroutine for each P, so no P is ever idle.
        let others: Vec<_> = (1..PS)
            .map(|_| {
                let stop = stop.clone();
                spawn(move || {
                    while !stop.load(SeqCst) {
                        yield_now();
                    }
                })
            })
            .collect();
        let yield_until = |holds: &dyn Fn(usize) -> bool| {
            let until = Instant::now() + Duration::from_secs(60);
            while !holds(metrics().running) {
                assert!(Instant::now() < until, "{} run", metrics().running);
                yield_now();
            }
        };
        set_max_procs(PS);
        yield_until(&|running| running == PS);
        set_max_procs(1);
        // Only main runs for some time. It yields between any two looks, because in a longer turn
        // it would lose its P, and run at the same time as the goroutine that gets the P.
        let in_a_row = Cell::new(0);
        yield_until(&|running| {
            in_a_row.set(if running == 1 { in_a_row.get() + 1 } else { 0 });
            in_a_row.get() == 3_000
        });
        stop.store(true, SeqCst);
        others.into_iter().for_each(|one| one.join().unwrap());
    }

    // SC18
    fn goroutines_that_compute_do_not_keep_a_surplus_p() {
        set_max_procs(4);
        let stop = Arc::new(AtomicBool::new(false));
        let all: Vec<_> = (0..4)
            .map(|_| { let stop = stop.clone(); spawn(move || while !stop.load(SeqCst) { spin_loop() }) })
            .collect();
        sleep(Duration::from_millis(1));
        set_max_procs(1);
        sleep(Duration::from_millis(1));
        stop.store(true, SeqCst);
        all.into_iter().for_each(|one| one.join().unwrap());
    }
}

// SC19
#[test]
fn a_thousand_ps_start_and_end() {
    let test = "procs::a_thousand_ps_start_and_end";
    if gort_tests::role().is_some() {
        gort::runtime::run(|| {
            let all: Vec<_> = (0..10_000).map(|i: u64| spawn(move || i)).collect();
            let sum: u64 = all.into_iter().map(|one| one.join().unwrap()).sum();
            assert_eq!(sum, 10_000 * 9_999 / 2);
        });
        return;
    }
    let ended = run_child(test, "body", &[("GORT_MAXPROCS", "1024")]);
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
}
