//! Tests the example `proxy` between clients and a server that are not goroutines.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Folder, PROCS, Program, WATCHDOG, connect};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

/// Sends back what it receives until the end, and then `bye`.
fn echo(mut input: impl Read, mut output: impl Write, end: impl FnOnce()) {
    io::copy(&mut input, &mut output).ok();
    output.write_all(b"bye").ok();
    end();
}

/// Starts a server at a free port.
fn tcp_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            let other = stream.try_clone().unwrap();
            thread::spawn(move || echo(&stream, &other, || drop(stream.shutdown(Shutdown::Write))));
        }
    });
    address
}

/// Sends much, and reads all of it while it sends.
fn talk(mut input: impl Read, mut output: impl Write + Send, end: impl FnOnce() + Send) {
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut heard = Vec::new();
    thread::scope(|s| {
        s.spawn(|| {
            output.write_all(&sent).unwrap();
            end();
        });
        input.read_to_end(&mut heard).unwrap();
    });
    assert!(
        heard.strip_suffix(b"bye") == Some(&sent[..]),
        "{} bytes",
        heard.len()
    );
}

#[test]
fn both_directions_flow_at_once_and_each_has_its_end() {
    for procs in PROCS {
        let mut proxy = Program::start("proxy", procs, ["127.0.0.1:0", &tcp_server()]);
        let address = proxy.address();
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let stream = connect(&address);
                thread::spawn(move || {
                    talk(&stream, &stream, || {
                        stream.shutdown(Shutdown::Write).unwrap();
                    });
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        proxy.signal(libc::SIGTERM);
        assert_eq!(proxy.wait().code(), Some(0));
        assert_eq!(
            proxy.rest(),
            "4 connections, 12000000 bytes up, 12000012 bytes down\n"
        );
    }
}

#[test]
fn either_side_may_be_a_unix_socket() {
    let folder = Folder::new();
    let (inner, outer) = (folder.path().join("inner"), folder.path().join("outer"));
    let listener = UnixListener::bind(&inner).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            echo(&stream, &stream, || drop(stream.shutdown(Shutdown::Write)));
        }
    });
    let mut proxy = Program::start("proxy", "2", [&outer, &inner]);
    proxy.address();
    let stream = UnixStream::connect(&outer).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    talk(&stream, &stream, || {
        stream.shutdown(Shutdown::Write).unwrap();
    });
    proxy.signal(libc::SIGTERM);
    assert_eq!(proxy.wait().code(), Some(0));
    assert!(!outer.exists());
}

#[test]
fn only_a_connection_idle_in_both_directions_is_cut_off() {
    // If this process stands still for a second, all connections are idle.
    cuts_off_only_the_idle_one("1s")
        .or_else(|_| cuts_off_only_the_idle_one("10s"))
        .unwrap();
}

/// Returns an error if a connection that is not idle ends as well, or the idle one too early.
fn cuts_off_only_the_idle_one(limit: &str) -> io::Result<()> {
    let server = tcp_server();
    let mut proxy = Program::start("proxy", "2", ["--idle", limit, "127.0.0.1:0", &server]);
    let address = proxy.address();
    let mut idle = connect(&address);
    let mut busy = connect(&address);
    // A client that only reads, whose server sends all the time.
    let talker = TcpListener::bind("127.0.0.1:0").unwrap();
    let talker_address = talker.local_addr().unwrap().to_string();
    let mut other = Program::start(
        "proxy",
        "2",
        ["--idle", limit, "127.0.0.1:0", &talker_address],
    );
    let mut hears = connect(&other.address());
    let (mut talks, _) = talker.accept()?;
    let mut byte = [0];
    talks.write_all(b"z")?;
    hears.read_exact(&mut byte)?;
    // Runs until the proxy has ended the idle connection. The other two have been open for longer.
    idle.write_all(b"x")?;
    let ended = thread::spawn(move || {
        let mut all = Vec::new();
        idle.read_to_end(&mut all).ok();
        all
    });
    while !ended.is_finished() {
        busy.write_all(b"y")?;
        busy.read_exact(&mut byte)?;
        talks.write_all(b"z")?;
        hears.read_exact(&mut byte)?;
    }
    if ended.join().unwrap() != b"x" {
        return Err(io::Error::other("it was cut off before it was heard"));
    }
    busy.write_all(b"y")?;
    busy.read_exact(&mut byte)?;
    assert_eq!(byte, *b"y");
    Ok(())
}

#[test]
fn a_client_whose_server_is_unreachable_sees_the_end() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let mut proxy = Program::start("proxy", "2", ["127.0.0.1:0", &address]);
    let mut stream = connect(&proxy.address());
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn at_the_end_connections_have_their_time_and_no_more() {
    let server = tcp_server();
    for (drain, status) in [("60s", 0), ("100ms", 1)] {
        let mut proxy = Program::start("proxy", "2", ["--drain", drain, "127.0.0.1:0", &server]);
        let address = proxy.address();
        let mut stream = connect(&address);
        let mut byte = [0];
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut byte).unwrap();
        proxy.signal(libc::SIGTERM);
        if status == 0 {
            // No more clients are accepted, and connections that are open continue.
            while std::net::TcpStream::connect(&address).is_ok() {}
            stream.write_all(b"y").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).ok();
        assert_eq!(rest, if status == 0 { &b"ybye"[..] } else { b"" });
        assert_eq!(proxy.wait().code(), Some(status));
    }
}
