//! A goroutine that a timer wakes does not queue behind all goroutines that compute.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{max_procs, set_max_procs};
use gort::time::{Ticker, after_func, sleep, sleep_until};
use gort_tests::claims;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// 50 goroutines for each P that compute for a millisecond and then yield, again and again.
struct Crowd {
    stop: Arc<AtomicBool>,
    turns: Arc<AtomicUsize>,
    members: Vec<JoinHandle<()>>,
    start: Instant,
}

impl Crowd {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicUsize::new(0));
        let member = || {
            go!(clone [stop, turns]; move || while !stop.load(Relaxed) {
                let until = Instant::now() + ms(1);
                while Instant::now() < until {}
                turns.fetch_add(1, Relaxed);
                yield_now();
            })
        };
        let members = (0..50 * max_procs()).map(|_| member()).collect();
        // After this each member has had a turn.
        sleep(ms(1));
        let start = Instant::now();
        turns.store(0, Relaxed);
        Self {
            stop,
            turns,
            members,
            start,
        }
    }

    /// Ends the crowd. Returns how long one of its goroutines had to wait from one turn to the
    /// next.
    fn end(self) -> Duration {
        let rounds = self.turns.load(Relaxed) as f64 / self.members.len() as f64;
        let round = self.start.elapsed().div_f64(rounds);
        self.stop.store(true, Relaxed);
        self.members.into_iter().for_each(|m| m.join().unwrap());
        round
    }
}

/// Fails if the mean of `late` is a quarter of a `round` of the crowd or more. A goroutine that
/// queues behind the whole crowd is late by a round.
fn assert_soon(late: &[Duration], round: Duration) {
    let mean = late.iter().sum::<Duration>() / late.len() as u32;
    assert!(
        mean < round / 4,
        "late by {mean:?}; a round takes {round:?}"
    );
}

/// Returns the time that five sleeps in a row take.
fn five(sleep: impl Fn(Duration)) -> Duration {
    let start = Instant::now();
    (0..5).for_each(|_| sleep(Duration::from_micros(100)));
    start.elapsed()
}

claims! {
    // Wake-ups are combined if several timers are close together. For one goroutine that sleeps
    // there is nothing to combine.
    fn a_lone_sleeper_wakes_as_soon_as_a_thread() {
        // They take turns, so that a busy machine slows both down. The shortest times count.
        let (mut goroutine, mut thread) = (Duration::MAX, Duration::MAX);
        for round in 0..1000 {
            goroutine = goroutine.min(five(sleep));
            thread = thread.min(thread::spawn(|| five(thread::sleep)).join().unwrap());
            if round >= 50 && goroutine < 2 * thread {
                return;
            }
        }
        panic!("{goroutine:?}, a thread {thread:?}");
    }

    fn ticks_come_in_time_beside_goroutines_that_compute() {
        let crowd = Crowd::start();
        let start = Instant::now();
        let ticker = Ticker::new(ms(10));
        let mut late = Vec::new();
        while start.elapsed() < ms(1000) {
            let due = ticker.recv().unwrap();
            late.push(due.elapsed());
        }
        let round = crowd.end();
        assert_soon(&late, round);
    }

    fn all_sleepers_due_at_the_same_time_wake_in_time() {
        let crowd = Crowd::start();
        let start = Instant::now();
        let late: Vec<_> = (0..10).map(|_| {
            go!(move || {
                let mut late = Vec::new();
                for round in 1..=20 {
                    let due = start + ms(50) * round;
                    if Instant::now() < due {
                        sleep_until(due);
                        late.push(due.elapsed());
                    }
                }
                late
            })
        }).collect();
        let late: Vec<_> = late.into_iter().flat_map(|late| late.join().unwrap()).collect();
        let round = crowd.end();
        assert_soon(&late, round);
    }

    // The kernel may stop a thread at any time. Another goroutine that is due must not pay for that
    // with its place ahead of the queue.
    fn a_sleeper_that_computes_makes_others_due_at_the_same_time_late_by_its_turn_only() {
        let crowd = Crowd::start();
        let start = Instant::now();
        let woken: Arc<[AtomicUsize; 10]> = Arc::default();
        let late: Vec<_> = (0..10).map(|_| {
            go!(clone [woken]; move || {
                let mut late = Vec::new();
                for (round, woken) in (1..).zip(&*woken) {
                    let due = start + ms(100) * round;
                    if Instant::now() >= due {
                        continue;
                    }
                    sleep_until(due);
                    late.push(due.elapsed());
                    if woken.fetch_add(1, Relaxed) == 0 {
                        let until = Instant::now() + ms(4);
                        while Instant::now() < until {}
                    }
                }
                late
            })
        }).collect();
        let late: Vec<_> = late.into_iter().flat_map(|late| late.join().unwrap()).collect();
        let round = crowd.end();
        assert_soon(&late, round);
    }

    // Goroutines that are due run ahead of the queue for a part of each time slice only. If they
    // need more, they must not wait until there is room for them in such parts.
    fn sleepers_that_compute_get_turns_like_a_goroutine_that_yields() {
        set_max_procs(1);
        let compute = |time| {
            let until = Instant::now() + time;
            while Instant::now() < until {}
        };
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicUsize::new(0));
        let sleepers: Vec<_> = (0..100).map(|_| {
            go!(clone [stop, turns]; move || {
                sleep(ms(20));
                while !stop.load(Relaxed) {
                    compute(ms(1));
                    turns.fetch_add(1, Relaxed);
                    sleep(Duration::from_micros(1));
                }
            })
        }).collect();
        let start = Instant::now();
        let mut own = 0;
        while start.elapsed() < ms(1000) {
            compute(ms(5));
            own += 1;
            yield_now();
        }
        let each = turns.load(Relaxed) as f64 / sleepers.len() as f64;
        stop.store(true, Relaxed);
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        // It is 1 to 2, and would be 33 if the sleepers never went through the queue.
        let ratio = f64::from(own) / each;
        assert!(ratio < 10.0, "{ratio:.1} turns for each of a sleeper");
    }

    fn functions_are_called_in_time_beside_goroutines_that_compute() {
        let (tx, rx) = unbounded();
        let crowd = Crowd::start();
        // A plain thread arms the timers, so no goroutine needs a turn before the next one is
        // armed.
        let armer = thread::spawn(move || {
            for _ in 0..50 {
                let due = Instant::now() + ms(10);
                after_func(ms(10), {
                    let tx = tx.clone();
                    move || tx.send(due.elapsed()).unwrap()
                });
                thread::sleep(ms(20));
            }
        });
        let late: Vec<_> = rx.iter().collect();
        armer.join().unwrap();
        let round = crowd.end();
        assert_soon(&late, round);
    }
}
