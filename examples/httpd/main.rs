//! A web server: the files of a folder, over HTTP/1.1 and TLS. SIGINT or SIGTERM shuts it down
//! gracefully. Go: `net/http` with a `FileServer` and `Server.Shutdown`.
//!
//! `connection.rs` has the life of a connection, `request.rs` parses requests, `response.rs` writes
//! the heads of answers, `files.rs` opens files, `tls.rs` has TLS (`tls_off.rs` without the feature
//! `tls`), and `options.rs` the command line.

#![forbid(unsafe_code)]

mod connection;
mod date;
mod files;
mod options;
mod request;
mod response;
#[cfg_attr(not(feature = "tls"), path = "tls_off.rs")]
mod tls;

use connection::Server;
use files::Folder;
use gort::context::Context;
use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::signal::{Signal, notify_context};
use gort_examples::{Failure, Outcome, print, program, raise_descriptor_limit};
use options::{Options, USAGE};
use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tls::Acceptor;

/// How long requests that have begun may take after the signal.
const DRAIN: Duration = Duration::from_secs(10);

#[gort::main]
fn main() -> ExitCode {
    program(USAGE, |args| serve(&Options::parse(args)?))
}

/// Serves until a signal comes, and then until the requests that have begun are answered or their
/// time is over.
fn serve(options: &Options) -> Outcome {
    // This comes before the address is printed: a reader of the address may send a signal.
    let (ctx, stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
    raise_descriptor_limit();
    let acceptor = Acceptor::new(options)?;
    let server = Arc::new(Server::new(Folder::open(&options.dir)?, ctx.clone()));
    let listener = TcpListener::bind(&*options.addr).map_err(|e| match e.kind() {
        ErrorKind::InvalidInput => Failure::usage(format!("{:?}: {e}", options.addr)),
        _ => Failure::Failed(format!("{}: {e}", options.addr)),
    })?;
    print([format!("serving {}", listener.local_addr()?)])?;

    let waker = listener.try_clone()?;
    ctx.after_func(move || drop(waker.set_read_deadline(Some(Instant::now()))));
    let connections = WaitGroup::new();
    while let Some(stream) = accept(&listener, &ctx) {
        let (server, acceptor) = (Arc::clone(&server), acceptor.clone());
        // An error of a connection is not the server's problem.
        connections.go(move || acceptor.serve(&server, &stream).ok());
    }
    // The next signal ends the process at once.
    stop.cancel();
    if !connections.wait_timeout(DRAIN) {
        let left = server.connections();
        return Err(Failure::Failed(format!(
            "{left} connections have been cut off"
        )));
    }
    print([format!("{} requests served", server.requests())])
}

/// Accepts the next connection. Returns `None` if the server ends and no more clients are in the
/// queue.
fn accept(listener: &TcpListener, ctx: &Context) -> Option<TcpStream> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Some(stream),
            // Clients that the kernel has already accepted are served as well.
            Err(e) if e.kind() == ErrorKind::TimedOut => {
                listener.set_read_deadline(None).ok()?;
                listener.set_nonblocking(true).ok()?;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            // Most likely too many descriptors are open. The client stays in the queue.
            Err(_) if ctx.err().is_none() => sleep(Duration::from_millis(10)),
            Err(_) => return None,
        }
    }
}
