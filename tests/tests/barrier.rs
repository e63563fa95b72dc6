//! SM: barriers, between goroutines and plain threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::WaitReason::BarrierWait;
use gort::sync::Barrier;
use gort_tests::{claims, parked, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}

claims! {
    // SM15
    fn no_waiter_passes_before_all_have_come_and_one_leads() {
        let n = 100;
        let barrier = Arc::new(Barrier::new(n));
        let (came, leaders) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let goroutines: Vec<_> = (0..n)
            .map(|_| {
                go!(clone [barrier, came, leaders]; {
                    for round in 1..=scaled(10) {
                        came.fetch_add(1, SeqCst);
                        let leads = barrier.wait().is_leader();
                        assert!(came.load(SeqCst) >= n * round, "passed too early");
                        leaders.fetch_add(usize::from(leads), SeqCst);
                        barrier.wait();
                        assert_eq!(leaders.load(SeqCst), round);
                        // No goroutine can lead the next round before all have checked `leaders`.
                        barrier.wait();
                    }
                })
            })
            .collect();
        goroutines.into_iter().for_each(|one| one.join().unwrap());
    }

    // SM15
    fn the_last_one_lets_the_others_go() {
        let barrier = Arc::new(Barrier::new(5));
        for _ in 0..3 {
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let barrier = barrier.clone();
                    parked(BarrierWait, move || barrier.wait().is_leader())
                })
                .collect();
            settle();
            assert_eq!(waiting(BarrierWait), 4);
            assert!(barrier.wait().is_leader());
            assert!(waiters.into_iter().all(|waiter| !waiter.join().unwrap()));
        }
        assert_eq!(format!("{barrier:?}"), "Barrier { n: 5, .. }");
    }

    // SM15
    fn a_barrier_for_none_or_one_does_not_block() {
        for n in [0, 1] {
            let barrier = Barrier::new(n);
            assert!((0..10).all(|_| barrier.wait().is_leader()));
        }
    }

    // RU08
    fn threads_and_goroutines_wait_for_each_other() {
        let barrier = Arc::new(Barrier::new(4));
        let rounds = scaled(100);
        let work = || {
            let barrier = barrier.clone();
            move || (0..rounds).filter(|_| barrier.wait().is_leader()).count()
        };
        let threads = [thread::spawn(work()), thread::spawn(work())];
        let goroutines = [spawn(work()), spawn(work())];
        let mut led: usize = goroutines.into_iter().map(|one| one.join().unwrap()).sum();
        led += threads.into_iter().map(|one| one.join().unwrap()).sum::<usize>();
        assert_eq!(led, rounds);
    }

    // PA: nothing cancels an exit. An exiting goroutine does not wait, and is not counted as one
    // that has come.
    fn an_exiting_goroutine_does_not_wait() {
        let barrier = Arc::new(Barrier::new(2));
        let exiting = spawn({
            let barrier = barrier.clone();
            move || {
                drop(std::panic::catch_unwind(|| goexit()));
                barrier.wait();
                unreachable!();
            }
        });
        assert!(exiting.join().unwrap_err().is_exited());
        let waiter = parked(BarrierWait, {
            let barrier = barrier.clone();
            move || barrier.wait().is_leader()
        });
        assert!(barrier.wait().is_leader());
        assert!(!waiter.join().unwrap());
    }
}
