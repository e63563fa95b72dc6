//! Keeps commands running: when one ends, it is started again, after pauses that double. SIGHUP
//! restarts all commands. SIGINT or SIGTERM asks them to end, and a second signal kills them. Go: a
//! goroutine for each exec.Cmd, and a signal.Notify.
//!
//! `child.rs` runs one command, and `options.rs` has the command line.

#![forbid(unsafe_code)]

mod child;
mod options;

use child::{End, Keeper};
use gort::prelude::*;
use gort::signal::{Signal, notify};
use gort_examples::{Failure, Outcome, print, program};
use options::{Options, USAGE};
use std::process::ExitCode;
use std::sync::Arc;

#[gort::main]
fn main() -> ExitCode {
    program(USAGE, |args| supervise(Options::parse(args)?))
}

fn supervise(options: Options) -> Outcome {
    let signals = notify(&[Signal::SIGINT, Signal::SIGTERM]);
    let (ctx, end) = Context::background().with_cancel();
    let (hurry, hurry_up) = Context::background().with_cancel();
    let options = Arc::new(options);
    let (log, lines) = bounded(16);
    let (ends, ended) = bounded(options.commands.len());
    for number in 0..options.commands.len() {
        let keeper = Keeper {
            number,
            options: Arc::clone(&options),
            ctx: ctx.clone(),
            hurry: hurry.clone(),
            anew: notify(&[Signal::SIGHUP]),
            log: log.clone(),
        };
        go!(clone(ends), { ends.send(keeper.keep()) });
    }
    drop((log, ends));
    // Collects the ends of all commands. A command ends when it is not to be started again, or
    // after a signal.
    let (mut all, mut printed) = (Vec::new(), Ok(()));
    while all.len() < options.commands.len() {
        select! {
            Ok(line) = <-lines else { continue } => if printed.is_ok() {
                printed = print([line]);
                // If nothing can be printed, no command is left running.
                if printed.is_err() {
                    end.cancel();
                }
            },
            Ok(end) = <-ended else { break } => all.push(end),
            _ = <-signals => match ctx.err() {
                None => end.cancel(),
                Some(_) => hurry_up.cancel(),
            },
        }
    }
    printed?;
    print(lines.iter())?;
    let count = |wanted: End| all.iter().filter(|&&end| end == wanted).count();
    match (count(End::Killed), count(End::Failed)) {
        (0, 0) => Ok(()),
        (0, failed) => Err(Failure::Failed(format!(
            "{failed} of {} commands failed",
            all.len()
        ))),
        (killed, _) => Err(Failure::Failed(format!(
            "{killed} of {} commands had to be killed",
            all.len()
        ))),
    }
}
