//! Sleeping, alone and beside goroutines that compute, and timers that no goroutine waits for.

use bench_common::{Figures, calibrate, check, cpu_time, lcg, spin};
use gort::prelude::*;
use gort::time::{Timer, sleep};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

pub(super) fn timers(n: u64) -> Figures {
    let in_time = Arc::new(AtomicU64::new(0));
    let wg = WaitGroup::new();
    wg.add(n as usize);
    let mut random = 12345;
    let (start, cpu) = (Instant::now(), cpu_time());
    for _ in 0..n {
        let pause = Duration::from_millis(1 + (lcg(&mut random) >> 33) % 1000);
        go!(clone [in_time, wg]; move || {
            let start = Instant::now();
            sleep(pause);
            if start.elapsed() >= pause {
                in_time.fetch_add(1, Relaxed);
            }
            wg.done();
        });
    }
    wg.wait();
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    check(in_time.load(Relaxed) == n, &in_time);
    Figures::timers(n, wall, cpu)
}

/// Creates a timer and stops it.
pub(super) fn timer_reset(n: u64) -> Figures {
    let mut stopped = 0;
    let start = Instant::now();
    for _ in 0..n {
        let timer = Timer::new(Duration::from_secs(3600));
        stopped += u64::from(timer.stop());
    }
    let elapsed = start.elapsed();
    check(stopped == n, stopped);
    Figures::per_op(n, elapsed)
}

/// Runs a ticker of 1 ms beside two goroutines that compute for `ms` each.
pub(super) fn cpu_hog(ms: u64) -> Figures {
    const TICK: Duration = Duration::from_millis(1);
    let iterations = calibrate(Duration::from_millis(ms));
    let stop = Arc::new(AtomicBool::new(false));
    let ticker = go!(clone [stop]; move || {
        let mut delays = Vec::new();
        while !stop.load(Relaxed) {
            let start = Instant::now();
            sleep(TICK);
            delays.push(start.elapsed().saturating_sub(TICK).as_nanos() as u64);
        }
        delays
    });
    sleep(Duration::from_millis(20));
    let start = Instant::now();
    super::join_all((0..2).map(|_| {
        go!(move || {
            black_box(spin(iterations));
        })
    }));
    let wall = start.elapsed();
    stop.store(true, Relaxed);
    let mut delays = ticker.join().unwrap_or_default();
    check(!delays.is_empty(), ());
    Figures::ticks(&mut delays, wall)
}
