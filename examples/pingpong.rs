//! Measures a switch between two goroutines. Go: BenchmarkChanSync of runtime/chan_test.go with
//! GOMAXPROCS=1.

use gort::prelude::*;
use gort::runtime::max_procs;
use gort_examples::{Failure, Outcome, number, print, program};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Instant;

/// Number of runs whose median is printed.
const RUNS: usize = 5;

#[gort::main(procs = 1)]
fn main() -> ExitCode {
    program("pingpong [ROUNDS]", |args| match args {
        [] => pingpong(1_000_000),
        [rounds] => pingpong(number::<NonZeroU32>(rounds)?.get()),
        _ => Err(Failure::usage("expected one number at most")),
    })
}

fn pingpong(rounds: u32) -> Outcome {
    let yielding = median(|| yields(rounds))? / f64::from(rounds);
    let channels = median(|| round_trips(rounds))? / f64::from(rounds);
    let procs = match max_procs() {
        1 => "1 P".to_string(),
        n => format!("{n} Ps, so goroutines may also run side by side"),
    };
    let per_switch = |what, round| format!("{what:42}{:8.1} ns per switch", round / 2.0);
    print([
        format!("{rounds} rounds of two switches, median of {RUNS} runs, on {procs}"),
        per_switch("yield_now, two goroutines in turn:", yielding),
        per_switch("a value there and back, unbuffered:", channels),
        format!("{:42}{channels:8.1} ns per round trip", ""),
    ])
}

/// Returns the median duration of several runs in nanoseconds.
fn median(run: impl Fn() -> Result<(), JoinError>) -> Result<f64, JoinError> {
    let mut times = [0.0; RUNS];
    for time in &mut times {
        let start = Instant::now();
        run()?;
        *time = start.elapsed().as_nanos() as f64;
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// Lets two goroutines yield to each other.
fn yields(rounds: u32) -> Result<(), JoinError> {
    let turns = move || (0..rounds).for_each(|_| yield_now());
    let (ping, pong) = (go!(turns()), go!(turns()));
    ping.join()?;
    pong.join()
}

/// Sends a value to another goroutine and back.
fn round_trips(rounds: u32) -> Result<(), JoinError> {
    let (ping, pinged) = bounded(0);
    let (pong, ponged) = bounded(0);
    let echo = go! {
        for value in pinged {
            assert!(pong.send(value).is_ok());
        }
    };
    for round in 0..rounds {
        assert!(ping.send(round).is_ok());
        assert_eq!(ponged.recv(), Ok(round));
    }
    drop(ping);
    echo.join()
}
