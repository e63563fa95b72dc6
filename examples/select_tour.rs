//! Shows every form of select! and what it does. Go: the select statement,
//! go.dev/tour/concurrency/5.

use gort::channel::never;
use gort::prelude::*;
use gort_examples::{Failure, Outcome, program};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

#[gort::main]
fn main() -> ExitCode {
    program("select_tour", |args| match args {
        [] => [receive, send, wait, choose, merge]
            .iter()
            .try_for_each(|part| part()),
        _ => Err(Failure::usage("expected no arguments")),
    })
}

fn say(form: &str, what: impl Display) -> Outcome {
    Ok(writeln!(io::stdout(), "{form:30}{what}")?)
}

/// Sends `first`, `first + step` and so on, up to 9. Then the channel ends.
fn numbers(first: u32, step: usize) -> Receiver<u32> {
    let (tx, rx) = bounded(0);
    go!(move || (first..10).step_by(step).try_for_each(|n| tx.send(n)));
    rx
}

fn receive() -> Outcome {
    let (rx, mut rest) = (numbers(6, 1), Vec::new());
    select! { v = <-rx => say("v = <-rx", format!("{v:?}"))? }
    select! { <-rx => say("<-rx", "7 came, but is not wanted")? }
    loop {
        select! { Ok(v) = <-rx else { break } => rest.push(v) }
    }
    assert_eq!(rest, [8, 9]);
    say("Ok(v) = <-rx else { break }", format!("{rest:?} in a loop"))?;
    let ended = select! { v = <-rx => v };
    assert_eq!(ended, Err(RecvError));
    say("v = <-ended", format!("{ended:?}, at once, every time"))
}

fn send() -> Outcome {
    let (tx, rx) = bounded(1);
    let (first, second) = ("first".to_string(), "second".to_string());
    select! { tx <- first => say("tx <- v", "moved into the channel, which is full now")? }
    select! {
        tx <- second => unreachable!("the channel is full"),
        default => say("tx <- v, not chosen", format!("{second:?} has not moved"))?,
    }
    for ready in [false, true] {
        select! {
            v = <-rx, if ready => say("v = <-rx, if true", format!("{v:?}"))?,
            default => say("v = <-rx, if false", "as if there were no channel")?,
        }
    }
    tx.close();
    let refused = select! { r = tx <- second => r };
    assert_eq!(refused, Err(SendError("second".to_string())));
    say("r = closed <- v", format!("{refused:?}, with v in it"))
}

fn wait() -> Outcome {
    let (quiet, pause) = (never::<()>(), Duration::from_millis(20));
    select! { <-quiet => unreachable!(), default => say("default", "nothing is ready")? }
    let start = Instant::now();
    select! { <-quiet => unreachable!(), after(pause) => say("after(d)", "nothing came in time")? }
    assert!(start.elapsed() >= pause);
    select! { recv(quiet) -> _ => unreachable!(), default(pause) => {} }
    say("recv(rx) -> v, default(d)", "crossbeam's syntax works too")
}

fn choose() -> Outcome {
    let (tx, ended) = bounded::<()>(0);
    tx.close();
    let (mut left, mut right) = (0, 0);
    for _ in 0..1000 {
        select! { <-ended => left += 1, <-ended => right += 1 }
        select! { biased; <-ended => {}, <-ended => unreachable!("the first one is ready") }
    }
    assert!(left > 0 && right > 0);
    say("two are ready", "either is chosen, with equal probability")?;
    say("biased; two are ready", "the first is chosen")
}

fn merge() -> Outcome {
    let (mut even, mut odd) = (Some(numbers(0, 2)), Some(numbers(1, 2)));
    let mut sum = 0;
    while even.is_some() || odd.is_some() {
        select! {
            Ok(n) = <-even else { even = None } => sum += n,
            Ok(n) = <-odd else { odd = None } => sum += n,
        }
    }
    assert_eq!(sum, (0..10).sum());
    say("v = <-option", format!("{sum}; a None is never ready"))
}
