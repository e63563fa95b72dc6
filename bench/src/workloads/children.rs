//! Child processes, many at the same time.

use bench_common::{Figures, allow_descriptors, check};
use gort::prelude::*;
use gort::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Instant;

const TICK: Duration = Duration::from_millis(1);

/// Sleeps for 1 ms again and again until `stop` is set. Returns how late each sleep ended, in ns.
/// `sleep` makes the goroutine or the thread sleep.
fn tick(stop: &AtomicBool, sleep: fn(Duration)) -> Vec<u64> {
    let mut delays = Vec::new();
    while !stop.load(Relaxed) {
        let start = Instant::now();
        sleep(TICK);
        delays.push(start.elapsed().saturating_sub(TICK).as_nanos() as u64);
    }
    delays
}

/// Starts `n` children and waits for each in a goroutine of its own. All of them live at the same
/// time: none ends before the last has started. If `in_turn` is set, they then end one after
/// another. Otherwise all end in one moment, so there are as many runnable processes as children.
///
/// Returns how late two tickers were in this time: a goroutine's, and a plain thread's as a
/// control, which shows how much of the delay is the machine's.
pub(super) fn children(n: u64, in_turn: bool) -> Figures {
    // Each child needs an input and a pidfd, and the program needs some more descriptors.
    allow_descriptors(2 * n + 100);
    let stop = Arc::new(AtomicBool::new(false));
    let thread = thread::spawn({
        let stop = Arc::clone(&stop);
        move || tick(&stop, thread::sleep)
    });
    let ticker = go!(clone [stop]; move || tick(&stop, gort::time::sleep));
    let (inputs, started) = bounded(n as usize);
    let begun = Instant::now();
    let waits: Vec<_> = (0..n)
        .map(|i| {
            go!(clone [inputs]; move || {
                let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
                inputs.send((i, child.stdin.take())).ok();
                child.wait()
            })
        })
        .collect();
    let mut inputs: Vec<_> = started.iter().take(waits.len()).collect();
    let all = begun.elapsed();
    inputs.sort_unstable_by_key(|&(i, _)| i);
    let mut inputs = inputs.into_iter();
    if !in_turn {
        inputs.by_ref().for_each(drop);
    }
    for wait in waits {
        drop(inputs.next());
        let status = wait.join().map(|status| status.is_ok_and(|s| s.success()));
        check(matches!(status, Ok(true)), n);
    }
    let wall = begun.elapsed();
    stop.store(true, Relaxed);
    let mut delays = ticker.join().unwrap_or_default();
    let mut control = thread.join().unwrap_or_default();
    check(!delays.is_empty() && !control.is_empty(), ());
    let late = |delays: &[u64]| delays.iter().filter(|&&ns| ns > 10_000_000).count() as f64;
    let (ticker_late, thread_late) = (late(&delays), late(&control));
    control.sort_unstable();
    let thread_max = control.last().map_or(f64::NAN, |&ns| ns as f64 / 1e3);
    Figures::ticks(&mut delays, wall)
        .with("over_10ms", ticker_late)
        .with("start_ms", all.as_secs_f64() * 1e3)
        .with(
            "thread_p99_us",
            control[control.len() * 99 / 100] as f64 / 1e3,
        )
        .with("thread_max_us", thread_max)
        .with("thread_over_10ms", thread_late)
}
