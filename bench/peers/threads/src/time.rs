//! Sleeping, alone and beside threads that compute.

use crate::spawning::{go, join};
use bench_common::{Figures, calibrate, check, cpu_time, lcg, spin};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

pub(super) fn timers(n: u64) -> Figures {
    let in_time = Arc::new(AtomicU64::new(0));
    let mut random = 12345;
    let (start, cpu) = (Instant::now(), cpu_time());
    let threads = (0..n)
        .map(|_| {
            let pause = Duration::from_millis(1 + (lcg(&mut random) >> 33) % 1000);
            let in_time = in_time.clone();
            go(move || {
                let start = Instant::now();
                sleep(pause);
                if start.elapsed() >= pause {
                    in_time.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    join(threads);
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    check(in_time.load(Relaxed) == n, &in_time);
    Figures::timers(n, wall, cpu)
}

pub(super) fn cpu_hog(ms: u64) -> Figures {
    const TICK: Duration = Duration::from_millis(1);
    let iterations = calibrate(Duration::from_millis(ms));
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let ticker = thread::spawn(move || {
        let mut delays = Vec::new();
        while !stopped.load(Relaxed) {
            let start = Instant::now();
            sleep(TICK);
            delays.push(start.elapsed().saturating_sub(TICK).as_nanos() as u64);
        }
        delays
    });
    sleep(Duration::from_millis(20));
    let start = Instant::now();
    let hog = || {
        go(move || {
            black_box(spin(iterations));
        })
    };
    join(vec![hog(), hog()]);
    let wall = start.elapsed();
    stop.store(true, Relaxed);
    let mut delays = ticker.join().unwrap();
    check(!delays.is_empty(), ());
    Figures::ticks(&mut delays, wall)
}
