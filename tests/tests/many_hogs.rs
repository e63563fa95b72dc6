//! SC11: many more computing goroutines than there are cores.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort::time::sleep;
use gort_tests::claims;
use std::fs;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Starts `n` goroutines that do not enter the runtime until they are told to stop.
fn hogs(n: usize) -> (Arc<AtomicBool>, Arc<AtomicUsize>, Vec<JoinHandle<()>>) {
    let (stop, started) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let all = (0..n)
        .map(|_| {
            let (stop, started) = (stop.clone(), started.clone());
            spawn(move || {
                started.fetch_add(1, Relaxed);
                while !stop.load(Relaxed) {
                    spin_loop();
                }
            })
        })
        .collect();
    (stop, started, all)
}

claims! {
    // SC11
    fn a_thousand_hogs_leave_a_ticker_usable_and_do_not_get_a_thread_each() {
        // This goroutine has slept once before the hogs come, so it is known not to be one.
        sleep(Duration::from_millis(1));
        let (stop, started, all) = hogs(1_000);
        for _ in 0..100 {
            sleep(Duration::from_millis(1));
        }
        // The runtime lets four hogs for each P and ten more compute on threads without a P, before
        // it puts others on hold. Each time that a hold ends, a few more become hogs. The other
        // threads are sysmon, those of the harness, and idle Ms.
        let (most, threads) = (10 * max_procs() + 40, threads());
        assert!(threads <= most, "{threads} threads, {} started", started.load(Relaxed));
        stop.store(true, Relaxed);
        all.into_iter().for_each(|hog| hog.join().unwrap());
        assert_eq!(started.load(Relaxed), 1_000);
    }

    // SC11
    fn new_goroutines_get_their_turn_among_hogs() {
        sleep(Duration::from_millis(1));
        let (stop, _, all) = hogs(8 * max_procs());
        let newcomers: Vec<_> = (0..100).map(|i| spawn(move || i)).collect();
        let sum: i32 = newcomers.into_iter().map(|handle| handle.join().unwrap()).sum();
        assert_eq!(sum, 4950);
        stop.store(true, Relaxed);
        all.into_iter().for_each(|hog| hog.join().unwrap());
    }

    // SC11
    fn hogs_that_end_let_the_others_in() {
        let sum = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..10 * max_procs())
            .map(|_| {
                let sum = sum.clone();
                spawn(move || {
                    let mut x = 1_u64;
                    for i in 0..5_000_000_u64 {
                        x = std::hint::black_box(x.wrapping_mul(i | 1));
                    }
                    sum.fetch_add(1, Relaxed);
                })
            })
            .collect();
        let n = all.len();
        all.into_iter().for_each(|hog| hog.join().unwrap());
        assert_eq!(sum.load(Relaxed), n);
    }

    // SC11
    fn endless_ones_that_come_one_after_another_do_not_get_a_thread_each() {
        sleep(Duration::from_millis(1));
        let all: Vec<_> = (0..100)
            .map(|_| {
                sleep(Duration::from_millis(10));
                hogs(1)
            })
            .collect();
        let (most, threads) = (10 * max_procs() + 60, threads());
        assert!(threads <= most, "{threads} threads");
        all.iter().for_each(|(stop, ..)| stop.store(true, Relaxed));
        for (_, started, hog) in all {
            hog.into_iter().for_each(|hog| hog.join().unwrap());
            assert_eq!(started.load(Relaxed), 1);
        }
    }

    // The threads were started beside goroutines that compute, and for goroutines that block.
    fn threads_that_are_not_needed_any_more_end() {
        sleep(Duration::from_millis(1));
        let (stop, _, all) = hogs(4 * max_procs());
        let asleep: Vec<_> = (0..60)
            .map(|_| spawn(|| thread::sleep(Duration::from_millis(500))))
            .collect();
        asleep.into_iter().for_each(|one| one.join().unwrap());
        stop.store(true, Relaxed);
        all.into_iter().for_each(|hog| hog.join().unwrap());
        // The harness has some threads, sysmon is one, and there may be one more idle thread than
        // Ps.
        let few = max_procs() + 8;
        let until = Instant::now() + Duration::from_secs(40);
        while threads() > few {
            assert!(Instant::now() < until, "{} threads", threads());
            sleep(Duration::from_millis(2));
        }
    }
}
