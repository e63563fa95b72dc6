//! A pair of goroutines that keep each other busy has the P for a time slice. Then all goroutines
//! that wait in any queue have a turn, and not only one for each time slice of the pair.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort::sync::Mutex;
use gort_tests::{claims, settle};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// How long each test repeats its attempts. On a busy machine sysmon helps the waiting goroutines
/// by accident, because it takes the P of a thread that has no core.
const TRIES: Duration = Duration::from_secs(3);

/// Number of goroutines that wait.
const OTHERS: usize = 48;

fn tries() -> impl Iterator<Item = usize> {
    let start = Instant::now();
    // With more Ps the pair keeps no goroutine waiting.
    (0..).take_while(move |&i| i == 0 || max_procs() == 1 && start.elapsed() < TRIES)
}

/// Two goroutines that do nothing but wake each other.
struct BusyPair {
    stop: Arc<AtomicBool>,
    players: Vec<JoinHandle<()>>,
}

impl BusyPair {
    /// Starts the pair. Its goroutines count in `rounds` how often they have woken each other.
    fn counting(rounds: Arc<AtomicUsize>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ping, pings) = bounded::<()>(0);
        let (pong, pongs) = bounded::<()>(0);
        let players = vec![
            go!(clone [stop]; move || {
                while !stop.load(Relaxed) && ping.send(()).is_ok() && pongs.recv().is_ok() {
                    rounds.fetch_add(1, Relaxed);
                }
            }),
            go!(move || while pings.recv().is_ok() && pong.send(()).is_ok() {}),
        ];
        Self { stop, players }
    }

    fn end(self) {
        self.stop.store(true, Relaxed);
        self.players.into_iter().for_each(|p| p.join().unwrap());
    }

    /// Ends the pair. `turns` are the rounds at which other goroutines had a turn: fails if they
    /// were far apart.
    fn end_and_check(self, turns: &[usize]) {
        self.end();
        let apart = turns.iter().collect::<HashSet<_>>().len();
        // With more Ps the pair runs at the same time.
        if max_procs() == 1 {
            assert!(apart <= turns.len() / 6, "{apart} of {} turns", turns.len());
        }
    }
}

claims! {
    fn goroutines_back_from_blocking_calls_run_together() {
        for _ in tries() {
            let rounds = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = unbounded();
            let gate = Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new()));
            for _ in 0..OTHERS {
                go!(clone [tx, gate, rounds]; move || {
                    let came = gort::blocking(|| {
                        let (open, opened) = &*gate;
                        drop(opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
                        rounds.load(Relaxed)
                    });
                    tx.send((came, rounds.load(Relaxed))).unwrap();
                });
            }
            let pair = BusyPair::counting(rounds);
            // After this all goroutines are in their calls.
            gort::blocking(|| thread::sleep(Duration::from_millis(50)));
            *gate.0.lock().unwrap() = true;
            gate.1.notify_all();
            let turns: Vec<(usize, usize)> = rx.iter().take(OTHERS).collect();
            pair.end();
            // The threads may come back at different times. So each goroutine counts the turns that
            // others had between its return and its own turn.
            let all: HashSet<_> = turns.iter().map(|&(_, ran)| ran).collect();
            let missed = |&(came, ran)| all.iter().filter(|&&turn| came < turn && turn < ran).count();
            let mut missed: Vec<_> = turns.iter().map(missed).collect();
            missed.sort_unstable();
            // The kernel may stop a few threads on their way back.
            let is_right = missed[OTHERS / 2] <= 2 || max_procs() > 1;
            assert!(is_right, "goroutines missed {missed:?} turns");
        }
    }

    fn receivers_woken_by_a_plain_thread_run_together() {
        for _ in tries() {
            let (tx, rx) = unbounded::<()>();
            let (done, all_done) = unbounded();
            let rounds = Arc::new(AtomicUsize::new(0));
            for _ in 0..OTHERS {
                go!(clone [rx, done, rounds]; move || {
                    rx.recv().unwrap_err();
                    done.send(rounds.load(Relaxed)).unwrap();
                });
            }
            settle();
            let pair = BusyPair::counting(rounds);
            let sender = thread::spawn(move || drop(tx));
            let turns: Vec<_> = all_done.iter().take(OTHERS).collect();
            sender.join().unwrap();
            pair.end_and_check(&turns);
        }
    }

    fn waiters_of_a_lock_run_together_while_they_are_joined() {
        for _ in tries() {
            let lock = Arc::new(Mutex::new(()));
            let held = lock.lock();
            let rounds = Arc::new(AtomicUsize::new(0));
            let handles: Vec<_> = (0..OTHERS).map(|_| go!(clone [lock, rounds]; move || {
                let _held = lock.lock();
                rounds.load(Relaxed)
            })).collect();
            settle();
            let pair = BusyPair::counting(rounds);
            gort::blocking(|| thread::sleep(Duration::from_millis(50)));
            drop(held);
            let turns: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
            pair.end_and_check(&turns);
        }
    }
}
