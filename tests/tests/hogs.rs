//! SC11, SC12, LT: goroutines that compute or block, and goroutines on threads of their own.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort::time::sleep;
use gort::{blocking, lock_os_thread};
use gort_tests::{claims, settle};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::Instant;

fn thread_id() -> i64 {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn thread_exists(id: i64) -> bool {
    std::path::Path::new(&format!("/proc/self/task/{id}")).exists()
}

/// Starts as many goroutines as there are Ps. Each calls `f` until it is told to stop.
fn hogs(f: fn()) -> (Arc<AtomicBool>, Vec<JoinHandle<()>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let all = (0..max_procs())
        .map(|_| {
            let stop = stop.clone();
            spawn(move || {
                while !stop.load(Relaxed) {
                    f();
                }
            })
        })
        .collect();
    (stop, all)
}

claims! {
    // SC11
    fn goroutines_that_compute_for_ever_do_not_stop_the_others() {
        let (stop, all) = hogs(std::hint::spin_loop);
        for _ in 0..20 {
            sleep(Duration::from_millis(1));
        }
        let (tx, rx) = bounded(0);
        spawn(move || (0..100).for_each(|i| tx.send(i).unwrap()));
        assert_eq!(rx.iter().count(), 100);
        stop.store(true, Relaxed);
        all.into_iter().for_each(|hog| hog.join().unwrap());
    }

    // SC11
    fn goroutines_that_block_without_announcing_it_do_not_stop_the_others() {
        let (stop, all) = hogs(|| thread::sleep(Duration::from_millis(50)));
        for _ in 0..20 {
            sleep(Duration::from_millis(1));
        }
        stop.store(true, Relaxed);
        all.into_iter().for_each(|hog| hog.join().unwrap());
    }

    // SC12
    fn goroutines_that_wait_for_each_other_without_telling_the_runtime_take_turns() {
        #[inline(never)]
        fn is(turn: &AtomicUsize, wanted: usize) -> bool {
            turn.load(SeqCst) == wanted
        }
        let turn = Arc::new(AtomicUsize::new(0));
        let players: Vec<_> = (0..2)
            .map(|me| {
                let turn = turn.clone();
                spawn(move || {
                    for round in 0..5 {
                        while !is(&turn, 2 * round + me) {
                            std::hint::spin_loop();
                        }
                        turn.fetch_add(1, SeqCst);
                    }
                })
            })
            .collect();
        players.into_iter().for_each(|player| player.join().unwrap());
        assert_eq!(turn.load(SeqCst), 10);
    }

    // LT09
    fn announced_blocking_calls_overlap() {
        let started = Instant::now();
        let sleepers: Vec<_> = (0..64)
            .map(|_| spawn(|| blocking(|| thread::sleep(Duration::from_millis(200)))))
            .collect();
        let counted = spawn(|| (0..1000).map(|_| yield_now()).count());
        assert_eq!(counted.join().unwrap(), 1000);
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        // One after the other they would take 64 times 200 ms.
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    }

    // LT10
    fn very_short_blocking_calls_let_all_goroutines_start_and_stop() {
        for pause in [10, 100, 1000] {
            let stop = Arc::new(AtomicBool::new(false));
            let started = WaitGroup::new();
            started.add(8);
            let callers: Vec<_> = (0..8)
                .map(|_| {
                    let (stop, started) = (stop.clone(), started.clone());
                    spawn(move || {
                        blocking(|| thread::sleep(Duration::from_micros(pause)));
                        started.done();
                        while !stop.load(Relaxed) {
                            blocking(|| thread::sleep(Duration::from_micros(pause)));
                        }
                    })
                })
                .collect();
            started.wait();
            stop.store(true, Relaxed);
            callers.into_iter().for_each(|caller| caller.join().unwrap());
        }
    }

    // LT09
    fn a_value_and_a_panic_come_out_of_a_blocking_call() {
        assert_eq!(blocking(|| 7), 7);
        let caught = gort::recover(|| blocking(|| panic!("inside")));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "inside");
        assert_eq!(spawn(|| 8).join().unwrap(), 8);
    }

    // After each long computation a goroutine yields, spawns or sleeps, and then sends. Its P is
    // taken away again and again, but nothing may be lost.
    fn hogs_that_use_the_runtime_between_their_computations_lose_nothing() {
        let (tx, rx) = bounded::<usize>(4);
        let wg = WaitGroup::new();
        let spawned = Arc::new(AtomicUsize::new(0));
        for _ in 0..4 {
            let (tx, spawned) = (tx.clone(), spawned.clone());
            wg.go(move || {
                for i in 0..10 {
                    let until = Instant::now() + Duration::from_millis(12);
                    while Instant::now() < until {
                        std::hint::spin_loop();
                    }
                    match i % 3 {
                        0 => yield_now(),
                        1 => {
                            let spawned = spawned.clone();
                            drop(spawn(move || spawned.fetch_add(1, SeqCst)));
                        }
                        _ => sleep(Duration::from_micros(50)),
                    }
                    tx.send(i).unwrap();
                }
            });
        }
        drop(tx);
        assert_eq!(rx.iter().sum::<usize>(), 4 * 45);
        wg.wait();
        settle();
        assert_eq!(spawned.load(SeqCst), 4 * 3);
    }

    // LT01
    fn a_locked_goroutine_stays_on_its_thread() {
        let _lock = lock_os_thread();
        let mine = thread_id();
        let (tx, rx) = bounded(0);
        let peer = spawn(move || (0..300).for_each(|i| tx.send(i).unwrap()));
        for i in 0..300 {
            assert_eq!(rx.recv(), Ok(i));
            assert_eq!(thread_id(), mine);
            yield_now();
            assert_eq!(thread_id(), mine);
        }
        sleep(Duration::from_millis(1));
        assert_eq!(thread_id(), mine);
        peer.join().unwrap();
    }

    // LT02
    fn no_other_goroutine_runs_on_a_locked_goroutines_thread() {
        let _lock = lock_os_thread();
        let mine = thread_id();
        let (tx, rx) = unbounded();
        for _ in 0..100 {
            let tx = tx.clone();
            spawn(move || {
                for _ in 0..10 {
                    tx.send(thread_id()).unwrap();
                    yield_now();
                }
            });
        }
        drop(tx);
        let others: HashSet<i64> = rx.iter().collect();
        assert!(!others.is_empty() && !others.contains(&mine));
    }

    // LT03
    fn locks_nest() {
        let outer = lock_os_thread();
        let mine = thread_id();
        drop(lock_os_thread());
        for _ in 0..50 {
            sleep(Duration::from_micros(100));
            assert_eq!(thread_id(), mine);
        }
        drop(outer);
        sleep(Duration::from_micros(100));
    }

    fn threads_that_are_no_longer_needed_end() {
        // Each call needs a thread, because it waits for the others. An idle thread ends after 5 s.
        const CALLS: usize = 40;
        let all_call = Arc::new(std::sync::Barrier::new(CALLS));
        let calls: Vec<_> = (0..CALLS)
            .map(|_| go!(clone [all_call]; { blocking(|| all_call.wait()); }))
            .collect();
        calls.into_iter().for_each(|call| call.join().unwrap());
        let many = threads();
        let until = Instant::now() + Duration::from_secs(30);
        while threads() > max_procs() + CALLS / 4 {
            assert!(Instant::now() < until, "{many} threads, then {}", threads());
            sleep(Duration::from_millis(50));
        }
    }

    // LT04
    fn a_goroutine_that_ends_locked_takes_its_thread_with_it() {
        let id = spawn(|| {
            let _never_unlocked = std::mem::ManuallyDrop::new(lock_os_thread());
            thread_id()
        })
        .join()
        .unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while thread_exists(id) {
            assert!(Instant::now() < until, "the thread is still there");
            sleep(Duration::from_millis(1));
        }
        assert_eq!(spawn(|| 1).join().unwrap(), 1);
    }

    // RU07
    fn goroutines_of_a_scope_may_borrow() {
        let numbers: Vec<u64> = (0..100).collect();
        let total = AtomicUsize::new(0);
        let first = gort::scope(|s| {
            for chunk in numbers.chunks(7) {
                let total = &total;
                s.spawn(move || total.fetch_add(chunk.iter().sum::<u64>() as usize, SeqCst));
            }
            go!(in s; || numbers[1]).join().unwrap()
        });
        assert_eq!((total.load(SeqCst), first), (4950, 1));
    }

    // RU07
    fn a_scope_waits_for_all_also_when_one_panics() {
        let ended = AtomicUsize::new(0);
        let caught = gort::recover(|| {
            gort::scope(|s| {
                for i in 0..10 {
                    let ended = &ended;
                    s.spawn(move || {
                        yield_now();
                        ended.fetch_add(1, SeqCst);
                        assert_ne!(i, 5, "five");
                    });
                }
            });
        });
        assert!(caught.is_err());
        assert_eq!(ended.load(SeqCst), 10);
        let joined = gort::scope(|s| s.spawn(|| panic!("joined")).join().is_err());
        assert!(joined, "a joined panic is not the scope's");
    }

    // RU07
    fn a_scope_waits_also_when_its_closure_exits() {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let exited = spawn(move || {
            gort::scope(|s| {
                let flag = &flag;
                s.spawn(move || {
                    sleep(Duration::from_millis(5));
                    flag.store(true, SeqCst);
                });
                goexit();
            });
        })
        .join();
        assert!(exited.unwrap_err().is_exited());
        assert!(ended.load(SeqCst));
    }
}
