//! The nearest equivalents of `select`.

use crate::chans::{Rx, Tx};
use bench_common::{check, triangle};
use may::sync::{mpmc, mpsc};
use may::{cqueue, go};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Receives from `k` channels through a `cqueue`, which is may's select: a coroutine for each
/// channel receives and posts events, and the consumer polls for them.
pub(super) fn select_n<T: Tx, R: Rx>(n: u64, k: u64, mk: fn() -> (T, R)) -> Duration {
    let per = n / k;
    let t = Instant::now();
    let mut rxs = vec![];
    let mut hs = vec![];
    for _ in 0..k {
        let (tx, rx) = mk();
        rxs.push(rx);
        hs.push(go!(move || for i in 0..per {
            tx.send(i);
        }));
    }
    let sum = AtomicU64::new(0);
    let mut events = 0u64;
    cqueue::scope(|cq| {
        for (i, rx) in rxs.into_iter().enumerate() {
            let sum = &sum;
            go!(cq, i, move |es| {
                while let Some(v) = rx.recv() {
                    es.send(i);
                    sum.store(sum.load(Relaxed) + v, Relaxed);
                }
            });
        }
        while cq.poll(None).is_ok() {
            events += 1
        }
    });
    let d = t.elapsed();
    for h in hs {
        h.join().unwrap()
    }
    check(
        sum.load(Relaxed) == triangle(per) * k && events == per * k,
        (sum, events),
    );
    d
}

pub(super) fn select_default(n: u64) -> Duration {
    let (tx, rx) = mpmc::channel::<u64>();
    let mut miss = 0;
    let t = Instant::now();
    for _ in 0..n {
        if rx.try_recv().is_err() {
            miss += 1
        }
    }
    let d = t.elapsed();
    check(std::hint::black_box(miss) == n, ());
    tx.send(1).unwrap();
    d
}

pub(super) fn select_default_native(n: u64) -> Duration {
    let (tx, rx) = mpsc::channel::<u64>();
    let mut miss = 0;
    let t = Instant::now();
    for _ in 0..n {
        if rx.try_recv().is_err() {
            miss += 1
        }
    }
    let d = t.elapsed();
    check(std::hint::black_box(miss) == n, ());
    tx.send(1).unwrap();
    d
}
