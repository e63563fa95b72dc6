//! A chat over TCP or a Unix socket: every client receives what each client says. SIGINT or SIGTERM
//! shuts it down gracefully. Go: a goroutine per net.Conn and direction, under a
//! signal.NotifyContext.
//!
//! `client.rs` has the two goroutines of each client. `room.rs` has what they share: the members,
//! the limit for slow ones, and the end. `../src/stream.rs` has the listeners and the connections.

mod client;
mod room;

use gort::context::Context;
use gort::prelude::*;
use gort::scope;
use gort::signal::{Signal, notify_context};
use gort_examples::stream::Door;
use gort_examples::{Failure, Outcome, print, program, raise_descriptor_limit};
use room::Room;
use std::ffi::OsString;
use std::process::ExitCode;

#[gort::main]
fn main() -> ExitCode {
    program("chat ADDRESS:PORT|PATH…", |args| match args {
        [] => Err(Failure::usage("expected addresses, or paths with a '/'")),
        addrs => serve(addrs),
    })
}

/// Serves until a signal comes, and then until all clients have received everything or their time
/// is over.
fn serve(addrs: &[OsString]) -> Outcome {
    let (ctx, stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
    raise_descriptor_limit();
    let doors: Vec<_> = addrs
        .iter()
        .map(|addr| Door::open(addr))
        .collect::<Outcome<_>>()?;
    print(doors.iter().map(|door| format!("serving {door}")))?;
    let room = &Room::new();
    // The scope ends with the last client.
    scope(|s| {
        for door in &doors {
            go!(in s; move || while let Some(stream) = door.accept() {
                go!(in s; move || client::serve(room, stream));
            });
        }
        ctx.done().recv().ok();
        // The next signal ends the process at once.
        stop.cancel();
        doors.iter().for_each(Door::close);
        room.close();
    });
    Ok(())
}
