//! The memory of parked goroutines.

use bench_common::{Figures, check, memory, triangle};
use gort::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

pub(super) fn parked(n: u64) -> Figures {
    let before = memory();
    let (tx, rx) = bounded::<u64>(0);
    let (ready, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let wg = WaitGroup::new();
    wg.add(n as usize);
    let start = Instant::now();
    for _ in 0..n {
        go!(clone [rx, ready, sum, wg]; move || {
            ready.fetch_add(1, Relaxed);
            sum.fetch_add(rx.recv().unwrap_or(0), Relaxed);
            wg.done();
        });
    }
    while ready.load(Relaxed) != n {
        yield_now();
    }
    let create = start.elapsed();
    gort::time::sleep(Duration::from_millis(100));
    let parked = memory();
    let start = Instant::now();
    super::send_all(&tx, n);
    wg.wait();
    let release = start.elapsed();
    check(sum.load(Relaxed) == triangle(n), &sum);
    Figures::parked(n, [before, parked], create, release)
}
