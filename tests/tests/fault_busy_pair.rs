//! A pair of goroutines that keep each other busy has the P for a time slice, and then everybody
//! who waits, wherever, has a turn: not one other for each time slice of the pair.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort::sync::Mutex;
use gort_tests::{claims, never_migrates, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// Goroutines that do nothing but wake each other, one pair for each P, until dropped.
struct BusyPairs {
    stop: Arc<AtomicBool>,
    players: Vec<JoinHandle<()>>,
}

impl BusyPairs {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut players = Vec::new();
        for _ in 0..max_procs() {
            let (ping, pings) = bounded::<()>(0);
            let (pong, pongs) = bounded::<()>(0);
            players.push(go!(clone [stop]; move || {
                while !stop.load(Relaxed) && ping.send(()).is_ok() && pongs.recv().is_ok() {}
            }));
            players.push(go!(
                move || while pings.recv().is_ok() && pong.send(()).is_ok() {}
            ));
        }
        Self { stop, players }
    }

    fn end(self) {
        self.stop.store(true, Relaxed);
        self.players.into_iter().for_each(|p| p.join().unwrap());
    }
}

/// Fails if what began then has taken as long as `turns` goroutines would take that have one turn
/// in each time slice of a pair, 10 ms, on all Ps; or half of that.
fn assert_soon(since: Instant, turns: usize) {
    let took = since.elapsed();
    let one_by_one = Duration::from_millis(10) * (turns / max_procs()) as u32;
    assert!(
        took < one_by_one / 2,
        "{took:?}; one by one: {one_by_one:?}"
    );
}

claims! {
    fn goroutines_back_from_blocking_calls_run_soon() {
        let calls = 64 * max_procs().min(4);
        let pairs = BusyPairs::start();
        let (tx, rx) = unbounded();
        let gate = Arc::new(AtomicBool::new(false));
        for _ in 0..calls {
            go!(clone [tx, gate]; move || {
                gort::blocking(|| while !gate.load(Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                });
                tx.send(()).unwrap();
            });
        }
        // All are in their calls.
        gort::blocking(|| thread::sleep(Duration::from_millis(300)));
        let start = Instant::now();
        gate.store(true, Relaxed);
        assert_eq!(rx.iter().take(calls).count(), calls);
        assert_soon(start, calls);
        pairs.end();
    }

    fn receivers_woken_by_a_plain_thread_run_soon() {
        let receivers = 64 * max_procs();
        let (tx, rx) = unbounded::<()>();
        let (done, all_done) = unbounded();
        for _ in 0..receivers {
            go!(clone [rx, done]; move || {
                rx.recv().unwrap();
                done.send(()).unwrap();
            });
        }
        settle();
        let pairs = BusyPairs::start();
        let start = Instant::now();
        let sender = thread::spawn(move || (0..receivers).for_each(|_| tx.send(()).unwrap()));
        assert_eq!(all_done.iter().take(receivers).count(), receivers);
        assert_soon(start, receivers);
        sender.join().unwrap();
        pairs.end();
    }

    fn waiters_of_a_lock_are_joined_soon() {
        if never_migrates() && max_procs() > 1 {
            // Each wakes the next, perhaps at home on another thread: behind the pair there.
            return;
        }
        let waiters = 200;
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock();
        let handles: Vec<_> = (0..waiters).map(|_| go!(clone [lock]; move || drop(lock.lock()))).collect();
        settle();
        let pairs = BusyPairs::start();
        gort::blocking(|| thread::sleep(Duration::from_millis(50)));
        let start = Instant::now();
        drop(held);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_soon(start, waiters);
        pairs.end();
    }
}
