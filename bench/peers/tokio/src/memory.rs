//! The memory of parked tasks.

use crate::wait_group::Wg;
use bench_common::{Figures, check, memory, triangle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::{spawn, yield_now};

pub(super) async fn parked(n: u64) -> Figures {
    let before = memory();
    let (tx, rx) = async_channel::bounded::<u64>(1024);
    let (ready, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let wg = Wg::new(n);
    let start = Instant::now();
    for _ in 0..n {
        let (rx, ready, sum, wg) = (rx.clone(), ready.clone(), sum.clone(), wg.clone());
        spawn(async move {
            ready.fetch_add(1, Relaxed);
            sum.fetch_add(rx.recv().await.unwrap(), Relaxed);
            wg.done();
        });
    }
    while ready.load(Relaxed) != n {
        yield_now().await;
    }
    let create = start.elapsed();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let parked = memory();
    let start = Instant::now();
    for i in 0..n {
        tx.send(i).await.unwrap();
    }
    wg.wait().await;
    let release = start.elapsed();
    check(sum.load(Relaxed) == triangle(n), &sum);
    Figures::parked(n, [before, parked], create, release)
}
