//! Starting threads, and taking turns.

use bench_common::{check, triangle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn go<F: FnOnce() + Send + 'static>(f: F) -> thread::JoinHandle<()> {
    thread::Builder::new()
        .stack_size(64 << 10)
        .spawn(f)
        .unwrap()
}

pub(super) fn join(v: Vec<thread::JoinHandle<()>>) {
    for h in v {
        h.join().unwrap();
    }
}

pub(super) fn spawn_join(n: u64) -> Duration {
    let cnt = Arc::new(AtomicU64::new(0));
    let t = Instant::now();
    let mut left = n;
    while left > 0 {
        let b = left.min(1000);
        join(
            (0..b)
                .map(|_| {
                    let c = cnt.clone();
                    go(move || {
                        c.fetch_add(1, Relaxed);
                    })
                })
                .collect(),
        );
        left -= b;
    }
    let d = t.elapsed();
    check(cnt.load(Relaxed) == n, ());
    d
}

pub(super) fn spawn_seq(n: u64) -> Duration {
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        sum += thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || i)
            .unwrap()
            .join()
            .unwrap();
    }
    let d = t.elapsed();
    check(sum == triangle(n), sum);
    d
}

pub(super) fn yield_pair(n: u64) -> Duration {
    let t = Instant::now();
    let turns = Arc::new(AtomicU64::new(0));
    let turn = |_| {
        let turns = turns.clone();
        go(move || {
            let mut mine = 0;
            for _ in 0..n {
                thread::yield_now();
                mine += 1;
            }
            turns.fetch_add(mine, Relaxed);
        })
    };
    join((0..2).map(turn).collect());
    let d = t.elapsed();
    check(turns.load(Relaxed) == 2 * n, turns);
    d
}
