//! The memory of waiting threads.

use crate::spawning::{go, join};
use bench_common::{Figures, check, memory, triangle};
use crossbeam_channel as cc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn parked(n: u64) -> Figures {
    let before = memory();
    let (tx, rx) = cc::bounded::<u64>(0);
    let (ready, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let threads = (0..n)
        .map(|_| {
            let (rx, ready, sum) = (rx.clone(), ready.clone(), sum.clone());
            go(move || {
                ready.fetch_add(1, Relaxed);
                sum.fetch_add(rx.recv().unwrap(), Relaxed);
            })
        })
        .collect();
    while ready.load(Relaxed) != n {
        thread::sleep(Duration::from_micros(100));
    }
    let create = start.elapsed();
    thread::sleep(Duration::from_millis(100));
    let parked = memory();
    let start = Instant::now();
    for i in 0..n {
        tx.send(i).unwrap();
    }
    join(threads);
    let release = start.elapsed();
    check(sum.load(Relaxed) == triangle(n), &sum);
    Figures::parked(n, [before, parked], create, release)
}
