//! Sends back what comes in on TCP connections. Go: the example of net.Listener, one goroutine per
//! connection.

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

/// Serves until the listener is closed, or cannot accept any more.
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

/// By std's copy, which knows nothing of goroutines.
fn echo(stream: &TcpStream) {
    // That a client leaves early is its own concern.
    io::copy(&mut &*stream, &mut &*stream).ok();
}

/// Opens connections to a server of its own and has something echoed on each, all of them
/// open at the same time; says how many threads that takes.
fn self_check(connections: usize) -> Outcome {
    raise_descriptor_limit();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let stop = listener.try_clone().map_err(failed)?;
    let server = go!(move || serve(&listener));
    // A few connections at a time bring to life what threads two Ps and the poller need,
    // between which the work is handed on; counted after they are gone.
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

/// Opens `n` connections and sends something there and back on all of them at the same time;
/// how many threads there are then.
fn echoed_on(addr: SocketAddr, n: usize) -> Outcome<usize> {
    let connect = |_| TcpStream::connect(addr).map_err(failed);
    let streams: Vec<_> = (0..n).map(connect).collect::<Outcome<_>>()?;
    let start = |(number, stream)| go!(move || round_trip(number, stream));
    let trips: Vec<_> = streams.into_iter().enumerate().map(start).collect();
    let end = |trip: JoinHandle<io::Result<_>>| trip.join()?.map_err(failed);
    let _open: Vec<_> = trips.into_iter().map(end).collect::<Outcome<_>>()?;
    threads()
}

/// The connection again, after its number has come back on it.
fn round_trip(number: usize, mut stream: TcpStream) -> io::Result<TcpStream> {
    let (sent, mut back) = (number.to_le_bytes(), [0; size_of::<usize>()]);
    stream.write_all(&sent)?;
    stream.read_exact(&mut back)?;
    match back == sent {
        true => Ok(stream),
        false => Err(io::Error::other("what came back is something else")),
    }
}

fn threads() -> Outcome<usize> {
    let threads = Path::new("/proc/self/task");
    Ok(fs::read_dir(threads).map_err(Failure::at(threads))?.count())
}
