//! UDP: datagrams keep their bounds, and several goroutines can use one socket.

use gort::net::UdpSocket;
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::{claims, parked};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn bind() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port of the loopback interface");
    let addr = socket.local_addr().expect("its address");
    (socket, addr)
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("an operation that must fail").kind()
}

claims! {
    // UD01
    fn datagrams_keep_their_bounds() {
        let ((near, from), (far, to)) = (bind(), bind());
        for message in [&b""[..], b"abcdef", b"g"] {
            assert_eq!(near.send_to(message, to).expect("send"), message.len());
        }
        let mut buf = [0; 4];
        assert_eq!(far.recv_from(&mut buf).expect("receive"), (0, from));
        assert_eq!(far.peek_from(&mut buf).expect("peek"), (4, from));
        assert_eq!(far.recv_from(&mut buf).expect("receive"), (4, from));
        assert_eq!(&buf, b"abcd");
        far.connect(from).expect("connect");
        assert_eq!(far.peek(&mut buf).expect("peek"), 1);
        assert_eq!(far.recv(&mut buf).expect("receive"), 1);
        assert_eq!(buf[0], b'g');
    }

    // UD01
    fn an_empty_datagram_wakes_the_receiver() {
        let ((near, _), (far, to)) = (bind(), bind());
        let waits = parked(WaitReason::IoWait, move || far.recv(&mut []));
        near.connect(to).expect("connect");
        assert_eq!(near.send(b"").expect("send"), 0);
        assert_eq!(waits.join().expect("join").expect("receive"), 0);
    }

    // UD02
    fn a_connected_socket_survives_its_peer() {
        let (near, _) = bind();
        let (far, to) = bind();
        near.connect(to).expect("connect");
        assert_eq!(near.peer_addr().expect("address"), to);
        drop(far);
        near.send(b"is anybody there?").expect("the missing peer is not noticed yet");
        assert_eq!(kind(near.recv(&mut [0; 8])), ErrorKind::ConnectionRefused);
        let far = UdpSocket::bind(to).expect("the same port");
        near.send(b"and now?").expect("send");
        let (n, from) = far.recv_from(&mut [0; 32]).expect("receive");
        assert_eq!(n, 8);
        far.send_to(b"yes", from).expect("send");
        assert_eq!(near.recv(&mut [0; 8]).expect("receive"), 3);
    }

    // UD02
    fn one_peer_that_vanished_is_not_the_others_concern() {
        let (server, addr) = bind();
        let serving = go!(move || {
            let mut buf = [0; 8];
            for _ in 0..2 {
                let (n, from) = server.recv_from(&mut buf).expect("receive");
                server.send_to(&buf[..n], from).expect("send");
            }
        });
        let (dead, _) = bind();
        dead.send_to(b"farewell", addr).expect("send");
        drop(dead);
        let (live, _) = bind();
        live.send_to(b"hello", addr).expect("send");
        assert_eq!(live.recv_from(&mut [0; 8]).expect("receive"), (5, addr));
        serving.join().expect("join");
    }

    // UD03
    fn each_datagram_goes_to_one_of_several_receivers() {
        const MESSAGES: u32 = 10_000;
        let ((near, _), (far, to)) = (bind(), bind());
        near.connect(to).expect("connect");
        let done = Arc::new(AtomicBool::new(false));
        let receivers: Vec<_> = (0..4).map(|_| {
            let (far, done) = (far.try_clone().expect("clone"), Arc::clone(&done));
            go!(move || {
                let mut seen = Vec::new();
                let mut buf = [0; 4];
                loop {
                    match far.recv_from(&mut buf) {
                        Ok((4, from)) => {
                            seen.push(u32::from_le_bytes(buf));
                            far.send_to(&buf, from).expect("acknowledge");
                        }
                        Err(e) if e.kind() == ErrorKind::TimedOut => {
                            if done.load(Relaxed) {
                                return seen;
                            }
                            // This moves the deadline for all handles.
                            far.set_read_deadline(Some(Instant::now() + MS / 4)).expect("set");
                        }
                        other => panic!("{other:?}"),
                    }
                }
            })
        }).collect();
        far.set_read_deadline(Some(Instant::now() + MS)).expect("set");
        let mut buf = [0; 4];
        for message in 0..MESSAGES {
            near.send(&message.to_le_bytes()).expect("send");
            assert_eq!(near.recv(&mut buf).expect("acknowledged"), 4);
            assert_eq!(u32::from_le_bytes(buf), message);
        }
        done.store(true, Relaxed);
        far.set_read_deadline(Some(Instant::now())).expect("set");
        let mut times = BTreeMap::new();
        for receiver in receivers {
            for message in receiver.join().expect("join") {
                *times.entry(message).or_insert(0) += 1;
            }
        }
        assert_eq!(times.len(), MESSAGES as usize);
        assert!(times.values().all(|&n| n == 1));
    }

    // NP02, NP05, NP11
    fn deadlines_and_close_hold_as_for_streams() {
        let ((near, _), (far, to)) = (bind(), bind());
        near.send_to(b"x", to).expect("send");
        far.set_read_deadline(Some(Instant::now() - MS)).expect("set");
        assert_eq!(kind(far.recv(&mut [0; 1])), ErrorKind::TimedOut);
        far.set_read_deadline(None).expect("set");
        assert_eq!(far.recv(&mut [0; 1]).expect("it is still there"), 1);
        far.set_read_timeout(Some(MS)).expect("set");
        assert_eq!(kind(far.recv_from(&mut [0; 1])), ErrorKind::TimedOut);
        far.set_read_timeout(None).expect("set");
        let other = far.try_clone().expect("clone");
        let waits = parked(WaitReason::IoWait, move || other.recv_from(&mut [0; 1]));
        far.close();
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::NotConnected);
        assert_eq!(kind(far.send_to(b"x", to)), ErrorKind::NotConnected);
        assert_eq!(kind(far.set_ttl(3)), ErrorKind::NotConnected);
        UdpSocket::bind(to).expect("the port is free");
        far.close();
    }

    fn options_and_addresses_are_stds() {
        let (socket, addr) = bind();
        socket.set_broadcast(true).expect("set");
        socket.set_ttl(7).expect("set");
        socket.set_multicast_loop_v4(false).expect("set");
        socket.set_multicast_ttl_v4(3).expect("set");
        let socket = net::UdpSocket::from(socket);
        assert!(socket.broadcast().expect("get"));
        assert_eq!(socket.ttl().expect("get"), 7);
        assert!(!socket.multicast_loop_v4().expect("get"));
        assert_eq!(socket.multicast_ttl_v4().expect("get"), 3);
        let blocked = std::thread::spawn(move || socket.recv(&mut [0; 8]));
        // Most likely the thread waits by now. If it does not, it receives the same datagram.
        sleep(5 * MS);
        let (near, _) = bind();
        near.send_to(b"std", ("localhost", addr.port())).expect("send");
        assert_eq!(gort::blocking(|| blocked.join()).expect("join").expect("it waits"), 3);
        let nowhere: &[SocketAddr] = &[];
        assert_eq!(kind(near.send_to(b"x", nowhere)), ErrorKind::InvalidInput);
    }
}
