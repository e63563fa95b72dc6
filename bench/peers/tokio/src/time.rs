//! Sleeping, alone and beside tasks that compute.

use crate::wait_group::Wg;
use bench_common::{Figures, calibrate, check, cpu_time, lcg, spin};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::task::{spawn, yield_now};
use tokio::time::sleep;

pub(super) async fn timers(n: u64) -> Figures {
    let in_time = Arc::new(AtomicU64::new(0));
    let wg = Wg::new(n);
    let mut random = 12345;
    let (start, cpu) = (Instant::now(), cpu_time());
    for _ in 0..n {
        let pause = Duration::from_millis(1 + (lcg(&mut random) >> 33) % 1000);
        let (in_time, wg) = (in_time.clone(), wg.clone());
        spawn(async move {
            let start = Instant::now();
            sleep(pause).await;
            if start.elapsed() >= pause {
                in_time.fetch_add(1, Relaxed);
            }
            wg.done();
        });
    }
    wg.wait().await;
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    check(in_time.load(Relaxed) == n, &in_time);
    Figures::timers(n, wall, cpu)
}

pub(super) async fn cpu_hog(ms: u64) -> Figures {
    const TICK: Duration = Duration::from_millis(1);
    let iterations = calibrate(Duration::from_millis(ms));
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let ticker = spawn(async move {
        let mut delays = Vec::new();
        while !stopped.load(Relaxed) {
            let start = Instant::now();
            sleep(TICK).await;
            delays.push(start.elapsed().saturating_sub(TICK).as_nanos() as u64);
        }
        delays
    });
    sleep(Duration::from_millis(20)).await;
    let start = Instant::now();
    let hogs = [(); 2].map(|()| spawn(async move { black_box(spin(iterations)) }));
    for hog in hogs {
        hog.await.unwrap();
    }
    let wall = start.elapsed();
    stop.store(true, Relaxed);
    let mut delays = ticker.await.unwrap();
    check(!delays.is_empty(), ());
    Figures::ticks(&mut delays, wall)
}

pub(super) async fn timer_reset(n: u64) -> Duration {
    let mut pend = 0;
    let t = Instant::now();
    for _ in 0..n {
        let mut s = pin!(tokio::time::sleep(Duration::from_secs(3600)));
        // The first poll registers a `Sleep`.
        std::future::poll_fn(|cx| {
            if s.as_mut().poll(cx).is_pending() {
                pend += 1
            }
            Poll::Ready(())
        })
        .await;
        if pend % 64 == 0 {
            yield_now().await
        } // stay inside the cooperative budget
    }
    let d = t.elapsed();
    check(pend == n, pend);
    d
}
