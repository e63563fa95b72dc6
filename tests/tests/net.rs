//! TCP as users of std know it, in goroutines and on plain threads.

use gort::net::{Shutdown, TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::tcp::{listen, pair};
use gort_tests::{claims, parked, settle, waiting};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, SocketAddr};
use std::thread;
use std::time::Instant;

/// Sends back what it receives until the other end has no more.
fn echo(mut stream: &TcpStream) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf)? {
            0 => return stream.shutdown(Shutdown::Write),
            n => stream.write_all(&buf[..n])?,
        }
    }
}

/// Starts a server that echoes on every connection.
fn echo_server() -> (JoinHandle<()>, SocketAddr, TcpListener) {
    let (listener, addr) = listen();
    let handle = listener.try_clone().expect("another handle");
    let server = go! {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            // A client that leaves early is not the server's problem.
            go! { echo(&stream).ok(); };
        }
    };
    (server, addr, handle)
}

/// Sends `message` and checks that it comes back.
fn round_trip(mut stream: &TcpStream, message: &[u8]) {
    let mut back = vec![0; message.len()];
    stream.write_all(message).expect("write");
    stream.read_exact(&mut back).expect("read");
    assert!(back == message, "what comes back is what was sent");
}

/// Waits until `holds` returns true. Other goroutines or processes are about to make it so.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < patience, "in vain: {what}");
        gort::time::sleep(Duration::from_millis(1));
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("threads")
        .count()
}

claims! {
    fn what_one_end_writes_the_other_reads() {
        let (mut near, mut far) = pair();
        near.write_all(b"ping").expect("write");
        let mut buf = [0; 8];
        assert_eq!(far.read(&mut buf).expect("read"), 4);
        assert_eq!(&buf[..4], b"ping");
        assert_eq!(near.local_addr().expect("address"), far.peer_addr().expect("address"));
        assert_eq!(near.peer_addr().expect("address"), far.local_addr().expect("address"));
    }

    fn a_reader_that_waits_gets_what_comes_later() {
        let (mut near, mut far) = pair();
        let reader = parked(WaitReason::IoWait, move || {
            let mut buf = [0; 3];
            far.read_exact(&mut buf).map(|()| buf)
        });
        near.write_all(b"abc").expect("write");
        assert_eq!(&reader.join().expect("join").expect("read"), b"abc");
    }

    // DL06
    fn a_goroutine_in_accept_is_no_deadlock() {
        let (listener, addr) = listen();
        let (tx, rx) = bounded(0);
        let server = go!(move || {
            let (stream, from) = listener.accept().expect("accept");
            tx.send(from).expect("main waits");
            drop(stream);
        });
        // Main and the server are parked, and nothing in this process acts for a while.
        let mut client = std::process::Command::new("bash")
            .args(["-c", &format!("sleep 0.2; exec 3<>/dev/tcp/{}/{}; cat <&3", addr.ip(), addr.port())])
            .spawn()
            .expect("bash");
        assert!(rx.recv().expect("a client").ip().is_loopback());
        server.join().expect("join");
        assert!(gort::blocking(|| client.wait()).expect("wait").success());
    }

    fn the_end_of_the_stream_is_a_read_of_nothing() {
        let (near, mut far) = pair();
        let reader = parked(WaitReason::IoWait, move || far.read(&mut [0; 8]));
        drop(near);
        assert_eq!(reader.join().expect("join").expect("read"), 0);
    }

    fn one_direction_ends_and_the_other_continues() {
        let (mut near, mut far) = pair();
        near.write_all(b"question").expect("write");
        near.shutdown(Shutdown::Write).expect("shutdown");
        let mut question = String::new();
        far.read_to_string(&mut question).expect("read");
        assert_eq!(question, "question");
        far.write_all(b"answer").expect("write");
        drop(far);
        let mut answer = String::new();
        near.read_to_string(&mut answer).expect("read");
        assert_eq!(answer, "answer");
        assert_eq!(
            near.write(b"more").expect_err("after shutdown").kind(),
            ErrorKind::BrokenPipe
        );
    }

    fn shutdown_wakes_a_reader_of_the_same_socket() {
        let (near, _far) = pair();
        let mut reader = near.try_clone().expect("clone");
        let reader = parked(WaitReason::IoWait, move || reader.read(&mut [0; 8]));
        near.shutdown(Shutdown::Both).expect("shutdown");
        assert_eq!(reader.join().expect("join").expect("read"), 0);
    }

    fn a_connection_that_is_refused_is_an_error() {
        let (listener, addr) = listen();
        drop(listener);
        assert_eq!(
            TcpStream::connect(addr).expect_err("nobody listens").kind(),
            ErrorKind::ConnectionRefused
        );
        let soon = Duration::from_secs(60);
        assert_eq!(
            TcpStream::connect_timeout(&addr, soon).expect_err("nobody listens").kind(),
            ErrorKind::ConnectionRefused
        );
    }

    fn connect_tries_every_address() {
        let (closed, refused) = listen();
        drop(closed);
        let (listener, addr) = listen();
        let stream = TcpStream::connect(&[refused, addr][..]).expect("the second address");
        assert_eq!(stream.peer_addr().expect("address"), addr);
        listener.accept().expect("accept");
        let nowhere: &[SocketAddr] = &[];
        assert_eq!(
            TcpStream::connect(nowhere).expect_err("no address").kind(),
            ErrorKind::InvalidInput
        );
        assert!(TcpStream::connect(("localhost", addr.port())).is_ok());
    }

    fn peek_takes_nothing() {
        let (mut near, mut far) = pair();
        near.write_all(b"xy").expect("write");
        let mut buf = [0; 2];
        assert!(far.peek(&mut buf).expect("peek") > 0);
        far.read_exact(&mut buf).expect("read");
        assert_eq!(&buf, b"xy");
    }

    fn several_buffers_go_in_one_call() {
        let (mut near, mut far) = pair();
        let n = near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).expect("write");
        assert_eq!(n, 5);
        drop(near);
        let (mut first, mut second) = ([0; 4], [0; 4]);
        let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(far.read_vectored(&mut bufs).expect("read"), 5);
        assert_eq!((&first, second[0]), (b"abcd", b'e'));
    }

    fn options_are_those_of_the_socket() {
        let (near, _far) = pair();
        near.set_nodelay(true).expect("nodelay");
        near.set_ttl(42).expect("ttl");
        near.set_linger(Some(Duration::from_secs(3))).expect("linger");
        let other = near.try_clone().expect("clone");
        assert!(other.nodelay().expect("nodelay"));
        assert_eq!(other.ttl().expect("ttl"), 42);
        assert_eq!(other.linger().expect("linger"), Some(Duration::from_secs(3)));
        assert!(other.take_error().expect("no error").is_none());
    }

    fn a_non_blocking_socket_does_not_wait() {
        let (near, far) = pair();
        far.set_nonblocking(true).expect("set");
        assert_eq!((&far).read(&mut [0; 1]).expect_err("nothing there").kind(), ErrorKind::WouldBlock);
        (&near).write_all(b"!").expect("write");
        far.set_nonblocking(false).expect("set");
        assert_eq!((&far).read(&mut [0; 1]).expect("read"), 1);
        let (listener, _) = listen();
        listener.set_nonblocking(true).expect("set");
        assert_eq!(listener.accept().expect_err("nobody there").kind(), ErrorKind::WouldBlock);
    }

    fn sockets_go_to_std_and_back() {
        let (near, far) = pair();
        let (mut near, mut far) = (net::TcpStream::from(near), net::TcpStream::from(far));
        let blocked = thread::spawn(move || {
            let mut buf = [0; 2];
            far.read_exact(&mut buf).expect("std's socket blocks");
            far
        });
        near.write_all(b"hi").expect("write");
        let far = gort::blocking(|| blocked.join()).expect("join");
        let (near, far) = (TcpStream::from(near), TcpStream::from(far));
        let echoing = go!(move || echo(&far));
        round_trip(&near, b"as before");
        drop(near);
        echoing.join().expect("join").expect("echo");

        let listener = net::TcpListener::from(listen().0);
        let addr = listener.local_addr().expect("address");
        let listener = TcpListener::from(listener);
        let accepted = parked(WaitReason::IoWait, move || listener.accept().is_ok());
        TcpStream::connect(addr).expect("connect");
        assert!(accepted.join().expect("join"));
    }

    fn a_shared_socket_goes_to_std_by_a_descriptor_of_its_own() {
        let (near, far) = pair();
        let other = far.try_clone().expect("clone");
        let far = net::TcpStream::from(far);
        (&near).write_all(b"12").expect("write");
        let mut buf = [0; 1];
        (&other).read_exact(&mut buf).expect("read");
        assert_eq!(&buf, b"1");
        (&far).read_exact(&mut buf).expect("read");
        assert_eq!(&buf, b"2");
        drop(far);
        let reader = parked(WaitReason::IoWait, move || (&other).read(&mut [0; 1]));
        (&near).write_all(b"3").expect("write");
        assert_eq!(reader.join().expect("join").expect("read"), 1);
    }

    fn more_than_the_buffers_hold_gets_through() {
        let (near, far) = pair();
        let message: Vec<u8> = (0..16 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let copy = message.clone();
        let writer = go!(move || {
            (&near).write_all(&copy).expect("write");
            drop(near);
        });
        let mut got = Vec::new();
        (&far).read_to_end(&mut got).expect("read");
        assert!(got == message, "{} bytes of {}", got.len(), message.len());
        writer.join().expect("join");
    }

    fn both_directions_of_a_socket_are_used_at_once() {
        let (near, far) = pair();
        let echoing = go!(move || echo(&far));
        let writer = near.try_clone().expect("clone");
        let message = vec![7; 4 << 20];
        let copy = message.clone();
        let writing = go!(move || {
            (&writer).write_all(&copy).expect("write");
            writer.shutdown(Shutdown::Write).expect("shutdown");
        });
        let mut got = Vec::new();
        (&near).read_to_end(&mut got).expect("read");
        assert!(got == message, "{} bytes of {}", got.len(), message.len());
        writing.join().expect("join");
        echoing.join().expect("join").expect("echo");
    }

    // NP14
    fn concurrent_accepts_lose_no_connection() {
        let (listener, addr) = listen();
        let accepting: Vec<_> = (0..10)
            .map(|_| {
                let listener = listener.try_clone().expect("clone");
                go!(move || {
                    let mut accepted = 0;
                    while let Ok((stream, _)) = listener.accept() {
                        round_trip(&stream, b"welcome");
                        accepted += 1;
                    }
                    accepted
                })
            })
            .collect();
        let dialling: Vec<_> = (0..100)
            .map(|_| go!(move || echo(&TcpStream::connect(addr).expect("connect"))))
            .collect();
        for dial in dialling {
            dial.join().expect("join").expect("echo");
        }
        listener.close();
        let accepted: u32 = accepting.into_iter().map(|a| a.join().expect("join")).sum();
        assert_eq!(accepted, 100);
    }

    // NP01
    fn a_thousand_connections_need_no_threads() {
        let (server, addr, listener) = echo_server();
        round_trip(&TcpStream::connect(addr).expect("connect"), b"first");
        let streams: Vec<_> = (0..1000).map(|_| TcpStream::connect(addr).expect("connect")).collect();
        for (i, stream) in streams.iter().enumerate() {
            round_trip(stream, &i.to_le_bytes());
        }
        settle();
        assert!(waiting(WaitReason::IoWait) >= 1001, "each connection has a goroutine that waits");
        // There are far fewer threads than connections. The number itself depends on the machine:
        // on a busy one sysmon hands on the P of each M that the kernel has not run for 10 ms.
        assert!(threads() < 200, "{} threads", threads());
        drop(streams);
        listener.close();
        server.join().expect("join");
        eventually("every goroutine has seen the end", || waiting(WaitReason::IoWait) == 0);
    }

    fn plain_threads_are_served_and_serve() {
        let (listener, addr) = listen();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("accept");
            echo(&stream).expect("echo");
            let (stream, _) = listener.accept().expect("accept");
            echo(&stream).expect("echo");
        });
        let client = thread::spawn(move || {
            let stream = TcpStream::connect(addr).expect("connect");
            round_trip(&stream, b"from thread to thread");
        });
        gort::blocking(|| client.join()).expect("join");
        let stream = TcpStream::connect(addr).expect("connect");
        for _ in 0..100 {
            round_trip(&stream, b"from goroutine to thread");
        }
        drop(stream);
        gort::blocking(|| server.join()).expect("join");
    }
}
