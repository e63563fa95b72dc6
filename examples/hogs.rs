//! Shows what goroutines that never yield cost the others. Go: `cpu_hog`, and the question of
//! golang/go#10958.

use gort::blocking;
use gort::prelude::*;
use gort::time::sleep;
use gort_examples::{Failure, Outcome, number, print, program};
use std::fs;
use std::hint::spin_loop;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

const TICK: Duration = Duration::from_millis(1);
const SLEEPERS: usize = 64;
const MANY: usize = 1_000;

#[gort::main(procs = 2)]
fn main() -> ExitCode {
    program("hogs [SECONDS]", |args| match args {
        [] => hogs(5),
        [seconds] => hogs(number::<NonZeroU64>(seconds)?.get()),
        _ => Err(Failure::usage("expected one number at most")),
    })
}

fn hogs(seconds: u64) -> Outcome {
    let time = Duration::from_secs(seconds);
    let spin = || spin_loop();
    let mut lines = vec![ticks("alone", time)];
    lines.push(beside(2, spin, || ticks("beside 2 that compute", time))?);
    lines.push(beside(MANY, spin, || {
        let line = ticks("beside 1000 that compute", time);
        format!("{line}, {} threads", threads())
    })?);
    let unannounced = || thread::sleep(Duration::from_millis(100));
    let announced = || blocking(|| thread::sleep(Duration::from_millis(100)));
    let (mut blocked, mut told) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let alone = round_trips(time / 5);
        blocked.push(beside(SLEEPERS, unannounced, || round_trips(time / 5))? / alone);
        told.push(beside(SLEEPERS, announced, || round_trips(time / 5))? / alone);
    }
    lines.push(format!(
        "ping-pong beside {SLEEPERS} in thread::sleep(100 ms): {:.0} % of its rate, inside `blocking` {:.0} % (medians of 5)",
        100.0 * median(&mut blocked),
        100.0 * median(&mut told)
    ));
    print(lines)
}

/// Runs `f` beside `n` goroutines that call `step` again and again.
fn beside<T>(n: usize, step: fn(), f: impl FnOnce() -> T) -> Result<T, JoinError> {
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..n)
        .map(|_| go!(clone [stop]; move || while !stop.load(Relaxed) { step() }))
        .collect();
    let result = f();
    stop.store(true, Relaxed);
    busy.into_iter().try_for_each(JoinHandle::join)?;
    Ok(result)
}

/// Measures the delays of a 1 ms ticker.
fn ticks(what: &str, time: Duration) -> String {
    let started = Instant::now();
    let mut late = Vec::new();
    while started.elapsed() < time {
        let due = Instant::now() + TICK;
        sleep(TICK);
        late.push(due.elapsed().as_secs_f64() * 1e3);
    }
    late.sort_by(f64::total_cmp);
    let quantile = |q: usize| late[(late.len() - 1) * q / 1000];
    format!(
        "ticker of 1 ms {what}: {} ticks, late by {:.2} ms (median), {:.2} (p99), {:.2} (most)",
        late.len(),
        quantile(500),
        quantile(990),
        quantile(1000)
    )
}

/// Returns the number of round trips over two rendezvous channels per second.
fn round_trips(time: Duration) -> f64 {
    let (ping, pinged) = bounded(0);
    let (pong, ponged) = bounded(0);
    let echo = go!(move || pinged.iter().try_for_each(|n| pong.send(n)));
    let started = Instant::now();
    let mut n = 0_u64;
    while started.elapsed() < time {
        (0..100).for_each(|_| assert!(ping.send(n).is_ok() && ponged.recv() == Ok(n)));
        n += 100;
    }
    drop((ping, echo));
    n as f64 / started.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
