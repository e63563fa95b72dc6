//! The memory of parked coroutines.

use bench_common::{Figures, check, memory, triangle};
use may::coroutine::sleep;
use may::go;
use may::sync::{WaitGroup, mpmc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(super) fn parked(n: u64) -> Figures {
    let before = memory();
    let (tx, rx) = mpmc::channel::<u64>();
    let (ready, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let wg = WaitGroup::new();
    let t = Instant::now();
    for _ in 0..n {
        let (rx, ready, sum, wg) = (rx.clone(), ready.clone(), sum.clone(), wg.clone());
        go!(move || {
            ready.fetch_add(1, Relaxed);
            sum.fetch_add(rx.recv().unwrap(), Relaxed);
            drop(wg);
        });
    }
    // This sleeps and does not call `yield_now`, because may's worker takes from its local queue
    // before the queue of new coroutines: on one worker a coroutine that yields starves all new
    // ones.
    while ready.load(Relaxed) != n {
        sleep(Duration::from_micros(200))
    }
    let create = t.elapsed();
    sleep(Duration::from_millis(100));
    let parked = memory();
    let t = Instant::now();
    for i in 0..n {
        tx.send(i).unwrap()
    }
    wg.wait();
    let rel = t.elapsed();
    check(sum.load(Relaxed) == triangle(n), ());
    Figures::parked(n, [before, parked], create, rel)
}
