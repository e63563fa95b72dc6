//! TS: what a server needs from TCP beyond sending and receiving. The tests cover time-outs while
//! other handles wait, empty buffers, options, conversions to std's sockets and back, and
//! connecting with a limit.

use gort::context::{Context, ContextError};
use gort::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::tcp::{listen, pair};
use gort_tests::{claims, parked, settle};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::sync::Arc;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("an operation that must fail").kind()
}

fn blocks(fd: impl AsFd) -> bool {
    // SAFETY: the call takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0, "{}", io::Error::last_os_error());
    flags & libc::O_NONBLOCK == 0
}

fn fill(mut to: impl Write) -> io::Error {
    loop {
        if let Err(e) = to.write(&[0; 65536]) {
            return e;
        }
    }
}

/// Returns a listener that does not answer because its queue is full, and the sockets in the queue.
fn silent() -> (TcpListener, SocketAddr, Vec<socket2::Socket>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("bind");
    let listener = socket.listen(0).expect("listen");
    let addr = listener.local_addr().expect("address");
    let queued = (0..8)
        .map(|_| {
            let kind = socket2::Type::STREAM.nonblocking();
            let client = socket2::Socket::new(socket2::Domain::IPV4, kind, None).expect("a socket");
            drop(client.connect(&addr.into()));
            client
        })
        .collect();
    (listener, addr, queued)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("descriptors")
        .count()
}

/// Returns the `ContextError` that caused an error.
fn from_context(error: &io::Error) -> Option<ContextError> {
    std::error::Error::source(error)?.downcast_ref().copied()
}

claims! {
    // TS01
    fn connect_timeout_ends_in_time_and_leaves_nothing() {
        let (_listener, addr, _queued) = silent();
        let (refusing, refused) = listen();
        drop(refusing);
        let limit = Duration::from_secs(60);
        // The first call may open descriptors that stay open, so it comes before the count.
        assert_eq!(kind(TcpStream::connect_timeout(&refused, limit)), ErrorKind::ConnectionRefused);
        let before = descriptors();
        for _ in 0..200 {
            assert_eq!(kind(TcpStream::connect_timeout(&refused, limit)), ErrorKind::ConnectionRefused);
            assert_eq!(kind(TcpStream::connect_timeout(&refused, Duration::ZERO)), ErrorKind::InvalidInput);
        }
        for ms in [1, 2, 5, 20, 100] {
            let start = Instant::now();
            assert_eq!(kind(TcpStream::connect_timeout(&addr, ms * MS)), ErrorKind::TimedOut);
            assert!(start.elapsed() >= ms * MS);
        }
        assert_eq!(descriptors(), before);
    }

    // TS10
    fn a_context_ends_connect() {
        let (_listener, addr, _queued) = silent();
        let (_, other) = listen();
        let before = descriptors();
        let (ctx, _cancel) = Context::background().with_timeout(20 * MS);
        let error = TcpStream::connect_context(&ctx, addr).expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(from_context(&error), Some(ContextError::DeadlineExceeded));

        let (ctx, cancel) = Context::background().with_cancel();
        let waits = parked(WaitReason::IoWait, { let ctx = ctx.clone(); move || TcpStream::connect_context(&ctx, addr) });
        cancel.cancel();
        let error = waits.join().expect("join").expect_err("cancelled");
        assert_eq!(error.kind(), ErrorKind::Other);
        assert_eq!(from_context(&error), Some(ContextError::Canceled));
        assert_eq!(error.to_string(), "connect: context canceled");
        assert!(TcpStream::connect_context(&ctx, other).is_err(), "it is done");
        settle();
        assert_eq!(descriptors(), before);

        let (ctx, cancel) = Context::background().with_cancel();
        let (listener, addr) = listen();
        let near = TcpStream::connect_context(&ctx, addr).expect("connect");
        cancel.cancel();
        settle();
        (&near).write_all(b"x").expect("the end of the context does not end the connection");
        drop(listener);
        let refused = TcpStream::connect_context(&Context::background(), addr);
        assert_eq!(kind(refused), ErrorKind::ConnectionRefused);
    }

    // TS09
    fn a_silent_address_does_not_hold_up_the_next() {
        let (_listener, silent, _queued) = silent();
        let (_good_listener, good) = listen();
        let before = descriptors();
        let start = Instant::now();
        let stream = TcpStream::connect(&[silent, good][..]).expect("the second");
        let took = start.elapsed();
        assert_eq!(stream.peer_addr().expect("address"), good);
        assert!(took >= 250 * MS, "{took:?}");
        // The kernel alone would give up after two minutes.
        assert!(took < Duration::from_secs(12), "{took:?}");
        drop(stream);
        assert_eq!(descriptors(), before, "nothing is left of the other attempt");
        assert_eq!(gort::runtime::num_goroutines(), 1);
    }

    // TS09
    fn a_refused_address_does_not_hold_up_the_next() {
        let (refusing, refused) = listen();
        drop(refusing);
        let (_listener, good) = listen();
        let start = Instant::now();
        for _ in 0..50 {
            let stream = TcpStream::connect(&[refused, refused, good][..]).expect("the third");
            assert_eq!(stream.peer_addr().expect("address"), good);
        }
        // With a pause of 250 ms after each refusal this would take 25 s.
        assert!(start.elapsed() < Duration::from_secs(12));
    }

    // TS09
    fn an_early_address_may_answer_after_a_later_one_has_failed() {
        let (listener, slow, queued) = silent();
        let (refusing, refused) = listen();
        drop(refusing);
        let connects = go!(move || TcpStream::connect(&[slow, refused][..]));
        sleep(300 * MS);
        // Makes room in the listener's queue. The kernel repeats the connection request after a
        // second.
        drop(queued);
        let accepts = listener.try_clone().expect("clone");
        let accepts = go!(move || accepts.incoming().map_while(Result::ok).count());
        let stream = connects.join().expect("join").expect("the first, late");
        assert_eq!(stream.peer_addr().expect("address"), slow);
        listener.close();
        assert!(accepts.join().expect("join") > 0);
    }

    // TS10
    fn if_all_fail_the_last_error_is_given() {
        let (refusing, refused) = listen();
        drop(refusing);
        let error = TcpStream::connect(&[refused, refused][..]).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().ends_with("; tried 2 addresses"), "{error}");
        let error = TcpStream::connect(refused).expect_err("nobody listens");
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    }

    // TS10
    fn a_context_ends_the_whole_race() {
        let (_listener, silent, _queued) = silent();
        let before = descriptors();
        let start = Instant::now();
        let (ctx, _cancel) = Context::background().with_timeout(300 * MS);
        let error = TcpStream::connect_context(&ctx, &[silent, silent, silent][..]).expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(from_context(&error), Some(ContextError::DeadlineExceeded));
        assert!(start.elapsed() >= 300 * MS);
        let (ctx, cancel) = Context::background().with_cancel();
        let waits = go!(move || TcpStream::connect_context(&ctx, &[silent, silent][..]));
        sleep(20 * MS);
        cancel.cancel();
        let error = waits.join().expect("join").expect_err("cancelled");
        assert_eq!(from_context(&error), Some(ContextError::Canceled));
        settle();
        assert_eq!(descriptors(), before);
        assert_eq!(gort::runtime::num_goroutines(), 1);
    }

    // TS09
    fn plain_threads_race_as_well() {
        let (refusing, refused) = listen();
        drop(refusing);
        let (_listener, good) = listen();
        let connects = std::thread::spawn(move || TcpStream::connect(&[refused, good][..]));
        gort::blocking(|| connects.join()).expect("join").expect("the second");
    }

    // TS05
    fn two_listeners_share_a_port_if_both_want_to() {
        let first = TcpSocket::new_v4().expect("a socket");
        first.reuse_port(true).expect("set");
        first.set_recv_buffer_size(20_000).expect("set");
        let size = first.recv_buffer_size().expect("get");
        first.bind("127.0.0.1:0".parse().expect("an address")).expect("bind");
        let first = first.listen(1024).expect("listen");
        let addr = first.local_addr().expect("address");
        let second = TcpSocket::new_v4().expect("a socket");
        assert_eq!(kind(second.bind(addr)), ErrorKind::AddrInUse);
        second.reuse_port(true).expect("set");
        second.bind(addr).expect("bind");
        let second = second.listen(1024).expect("listen");
        let accepting = [first, second].map(|listener| {
            let accepts = listener.try_clone().expect("clone");
            let accepts = go!(move || {
                let streams = accepts.incoming().map_while(Result::ok);
                streams.inspect(|mut stream| stream.write_all(b"!").expect("write")).collect::<Vec<_>>()
            });
            (listener, accepts)
        });
        for _ in 0..200 {
            let socket = TcpSocket::new_v4().expect("a socket");
            let stream = socket.connect(addr).expect("connect");
            assert_eq!(stream.peer_addr().expect("address"), addr);
            (&stream).read_exact(&mut [0]).expect("the listener has accepted it");
        }
        let [streams, others] = accepting.map(|(listener, accepts)| {
            listener.close();
            accepts.join().expect("join")
        });
        let inherited = socket2::SockRef::from(&streams[0]).recv_buffer_size().expect("get");
        assert_eq!(inherited, size as usize);
        let counts = [streams.len(), others.len()];
        assert!(counts.iter().all(|&n| n > 0), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 200);
    }

    fn accept_without_free_descriptors_leaves_the_connection_in_the_queue() {
        let (listener, addr) = listen();
        let near = TcpStream::connect(addr).expect("connect");
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `before` lives during the call.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut before) }, 0);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: before.rlim_max };
        // SAFETY: `none` lives during the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
        let error = listener.accept().map(drop);
        // SAFETY: `before` lives during the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const before) }, 0);
        assert_eq!(error.expect_err("no descriptors").raw_os_error(), Some(libc::EMFILE));
        let (far, from) = listener.accept().expect("it is still there");
        assert_eq!(from, near.local_addr().expect("address"));
        (&far).write_all(b"x").expect("write");
    }

    fn options_reach_the_kernel() {
        let (near, far) = pair();
        near.set_keepalive(Some(Duration::from_secs(77))).expect("set");
        assert_eq!(near.keepalive().expect("get"), Some(Duration::from_secs(77)));
        let seen = socket2::SockRef::from(&near);
        assert!(seen.keepalive().expect("get"));
        near.set_keepalive(None).expect("set");
        assert!(!seen.keepalive().expect("get"));
        far.close();
        assert_eq!(kind(far.set_keepalive(None)), ErrorKind::NotConnected);
    }

    fn names_are_looked_up() {
        let found: Vec<_> = lookup_host("127.0.0.1:80").expect("an address").collect();
        assert_eq!(found, ["127.0.0.1:80".parse().expect("an address")]);
        assert!(lookup_host("localhost:1").expect("a name").all(|addr| addr.ip().is_loopback()));
        assert_eq!(kind(lookup_host("localhost").map(drop)), ErrorKind::InvalidInput);
    }

    // TS03
    fn a_time_out_holds_while_another_handle_waits() {
        let (near, far) = pair();
        let first = far.try_clone().expect("clone");
        let reads = parked(WaitReason::IoWait, move || (&first).read(&mut [0; 1]));
        far.set_read_timeout(Some(50 * MS)).expect("set");
        assert_eq!(kind((&far).read(&mut [0; 1])), ErrorKind::TimedOut);
        assert_eq!(kind(far.peek(&mut [0; 1])), ErrorKind::TimedOut);
        assert!(!reads.is_finished(), "a later time-out has ended the read");
        (&near).write_all(b"x").expect("write");
        assert_eq!(reads.join().expect("join").expect("read"), 1);

        let first = far.try_clone().expect("clone");
        let writes = parked(WaitReason::IoWait, move || fill(&first));
        far.set_write_timeout(Some(50 * MS)).expect("set");
        assert_eq!(kind((&far).write(b"x")), ErrorKind::TimedOut);
        far.close();
        assert_eq!(writes.join().expect("join").kind(), ErrorKind::NotConnected);
    }

    // TS03
    fn a_non_blocking_accept_returns_at_once_while_another_handle_waits() {
        let (listener, addr) = listen();
        let first = listener.try_clone().expect("clone");
        let accepts = parked(WaitReason::IoWait, move || first.accept().map(drop));
        listener.set_nonblocking(true).expect("set");
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock, "another has the turn");
        let _client = TcpStream::connect(addr).expect("connect");
        accepts.join().expect("join").expect("accept");
    }

    // TS02
    fn peek_waits_and_leaves_what_it_sees() {
        let (near, far) = pair();
        let far = Arc::new(far);
        let peeks = parked(WaitReason::IoWait, { let far = Arc::clone(&far); move || {
            let mut buf = [0; 4];
            far.peek(&mut buf).map(|n| buf[..n].to_vec())
        }});
        (&near).write_all(b"abc").expect("write");
        assert_eq!(peeks.join().expect("join").expect("peek"), b"abc");
        let mut buf = [0; 4];
        assert_eq!(far.peek(&mut buf).expect("peek"), 3);
        assert_eq!((&*far).read(&mut buf).expect("read"), 3);
        assert_eq!(&buf[..3], b"abc");
    }

    // TS02
    fn an_empty_buffer_does_not_wait() {
        let (_near, far) = pair();
        let other = far.try_clone().expect("clone");
        let reads = parked(WaitReason::IoWait, move || (&other).read(&mut [0; 1]));
        assert_eq!((&far).read(&mut []).expect("at once"), 0);
        assert_eq!((&far).read_vectored(&mut []).expect("at once"), 0);
        assert_eq!(far.peek(&mut []).expect("at once"), 0);
        far.set_write_timeout(Some(10 * MS)).expect("set");
        assert_eq!(fill(&far).kind(), ErrorKind::TimedOut);
        far.set_write_timeout(None).expect("set");
        assert_eq!((&far).write(&[]).expect("at once"), 0);
        assert_eq!((&far).write_vectored(&[]).expect("at once"), 0);
        far.close();
        assert_eq!(kind((&far).read(&mut [])), ErrorKind::NotConnected);
        assert_eq!(kind(reads.join().expect("join")), ErrorKind::NotConnected);
    }

    // TS06
    fn a_socket_of_std_is_switched_and_switched_back() {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("address");
        let other = listener.try_clone().expect("a duplicate");
        assert!(blocks(&other));
        let listener = TcpListener::from(listener);
        assert!(!blocks(&other), "std's clones see it");
        for _ in 0..2 {
            let listener = listener.try_clone().expect("clone");
            let accepts = parked(WaitReason::IoWait, move || listener.accept().map(drop));
            TcpStream::connect(addr).expect("connect");
            accepts.join().expect("join").expect("accept");
        }
        drop(listener);
        settle();
        assert!(blocks(&other), "a dropped socket is switched back");
        let listener = TcpListener::from(other.try_clone().expect("a duplicate"));
        let listener = net::TcpListener::from(listener);
        assert!(blocks(&other));
        let accepts = std::thread::spawn(move || listener.accept().map(drop));
        sleep(5 * MS);
        TcpStream::connect(addr).expect("connect");
        gort::blocking(|| accepts.join()).expect("join").expect("it waits");
    }

    // TS06
    fn a_socket_that_came_non_blocking_goes_non_blocking() {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let listener = net::TcpListener::from(TcpListener::from(listener));
        assert!(!blocks(&listener));
        let made = net::TcpListener::from(listen().0);
        assert!(blocks(&made));
    }

    // TS06
    fn sockets_are_made_of_raw_descriptors() {
        let (near, far) = pair();
        let number = far.as_raw_fd();
        let far = far.into_raw_fd();
        assert_eq!(number, far);
        // SAFETY: `into_raw_fd` gave up the ownership.
        let far = unsafe { TcpStream::from_raw_fd(far) };
        (&near).write_all(b"x").expect("write");
        assert_eq!((&far).read(&mut [0; 1]).expect("read"), 1);
    }

    // TS04
    fn lingering_resets_or_keeps_no_other_goroutine_waiting() {
        let (near, far) = pair();
        far.set_linger(Some(Duration::ZERO)).expect("set");
        drop(far);
        assert_eq!(kind((&near).read(&mut [0; 1])), ErrorKind::ConnectionReset);

        let (near, far) = pair();
        far.set_linger(Some(Duration::from_secs(1))).expect("set");
        far.set_write_timeout(Some(20 * MS)).expect("set");
        assert_eq!(fill(&far).kind(), ErrorKind::TimedOut);
        let closes = go!(move || drop(far));
        let mut ticks = 0;
        while !closes.is_finished() {
            sleep(MS);
            ticks += 1;
        }
        assert!(ticks > 1, "{ticks} ticks in a second");
        drop(near);
    }
}
