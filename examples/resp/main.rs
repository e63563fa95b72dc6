//! A store of keys and values that speaks Redis's protocol: `redis-cli` and `redis-benchmark` are
//! clients. SIGINT or SIGTERM shuts it down gracefully. Go: a goroutine for each `net.Conn`, with a
//! map under a `sync.Mutex`.
//!
//! `wire.rs` has the protocol, `store.rs` the keys and values, `command.rs` the commands, and
//! `client.rs` a connection.

#![forbid(unsafe_code)]

mod client;
mod command;
mod store;
mod wire;

use gort::prelude::*;
use gort::signal::{Signal, notify_context};
use gort_examples::stream::Door;
use gort_examples::{Failure, Outcome, print, program, raise_descriptor_limit};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;

/// How long the server works after the signal on commands that clients have sent before.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the server removes expired keys that no client asks for.
const SWEEP: Duration = Duration::from_secs(1);

#[gort::main]
fn main() -> ExitCode {
    program("resp ADDRESS:PORT|PATH…", |args| match args {
        [] => Err(Failure::usage("expected addresses, or paths with a '/'")),
        [option, ..] if option.to_string_lossy().starts_with("--") => {
            Err(Failure::usage(format!("there is no option {option:?}")))
        }
        addrs => serve(addrs),
    })
}

fn serve(addrs: &[OsString]) -> Outcome {
    let (ctx, stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
    raise_descriptor_limit();
    let open = |addr: &OsString| Door::open(addr).map(Arc::new);
    let doors: Vec<_> = addrs.iter().map(open).collect::<Outcome<_>>()?;
    print(doors.iter().map(|door| format!("serving {door}")))?;
    let store = Arc::new(Store::new());
    let connections = WaitGroup::new();
    for door in &doors {
        let (door, store, ctx) = (Arc::clone(door), Arc::clone(&store), ctx.clone());
        go!(clone(connections), {
            while let Some(stream) = door.accept() {
                let (store, ctx) = (Arc::clone(&store), ctx.clone());
                // An error of a connection is not the server's problem.
                connections.go(move || client::serve(&Arc::new(stream), &store, &ctx).ok());
            }
        });
    }
    let sweeps = Ticker::new(SWEEP);
    loop {
        select! {
            <-sweeps => store.sweep(),
            <-ctx => break,
        }
    }
    // The next signal ends the process at once.
    stop.cancel();
    doors.iter().for_each(|door| door.close());
    match connections.wait_timeout(DRAIN) {
        true => Ok(()),
        false => Err(Failure::Failed("connections have been cut off".into())),
    }
}
