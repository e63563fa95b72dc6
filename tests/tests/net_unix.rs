//! UX: Unix sockets, which connect processes of one machine.

use gort::context::{Context, ContextError};
use gort::net::{Shutdown, UnixDatagram, UnixListener, UnixStream};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::{claims, parked, role, run_child, settle};
use std::io::{self, ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// An unused path. Dropping it removes what is there.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("gort-{name}-{}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Returns an unused abstract name.
fn name(name: &str) -> SocketAddr {
    let name = format!("gort\0{name}\0{}", std::process::id());
    SocketAddr::from_abstract_name(name).expect("a short name")
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("an operation that must fail").kind()
}

/// Returns a listener whose queue is full, and the sockets in the queue.
fn full(addr: &SocketAddr) -> (UnixListener, Vec<net::UnixStream>) {
    let listener = net::UnixListener::bind_addr(addr).expect("bind");
    socket2::SockRef::from(&listener)
        .listen(1)
        .expect("a short queue");
    let mut queued = Vec::new();
    loop {
        let client = socket2::Socket::new(
            socket2::Domain::UNIX,
            socket2::Type::STREAM.nonblocking(),
            None,
        );
        let client = client.expect("a socket");
        let name = [&[0], addr.as_abstract_name().expect("a name")].concat();
        let name = String::from_utf8(name).expect("text");
        match client.connect(&socket2::SockAddr::unix(name).expect("an address")) {
            Ok(()) => queued.push(client.into()),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::WouldBlock);
                return (UnixListener::from(listener), queued);
            }
        }
    }
}

/// Returns the processor time that this process has used, in seconds.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` lives during the call.
    let got = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(got, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

claims! {
    fn connections_are_those_of_std() {
        let place = Place::new("stream");
        let listener = UnixListener::bind(&place.0).expect("bind");
        assert_eq!(listener.local_addr().expect("address").as_pathname(), Some(&*place.0));
        let accepts = parked(WaitReason::IoWait, move || {
            let (mut stream, from) = listener.accept().expect("accept");
            assert!(from.is_unnamed());
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("read");
            stream.write_all(text.to_uppercase().as_bytes()).expect("write");
        });
        let mut near = UnixStream::connect(&place.0).expect("connect");
        near.write_all(b"quiet").expect("write");
        near.shutdown(Shutdown::Write).expect("shutdown");
        assert_eq!(io::read_to_string(&near).expect("read"), "QUIET");
        accepts.join().expect("join");
        let near = net::UnixStream::from(near);
        assert_eq!(UnixStream::from(near).peer_addr().expect("address").as_pathname(), Some(&*place.0));
        assert_eq!(kind(UnixStream::connect(&place.0)), ErrorKind::ConnectionRefused);
    }

    // UX01
    fn the_path_of_a_dropped_listener_stays() {
        let place = Place::new("path");
        drop(UnixListener::bind(&place.0).expect("bind"));
        assert_eq!(kind(UnixListener::bind(&place.0)), ErrorKind::AddrInUse);
        assert_eq!(kind(UnixDatagram::bind(&place.0)), ErrorKind::AddrInUse);
        std::fs::remove_file(&place.0).expect("it is still there");
        UnixListener::bind(&place.0).expect("bind");
    }

    // UX02
    fn abstract_names_are_passed_byte_for_byte() {
        let addr = name("bytes");
        let listener = UnixListener::bind_addr(&addr).expect("bind");
        let table = std::fs::read_to_string("/proc/net/unix").expect("the kernel's list");
        let shown = format!("@gort@bytes@{}", std::process::id());
        assert!(table.lines().any(|line| line.ends_with(&shown)), "no {shown}");
        let _std = net::UnixStream::connect_addr(&addr).expect("std's means the same");
        let near = UnixStream::connect_addr(&addr).expect("connect");
        assert_eq!(near.peer_addr().expect("address").as_abstract_name(), addr.as_abstract_name());
        assert_eq!(kind(UnixListener::bind_addr(&addr)), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(kind(UnixStream::connect_addr(&addr)), ErrorKind::ConnectionRefused);
        UnixListener::bind_addr(&addr).expect("it went with the socket");
        let longest = SocketAddr::from_abstract_name([b'x'; 107]).expect("a name");
        let listener = UnixListener::bind_addr(&longest).expect("bind");
        UnixStream::connect_addr(&longest).expect("connect");
        drop(listener);
    }

    // UX02
    fn what_is_no_path_is_invalid() {
        for path in ["x".repeat(108), "nul\0inside".to_owned()] {
            assert_eq!(kind(UnixListener::bind(&path)), ErrorKind::InvalidInput);
            assert_eq!(kind(UnixStream::connect(&path)), ErrorKind::InvalidInput);
            assert_eq!(kind(UnixDatagram::bind(&path)), ErrorKind::InvalidInput);
            let socket = UnixDatagram::unbound().expect("a socket");
            assert_eq!(kind(socket.send_to(b"x", &path)), ErrorKind::InvalidInput);
        }
        let unnamed = UnixStream::pair().expect("pair").0.local_addr().expect("address");
        assert_eq!(kind(UnixStream::connect_addr(&unnamed)), ErrorKind::InvalidInput);
    }

    // UX03
    fn a_client_that_finds_a_full_queue_waits_in_connect() {
        let addr = Arc::new(name("queue"));
        let (listener, queued) = full(&addr);
        let connecting: Vec<_> = (0..50u8).map(|i| go!(clone [addr]; move || {
            let mut stream = UnixStream::connect_addr(&addr).expect("connect");
            stream.write_all(&[i]).expect("write");
            stream.read_exact(&mut [0]).expect("read");
            stream.peer_addr().expect("it is connected");
        })).collect();
        settle();
        assert!(connecting.iter().all(|c| !c.is_finished()));
        drop(queued);
        let mut came = Vec::new();
        while came.len() < 50 {
            let (mut stream, _) = listener.accept().expect("accept");
            let mut byte = [0];
            // A read of 0 bytes is the end of a connection from `queued`.
            if stream.read(&mut byte).expect("read") == 1 {
                stream.write_all(b"!").expect("write");
                came.push(byte[0]);
            }
        }
        came.sort_unstable();
        assert!(came.into_iter().eq(0..50));
        for connect in connecting {
            connect.join().expect("join");
        }
    }

    // UX03
    fn a_wait_for_a_full_queue_ends_in_time() {
        let addr = Arc::new(name("limit"));
        let (listener, _queued) = full(&addr);
        let start = Instant::now();
        assert_eq!(kind(UnixStream::connect_timeout(&addr, 100 * MS)), ErrorKind::TimedOut);
        assert!(start.elapsed() >= 100 * MS);
        assert_eq!(kind(UnixStream::connect_timeout(&addr, Duration::ZERO)), ErrorKind::InvalidInput);

        let (ctx, _cancel) = Context::background().with_timeout(20 * MS);
        let error = UnixStream::connect_context(&ctx, &addr).expect_err("nobody accepts");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let (ctx, cancel) = Context::background().with_cancel();
        let waits = parked(WaitReason::IoWait, { let addr = Arc::clone(&addr); move || UnixStream::connect_context(&ctx, &addr) });
        // By now the goroutine has tried again several times, or is about to try again for the
        // first time. The cancellation must end the wait in both cases.
        sleep(5 * MS);
        cancel.cancel();
        let error = waits.join().expect("join").expect_err("cancelled");
        assert_eq!(error.kind(), ErrorKind::Other);
        let source = std::error::Error::source(&error).expect("a source");
        assert_eq!(source.downcast_ref(), Some(&ContextError::Canceled));

        let waits = parked(WaitReason::IoWait, move || UnixStream::connect_addr(&addr));
        drop(listener);
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::ConnectionRefused);
    }

    fn an_unused_name_is_refused() {
        assert_eq!(kind(UnixStream::connect_addr(&name("nobody"))), ErrorKind::ConnectionRefused);
        assert_eq!(kind(UnixStream::connect("/nowhere/at/all")), ErrorKind::NotFound);
    }

    // UX04
    fn a_datagram_waits_for_room() {
        const MESSAGES: u32 = 1000;
        for connected in [true, false] {
            let addr = name("room");
            let server = UnixDatagram::bind_addr(&addr).expect("bind");
            let client = UnixDatagram::unbound().expect("a socket");
            if connected {
                client.connect_addr(&addr).expect("connect");
            }
            let sends = go!(move || {
                for message in 0..MESSAGES {
                    let bytes = message.to_le_bytes();
                    let sent = if connected { client.send(&bytes) } else { client.send_to_addr(&bytes, &addr) };
                    assert_eq!(sent.expect("send"), 4);
                }
            });
            settle();
            let (start, used) = (Instant::now(), cpu_seconds());
            sleep(500 * MS);
            let busy = (cpu_seconds() - used) / start.elapsed().as_secs_f64();
            assert!(!sends.is_finished());
            assert!(busy < 0.2, "{busy} of a processor without a receiver, connected: {connected}");
            let mut buf = [0; 8];
            for message in 0..MESSAGES {
                assert_eq!(server.recv(&mut buf).expect("receive"), 4);
                assert_eq!(buf[..4], message.to_le_bytes());
            }
            sends.join().expect("join");
        }
    }

    // UX04
    fn a_send_to_a_full_peer_ends_in_time() {
        let addr = name("no-room");
        let _server = UnixDatagram::bind_addr(&addr).expect("bind");
        let client = UnixDatagram::unbound().expect("a socket");
        client.set_write_timeout(Some(20 * MS)).expect("set");
        let mut sent = 0;
        let error = loop {
            match client.send_to_addr(b"x", &addr) {
                Ok(_) => sent += 1,
                Err(e) => break e,
            }
        };
        assert!(sent > 0);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        client.set_write_timeout(None).expect("set");
        client.set_write_deadline(Some(Instant::now() + 20 * MS)).expect("set");
        assert_eq!(kind(client.send_to_addr(b"x", &addr)), ErrorKind::TimedOut);
        client.set_write_deadline(None).expect("set");
        client.set_nonblocking(true).expect("set");
        assert_eq!(kind(client.send_to_addr(b"x", &addr)), ErrorKind::WouldBlock);
        client.set_nonblocking(false).expect("set");
        let other = client.try_clone().expect("clone");
        let waits = parked(WaitReason::IoWait, move || other.send_to_addr(b"x", &addr));
        client.close();
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::NotConnected);
    }

    fn datagrams_keep_their_bounds() {
        let (near, far) = UnixDatagram::pair().expect("pair");
        for message in [&b""[..], b"abcdef", b"g"] {
            assert_eq!(near.send(message).expect("send"), message.len());
        }
        let mut buf = [0; 4];
        assert_eq!(far.recv(&mut buf).expect("receive"), 0);
        let (n, from) = far.recv_from(&mut buf).expect("receive");
        assert!(n == 4 && from.is_unnamed() && &buf == b"abcd");
        assert_eq!(far.recv(&mut buf).expect("receive"), 1);
        let waits = parked(WaitReason::IoWait, move || far.recv(&mut [0; 4]));
        near.send(b"late").expect("send");
        assert_eq!(waits.join().expect("join").expect("receive"), 4);
    }

    // UX05
    fn an_unnamed_socket_says_so() {
        let (near, far) = UnixStream::pair().expect("pair");
        assert!(near.local_addr().expect("address").is_unnamed());
        assert!(far.peer_addr().expect("address").is_unnamed());
        let cred = near.peer_cred().expect("credentials");
        assert_eq!(cred.pid(), i32::try_from(std::process::id()).ok());
        // SAFETY: the calls have no preconditions.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        assert_eq!((cred.uid(), cred.gid()), (uid, gid));
    }

    // NP05, NP11
    fn deadlines_time_outs_and_close_hold_as_for_tcp() {
        let (near, far) = UnixStream::pair().expect("pair");
        far.set_read_timeout(Some(MS)).expect("set");
        assert_eq!(kind((&far).read(&mut [0; 1])), ErrorKind::TimedOut);
        far.set_read_timeout(None).expect("set");
        assert_eq!((&far).read(&mut []).expect("at once"), 0);
        let other = far.try_clone().expect("clone");
        let waits = parked(WaitReason::IoWait, move || (&other).read(&mut [0; 1]));
        far.set_read_deadline(Some(Instant::now() - MS)).expect("set");
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::TimedOut);
        far.set_read_deadline(None).expect("set");
        let other = far.try_clone().expect("clone");
        let waits = parked(WaitReason::IoWait, move || (&other).read(&mut [0; 1]));
        far.close();
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::NotConnected);
        assert_eq!((&near).read(&mut [0; 1]).expect("the end"), 0);

        let addr = name("close");
        let listener = UnixListener::bind_addr(&addr).expect("bind");
        let other = listener.try_clone().expect("clone");
        let waits = parked(WaitReason::IoWait, move || other.incoming().next().expect("never ends").map(drop));
        listener.close();
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::NotConnected);
        UnixListener::bind_addr(&addr).expect("the name is free while the handle is still there");
    }
}

// UX05
#[test]
fn credentials_are_those_of_the_process_that_connects() {
    const TEST: &str = "net_unix::credentials_are_those_of_the_process_that_connects";
    const PATH: &str = "GORT_TESTS_SOCKET";
    if role().is_some() {
        let path = std::env::var_os(PATH).expect("a path");
        let mut stream = net::UnixStream::connect(path).expect("connect");
        stream
            .write_all(&std::process::id().to_le_bytes())
            .expect("write");
        stream
            .read_exact(&mut [0])
            .expect("the other end has looked");
        return;
    }
    let place = Place::new("cred");
    let listener = UnixListener::bind(&place.0).expect("bind");
    let path = place.0.to_str().expect("text").to_owned();
    let child = std::thread::spawn(move || run_child(TEST, "connects", &[(PATH, &path)]));
    let (mut stream, _) = listener.accept().expect("accept");
    let mut pid = [0; 4];
    stream.read_exact(&mut pid).expect("read");
    assert_ne!(u32::from_le_bytes(pid), std::process::id());
    let cred = stream.peer_cred().expect("credentials");
    assert_eq!(cred.pid(), i32::try_from(u32::from_le_bytes(pid)).ok());
    // SAFETY: the call has no preconditions.
    assert_eq!(cred.uid(), unsafe { libc::geteuid() });
    stream.write_all(b"!").expect("write");
    assert!(child.join().expect("join").status.success());
}
