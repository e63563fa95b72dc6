//! Sends back what it receives on TCP connections. Go: the example of net.Listener, one goroutine
//! per connection.

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::max_procs;
use gort_examples::{Failure, Outcome, number, print, program, raise_descriptor_limit};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

#[gort::main(procs = 2)]
fn main() -> ExitCode {
    let usage = "echo ADDRESS:PORT | echo check [CONNECTIONS]";
    program(usage, |args| match args {
        [check] if check == "check" => self_check(1000),
        [check, n] if check == "check" => self_check(number::<u16>(n)?.into()),
        [addr] => serve_at(addr),
        _ => Err(Failure::usage("expected an address")),
    })
}

fn serve_at(addr: &OsStr) -> Outcome {
    let addr = addr.to_string_lossy();
    let refused = |e: io::Error| match e.kind() {
        io::ErrorKind::InvalidInput => Failure::usage(format!("{addr:?}: {e}")),
        _ => Failure::Failed(format!("{addr}: {e}")),
    };
    raise_descriptor_limit();
    let listener = TcpListener::bind(&*addr).map_err(refused)?;
    let served = listener.local_addr().map_err(refused)?;
    print([format!("serving {served}")])?;
    serve(&listener)
}

/// Serves until the listener is closed or accepting fails.
fn serve(listener: &TcpListener) -> Outcome {
    loop {
        match listener.accept() {
            Ok((stream, _)) => drop(go!(move || echo(&stream))),
            Err(e) if e.kind() == io::ErrorKind::NotConnected => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(e) => return Err(failed(e)),
        }
    }
}

fn failed(e: io::Error) -> Failure {
    Failure::Failed(e.to_string())
}

/// Uses std's copy, which knows nothing of goroutines.
fn echo(stream: &TcpStream) {
    // A client that leaves early is not the server's problem.
    io::copy(&mut &*stream, &mut &*stream).ok();
}

/// Opens connections to its own server and has a message echoed on each, all of them open at the
/// same time. Prints how many threads this takes.
fn self_check(connections: usize) -> Outcome {
    raise_descriptor_limit();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let stop = listener.try_clone().map_err(failed)?;
    let server = go!(move || serve(&listener));
    // Warms up with a few connections at a time: this starts the threads that two Ps and the poller
    // need in order to pass work on. The threads are counted after these connections are closed.
    for _ in 0..100 {
        echoed_on(addr, 16)?;
    }
    let without = threads()?;
    let with = echoed_on(addr, connections)?;
    stop.close();
    server.join()??;
    print([
        format!("{connections} connections echoed on {} Ps", max_procs()),
        format!("threads: {without} without them, {with} with them"),
    ])
}

/// Opens `n` connections and sends a message there and back on all of them at the same time.
/// Returns the number of threads while all connections are open.
fn echoed_on(addr: SocketAddr, n: usize) -> Outcome<usize> {
    let connect = |_| TcpStream::connect(addr).map_err(failed);
    let streams: Vec<_> = (0..n).map(connect).collect::<Outcome<_>>()?;
    let start = |(number, stream)| go!(move || round_trip(number, stream));
    let trips: Vec<_> = streams.into_iter().enumerate().map(start).collect();
    let end = |trip: JoinHandle<io::Result<_>>| trip.join()?.map_err(failed);
    let _open: Vec<_> = trips.into_iter().map(end).collect::<Outcome<_>>()?;
    threads()
}

/// Returns the connection after its number has come back on it.
fn round_trip(number: usize, mut stream: TcpStream) -> io::Result<TcpStream> {
    let (sent, mut back) = (number.to_le_bytes(), [0; size_of::<usize>()]);
    stream.write_all(&sent)?;
    stream.read_exact(&mut back)?;
    match back == sent {
        true => Ok(stream),
        false => Err(io::Error::other(
            "what came back differs from what was sent",
        )),
    }
}

fn threads() -> Outcome<usize> {
    let threads = Path::new("/proc/self/task");
    Ok(fs::read_dir(threads).map_err(Failure::at(threads))?.count())
}
