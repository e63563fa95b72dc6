//! The large runs: GO08, GO15, SC16 and long traffic. Debug builds run a tenth of them.
//! `GORT_TEST_LONG=1` makes the chain of GO08 a million long.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::num_goroutines;
use gort_tests::{Counted, Random, always_migrates, claims, resident_bytes, seed};
use std::env;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn scaled(n: usize) -> usize {
    let n = if cfg!(debug_assertions) { n / 10 } else { n };
    // With `migrate=always` each switch of goroutines is a switch of threads.
    if always_migrates() { n / 10 } else { n }
}

const MIB: usize = 1024 * 1024;

fn until_alone() {
    while num_goroutines() > 1 {
        yield_now();
    }
}

/// Runs `n` goroutines in a row. Each receives a number from its neighbour on the right, and sends
/// it to its neighbour on the left.
fn chain(n: usize) {
    let (leftmost, result) = bounded(0);
    let mut left = leftmost;
    for _ in 0..n {
        let (tx, rx) = bounded(0);
        let to_the_left = left;
        spawn(move || {
            let value: usize = rx.recv().unwrap();
            to_the_left.send(value + 1).unwrap();
        });
        left = tx;
    }
    assert_eq!(num_goroutines(), n + 1);
    left.send(0).unwrap();
    assert_eq!(result.recv(), Ok(n));
    until_alone();
}

/// Parks `n` goroutines on one channel and lets `release` wake them.
fn parked(n: usize, release: impl FnOnce(Sender<()>)) -> usize {
    let (tx, rx) = bounded::<()>(0);
    let (ended, ends) = unbounded();
    let (waiting, waits) = unbounded();
    for _ in 0..n {
        let (rx, ended, waiting) = (rx.clone(), ended.clone(), waiting.clone());
        spawn(move || {
            waiting.send(()).unwrap();
            ended.send(rx.recv().is_ok()).unwrap();
        });
    }
    drop((ended, waiting));
    assert_eq!(waits.iter().take(n).count(), n);
    assert_eq!(num_goroutines(), n + 1);
    release(tx);
    let received = ends.iter().filter(|&received| received).count();
    until_alone();
    received
}

claims! {
    // GO08
    fn a_million_goroutines_run_and_are_joined() {
        let mut sum = 0;
        for _ in 0..10 {
            let handles: Vec<_> = (0..scaled(100_000)).map(|i| spawn(move || i)).collect();
            sum += handles.into_iter().map(|handle| handle.join().unwrap()).sum::<usize>();
        }
        assert_eq!(sum, 10 * scaled(100_000) * (scaled(100_000) - 1) / 2);
        assert_eq!(num_goroutines(), 1);
    }

    // GO08
    fn a_long_chain_exists_at_once_and_is_torn_down() {
        let long = env::var_os("GORT_TEST_LONG").is_some();
        chain(if long { 1_000_000 } else { 10_000 });
    }

    // GO08
    fn a_hundred_thousand_wait_and_are_released_by_close() {
        let received = parked(scaled(100_000), |tx| assert!(tx.close()));
        assert_eq!(received, 0);
    }

    // GO08
    fn a_hundred_thousand_wait_and_are_released_by_sends() {
        let n = scaled(100_000);
        let received = parked(n, |tx| (0..n).for_each(|_| tx.send(()).unwrap()));
        assert_eq!(received, n);
    }

    // GO15
    fn successive_generations_go_on_without_growth() {
        fn live(generations: usize, most: usize, end: Sender<usize>) {
            let most = most.max(num_goroutines());
            if generations == 0 {
                return end.send(most).unwrap();
            }
            spawn(move || live(generations - 1, most, end));
        }
        let run = |generations| {
            let (tx, rx) = bounded(1);
            spawn(move || live(generations, 0, tx));
            rx.recv().unwrap()
        };
        run(1_000);
        let before = resident_bytes();
        // The limit has to allow for main, a goroutine that starts the next one, and the next one.
        // It also has to allow for goroutines on other Ps that have started theirs and are about to
        // end. Last, the system may take a thread off its core for so long that the thread's P is
        // handed on; so the limit has to allow for one goroutine per thread. It must not grow with
        // the generations.
        let most = run(scaled(1_000_000));
        assert!(most < 100, "{most} at once");
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 4 * MIB, "grown by {grown} bytes");
    }

    // CH, RU: ten million values through a rendezvous channel leave nothing behind.
    fn ten_million_messages_do_not_grow_memory() {
        let (tx, rx) = bounded(0);
        let n = scaled(10_000_000);
        let sender = spawn(move || (0..n).for_each(|i| tx.send(i).unwrap()));
        let mut before = 0;
        for i in 0..n {
            if i == n / 10 {
                before = resident_bytes();
            }
            assert_eq!(rx.recv(), Ok(i));
        }
        assert!(rx.recv().is_err());
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 4 * MIB, "grown by {grown} bytes");
        sender.join().unwrap();
    }

    // SC16
    fn a_burst_of_a_hundred_thousand_runs_once_each() {
        let n = scaled(100_000);
        let runs: Arc<Vec<_>> = Arc::new((0..n).map(|_| AtomicUsize::new(0)).collect());
        let wg = WaitGroup::new();
        for i in 0..n {
            let runs = runs.clone();
            drop(wg.go(move || runs[i].fetch_add(1, SeqCst)));
        }
        wg.wait();
        assert!(runs.iter().all(|run| run.load(SeqCst) == 1));
    }

    // RU05, RU06: in whatever way a goroutine ends, what it held is dropped once.
    fn everything_is_dropped_once_in_any_mixture() {
        let seed = seed();
        println!("GORT_TEST_SEED={seed}");
        let alive = Arc::new(AtomicUsize::new(0));
        let total = Arc::new(Mutex::new((0_usize, Counted::new(&alive))));
        let wg = WaitGroup::new();
        let starters: Vec<_> = (0..4_u64)
            .map(|starter| {
                let (alive, total, wg) = (alive.clone(), total.clone(), wg.clone());
                spawn(move || {
                    let mut random = Random::new(seed.wrapping_add(starter << 32));
                    let mut kept = Vec::new();
                    for _ in 0..scaled(20_000) {
                        let (captured, local) = (Counted::new(&alive), alive.clone());
                        let (total, fate) = (total.clone(), random.below(8));
                        let yields = random.below(3);
                        let run = move || {
                            let _local = Counted::new(&local);
                            (0..yields).for_each(|_| yield_now());
                            let mut total = total.lock();
                            total.0 += 1;
                            match fate {
                                0 => resume_unwind(Box::new(Counted::new(&local))),
                                1 => goexit(),
                                _ => captured,
                            }
                        };
                        let handle = if random.below(2) == 0 { wg.go(run) } else { spawn(run) };
                        match random.below(4) {
                            0 => drop(handle),
                            1 => kept.push(handle),
                            _ => match handle.join() {
                                Ok(_) => assert!(fate > 1),
                                Err(e) if e.is_exited() => assert_eq!(fate, 1),
                                Err(e) => {
                                    assert!(fate == 0 && e.into_panic().is::<Counted>());
                                }
                            },
                        }
                        if random.below(50) == 0 {
                            kept.drain(..).for_each(|handle| drop(handle.join()));
                        }
                        if random.below(100) == 0 {
                            wg.wait();
                        }
                    }
                })
            })
            .collect();
        for starter in starters {
            assert!(starter.join().is_ok(), "seed {seed}");
        }
        wg.wait();
        until_alone();
        assert_eq!(total.lock().0, 4 * scaled(20_000), "seed {seed}");
        assert_eq!(alive.load(SeqCst), 1, "seed {seed}");
        drop(total);
        assert_eq!(alive.load(SeqCst), 0, "seed {seed}");
    }
}
