//! Everyday programs: pools, pipelines, requests, fan-out, time-outs.

use super::{join_all, send_all};
use bench_common::{Figures, check, spin, triangle};
use gort::prelude::*;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Number of goroutines in a pool.
const POOL: usize = 37;
/// How many jobs and how many results may queue.
const QUEUE: usize = 111;
/// The worker yields once in this many jobs.
const YIELDS: u64 = 10;

/// Sends jobs to a pool of workers over one channel, and receives the results over another.
pub(super) fn worker_pool(n: u64, yields: bool) -> Figures {
    let start = Instant::now();
    let (jobs, todo) = bounded(QUEUE);
    let (done, results) = bounded(QUEUE);
    for _ in 0..POOL {
        go!(clone [todo, done]; move || for job in todo {
            if !yields {
                black_box(spin(30));
            } else if job % YIELDS == 0 {
                yield_now();
            }
            assert!(done.send(job).is_ok());
        });
    }
    drop(done);
    go!(move || send_all(&jobs, n));
    let sum = results.iter().sum::<u64>();
    let elapsed = start.elapsed();
    check(sum == triangle(n), sum);
    Figures::per_op(n, elapsed)
}

/// Lets eight clients ask one server. Each request carries the channel for its answer.
pub(super) fn request_reply(n: u64) -> Figures {
    const CLIENTS: u64 = 8;
    let each = n / CLIENTS;
    let start = Instant::now();
    let (ask, asked) = bounded::<(u64, Sender<u64>)>(0);
    go!(move || for (v, answer) in asked {
        assert!(answer.send(v + 1).is_ok());
    });
    let sum = Arc::new(AtomicU64::new(0));
    join_all((0..CLIENTS).map(|_| {
        go!(clone [ask, sum]; {
            let (answer, answered) = bounded(0);
            let mut own = 0;
            for i in 0..each {
                assert!(ask.send((i, answer.clone())).is_ok());
                own += answered.recv().unwrap_or(0);
            }
            sum.fetch_add(own, Relaxed);
        })
    }));
    let elapsed = start.elapsed();
    check(sum.load(Relaxed) == (triangle(each) + each) * CLIENTS, &sum);
    Figures::per_op(each * CLIENTS, elapsed)
}

/// Sends values between fifty pairs. The receivers wait with a time-out that never expires.
pub(super) fn select_timeout(n: u64) -> Figures {
    const PAIRS: u64 = 50;
    let each = n / PAIRS;
    let sum = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    join_all((0..PAIRS).map(|_| {
        let (tx, rx) = bounded::<u64>(0);
        go!(move || send_all(&tx, each));
        go!(clone [sum]; move || {
            let mut own = 0;
            for _ in 0..each {
                select! {
                    v = <-rx => own += v.unwrap_or(0),
                    _ = <-gort::channel::after(Duration::from_secs(10)) => panic!("late"),
                }
            }
            sum.fetch_add(own, Relaxed);
        })
    }));
    let elapsed = start.elapsed();
    check(sum.load(Relaxed) == triangle(each) * PAIRS, &sum);
    Figures::per_op(each * PAIRS, elapsed)
}

/// Starts batches of a hundred goroutines with some work each, and waits for each batch with a wait
/// group.
pub(super) fn fan_out(n: u64) -> Figures {
    const BATCH: u64 = 100;
    let (each, one) = (n / BATCH, spin(300));
    let sum = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..each {
        let batch = WaitGroup::new();
        for _ in 0..BATCH {
            batch.add(1);
            go!(clone [batch, sum]; {
                sum.fetch_add(spin(300), Relaxed);
                batch.done();
            });
        }
        batch.wait();
    }
    let elapsed = start.elapsed();
    let expected = one.wrapping_mul(each * BATCH);
    check(sum.load(Relaxed) == expected, &sum);
    Figures::per_op(each * BATCH, elapsed)
}

/// Sends values through a pipeline of ten stages. The figure is per value that comes out.
pub(super) fn stages(n: u64) -> Figures {
    const STAGES: u64 = 10;
    let start = Instant::now();
    let (tx, mut rx) = bounded::<u64>(0);
    go!(move || send_all(&tx, n));
    for _ in 0..STAGES {
        let (to, next) = bounded(0);
        let from = std::mem::replace(&mut rx, next);
        go!(move || for v in from {
            assert!(to.send(v + 1).is_ok());
        });
    }
    let sum = rx.iter().sum::<u64>();
    let elapsed = start.elapsed();
    check(sum == triangle(n) + n * STAGES, sum);
    Figures::per_op(n, elapsed)
}

/// Lets goroutines with some work each use a channel of eight as a semaphore.
pub(super) fn sem_channel(n: u64) -> Figures {
    let (all, sum, one) = (WaitGroup::new(), Arc::new(AtomicU64::new(0)), spin(150));
    let (enter, leave) = bounded(8);
    let start = Instant::now();
    for _ in 0..n {
        assert!(enter.send(()).is_ok());
        all.add(1);
        go!(clone [leave, all, sum]; {
            sum.fetch_add(spin(150), Relaxed);
            assert!(leave.recv().is_ok());
            all.done();
        });
    }
    all.wait();
    let elapsed = start.elapsed();
    check(sum.load(Relaxed) == one.wrapping_mul(n), &sum);
    Figures::per_op(n, elapsed)
}

/// Lets one goroutine send each value to a hundred others, over a channel each.
pub(super) fn broadcast(n: u64) -> Figures {
    const LISTENERS: u64 = 100;
    let rounds = n / LISTENERS;
    let sum = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let (to, listeners): (Vec<_>, Vec<_>) = (0..LISTENERS)
        .map(|_| {
            let (tx, rx) = bounded::<u64>(0);
            let listener = go!(clone [sum]; move || {
                sum.fetch_add(rx.iter().sum(), Relaxed);
            });
            (tx, listener)
        })
        .unzip();
    for round in 0..rounds {
        for one in &to {
            assert!(one.send(round).is_ok());
        }
    }
    drop(to);
    join_all(listeners);
    let elapsed = start.elapsed();
    check(sum.load(Relaxed) == triangle(rounds) * LISTENERS, &sum);
    Figures::per_op(rounds * LISTENERS, elapsed)
}

/// Lets one goroutine select from four producers.
pub(super) fn select_loop(n: u64) -> Figures {
    let each = n / 4;
    let start = Instant::now();
    // This function keeps a sender of each channel, because the arm of a closed channel would be
    // ready for ever.
    let [a, b, c, d] = std::array::from_fn(|_| bounded(16)).map(|(tx, rx)| {
        go!(clone [tx]; move || send_all(&tx, each));
        (tx, rx)
    });
    let mut sum = 0;
    for _ in 0..each * 4 {
        let v = select! {
            v = <-a.1 => v,
            v = <-b.1 => v,
            v = <-c.1 => v,
            v = <-d.1 => v,
        };
        sum += v.unwrap_or(0);
    }
    let elapsed = start.elapsed();
    check(sum == triangle(each) * 4, sum);
    Figures::per_op(each * 4, elapsed)
}
