//! Starting coroutines, and taking turns.

use bench_common::{Figures, check, triangle};
use may::coroutine::yield_now;
use may::go;
use may::sync::{WaitGroup, mpsc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(super) fn spawn_join(n: u64) -> Duration {
    let cnt = Arc::new(AtomicU64::new(0));
    let t = Instant::now();
    let mut left = n;
    while left > 0 {
        let b = left.min(1000);
        let wg = WaitGroup::new();
        for _ in 0..b {
            let (c, wg) = (cnt.clone(), wg.clone());
            go!(move || {
                c.fetch_add(1, Relaxed);
                drop(wg)
            });
        }
        wg.wait();
        left -= b;
    }
    let d = t.elapsed();
    check(cnt.load(Relaxed) == n, cnt.load(Relaxed));
    d
}

pub(super) fn spawn_seq(n: u64) -> Duration {
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        sum += go!(move || i).join().unwrap();
    }
    let d = t.elapsed();
    check(sum == triangle(n), sum);
    d
}

pub(super) fn yield_pair(n: u64) -> Duration {
    let t = Instant::now();
    let hs = [(); 2].map(|()| {
        go!(move || {
            let mut turns = 0;
            for _ in 0..n {
                yield_now();
                turns += 1;
            }
            turns
        })
    });
    let turns: u64 = hs.into_iter().map(|h| h.join().unwrap()).sum();
    let d = t.elapsed();
    check(turns == 2 * n, turns);
    d
}

fn skynet_node(tx: mpsc::Sender<u64>, num: u64, size: u64) {
    if size == 1 {
        tx.send(num).unwrap();
        return;
    }
    let (ct, cr) = mpsc::channel();
    for i in 0..10 {
        let ct = ct.clone();
        go!(move || skynet_node(ct, num + i * (size / 10), size / 10));
    }
    let mut sum = 0;
    for _ in 0..10 {
        sum += cr.recv().unwrap()
    }
    tx.send(sum).unwrap();
}

pub(super) fn skynet(n: u64) -> Figures {
    let (tx, rx) = mpsc::channel();
    let t = Instant::now();
    go!(move || skynet_node(tx, 0, n));
    let sum = rx.recv().unwrap();
    let d = t.elapsed();
    check(sum == triangle(n), sum);
    Figures::per_op((n * 10 - 1) / 9, d)
}
