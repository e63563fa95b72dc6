//! A proxy for streams: it connects each client of one address to another address. Either may be a
//! TCP address or the path of a Unix socket. SIGINT or SIGTERM shuts it down gracefully. Go: two
//! `io.Copy`s for each `net.Conn`.
//!
//! `pipe.rs` connects two streams.

#![forbid(unsafe_code)]

mod pipe;

use gort::prelude::*;
use gort::signal::{Signal, notify_context};
use gort_examples::args::{Arg, Args, duration, unknown};
use gort_examples::stream::{Door, Stream};
use gort_examples::{Failure, Outcome, print, program, raise_descriptor_limit};
use pipe::{Pipe, Totals};
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::Arc;

const USAGE: &str =
    "proxy [--idle TIME] [--drain TIME] FROM TO (each ADDRESS:PORT or a path with a '/')";
/// How long the other side may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

struct Options<'a> {
    /// How long a connection may be idle in both directions.
    idle: Duration,
    /// How long connections may last after the signal.
    drain: Duration,
    from: &'a OsStr,
    to: &'a OsStr,
}

#[gort::main]
fn main() -> ExitCode {
    program(USAGE, |args| serve(&parse(args)?))
}

fn parse(args: &[OsString]) -> Outcome<Options<'_>> {
    let (mut idle, mut drain) = (Duration::from_secs(60), Duration::from_secs(10));
    let mut words = Vec::new();
    let mut args = Args::new(args);
    while let Some(arg) = args.take()? {
        match arg {
            Arg::Option(name @ "idle") => idle = duration(args.value(name)?)?,
            Arg::Option(name @ "drain") => drain = duration(args.value(name)?)?,
            Arg::Option(name) => return Err(unknown(name)),
            Arg::Word(word) => words.push(word),
        }
    }
    match words[..] {
        [from, to] => Ok(Options {
            idle,
            drain,
            from,
            to,
        }),
        _ => Err(Failure::usage("expected two addresses")),
    }
}

fn serve(options: &Options<'_>) -> Outcome {
    let (ctx, stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
    raise_descriptor_limit();
    let door = Arc::new(Door::open(options.from)?);
    print([format!("serving {door}")])?;
    let closer = Arc::clone(&door);
    ctx.after_func(move || closer.close());
    let totals = Arc::new(Totals::default());
    let connections = WaitGroup::new();
    while let Some(client) = door.accept() {
        let (totals, idle, to) = (Arc::clone(&totals), options.idle, options.to.to_owned());
        connections.go(move || match Stream::connect(&to, CONNECT) {
            Ok(server) => Pipe::new(client, server, idle).run(&totals),
            // The client sees the end of the stream.
            Err(e) => eprintln!("proxy: {}: {e}", to.display()),
        });
    }
    stop.cancel();
    let in_time = connections.wait_timeout(options.drain);
    print([totals.to_string()])?;
    match in_time {
        true => Ok(()),
        false => Err(Failure::Failed("connections have been cut off".into())),
    }
}
