//! Runs shell commands side by side and prints their lines with numbers. SIGINT or SIGTERM ends
//! them all. Go: a group of exec.CommandContexts under a signal.NotifyContext.

use gort::context::Context;
use gort::prelude::*;
use gort::process::{Command, ExitStatus, Stdio};
use gort::signal::{Signal, notify_context};
use gort_examples::{Failure, Outcome, print, program};
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;
use std::sync::Arc;

#[gort::main]
fn main() -> ExitCode {
    program("sidebyside COMMAND…", |args| match args {
        [] => Err(Failure::usage("expected commands for the shell")),
        commands => run_all(commands),
    })
}

fn run_all(commands: &[OsString]) -> Outcome {
    let (ctx, stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
    let (tx, lines) = bounded(16);
    let start = |(i, command): (usize, &OsString)| {
        let command = command.clone();
        go!(clone [ctx, tx]; move || run(&command, &ctx, |line| {
            // There is no receiver any more if standard output is closed.
            tx.send(format!("[{}] {line}", i + 1)).is_ok()
        }))
    };
    let running: Vec<_> = commands.iter().enumerate().map(start).collect();
    drop(tx);
    let printed = lines.iter().try_for_each(|line| print([line]));
    // From now on sends fail.
    drop(lines);
    let mut failed = 0;
    for command in running {
        failed += u32::from(!command.join()?.is_ok_and(|status| status.success()));
    }
    stop.cancel();
    printed?;
    match ctx.cause() {
        Some(cause) if cause.is::<Signal>() => Err(Failure::Failed(format!("stopped by {cause}"))),
        _ if failed > 0 => Err(Failure::Failed(format!(
            "{failed} of {} commands failed",
            commands.len()
        ))),
        _ => Ok(()),
    }
}

/// Runs one command until it ends, `ctx` is done, or `print` says that its lines are no longer
/// wanted.
fn run(
    command: &OsStr,
    ctx: &Context,
    mut print: impl FnMut(&str) -> bool,
) -> io::Result<ExitStatus> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(stdout) = child.stdout.take() {
        let stdout = Arc::new(stdout);
        // Wakes the reader below.
        let closer = ctx.after_func({
            let stdout = Arc::clone(&stdout);
            move || stdout.close()
        });
        let lines = BufReader::new(&*stdout).lines();
        let mut wanted = lines.map_while(Result::ok);
        if !wanted.all(|line| print(&line)) {
            child.kill()?;
        }
        closer.stop();
    }
    // The command may have closed its output and continue.
    while ctx.err().is_none() {
        if let Some(status) = child.wait_timeout(Duration::from_millis(100))? {
            return Ok(status);
        }
    }
    child.kill()?;
    child.wait()
}
