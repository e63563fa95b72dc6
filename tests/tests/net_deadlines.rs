//! Deadlines, time-outs and `close`, with and without a goroutine that waits.

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::{claims, parked, settle, waiting};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);
/// A duration that no test waits for.
const LONG: Duration = Duration::from_secs(3600);

fn listen() -> Arc<TcpListener> {
    Arc::new(TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface"))
}

/// Returns both ends of a connection.
fn pair() -> (Arc<TcpStream>, Arc<TcpStream>) {
    let listener = listen();
    let near = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (far, _) = listener.accept().expect("accept");
    (Arc::new(near), Arc::new(far))
}

fn past() -> Option<Instant> {
    Some(Instant::now() - 5 * MS)
}

fn after(d: Duration) -> Option<Instant> {
    Some(Instant::now() + d)
}

fn read_one(mut stream: &TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 1])
}

/// Writes until the buffers are full and it fails.
fn fill(mut stream: &TcpStream) -> io::Error {
    loop {
        if let Err(e) = stream.write(&[0; 65536]) {
            return e;
        }
    }
}

/// Starts a goroutine that waits to read.
fn reader(stream: &Arc<TcpStream>) -> JoinHandle<io::Result<usize>> {
    let stream = Arc::clone(stream);
    parked(WaitReason::IoWait, move || read_one(&stream))
}

/// Starts a goroutine that waits to write.
fn writer(stream: &Arc<TcpStream>) -> JoinHandle<io::Error> {
    let stream = Arc::clone(stream);
    parked(WaitReason::IoWait, move || fill(&stream))
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("an operation that must fail").kind()
}

fn is_closed<T: std::fmt::Debug>(result: io::Result<T>) {
    let e = result.expect_err("an operation after close");
    assert_eq!(e.kind(), ErrorKind::NotConnected);
    assert_eq!(e.to_string(), "use of closed network connection");
}

claims! {
    // NP02
    fn a_past_deadline_fails_at_once_even_if_data_are_there() {
        let (near, far) = pair();
        (&*near).write_all(b"abc").expect("write");
        far.set_read_deadline(past()).expect("set");
        assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
        assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
        assert_eq!(kind(far.peek(&mut [0; 1])), ErrorKind::TimedOut);
        far.set_read_deadline(None).expect("set");
        assert_eq!(read_one(&far).expect("read"), 1);
    }

    // NP03
    fn reads_succeed_until_the_deadline() {
        let (near, far) = pair();
        let start = Instant::now();
        let deadline = start + 100 * MS;
        far.set_read_deadline(Some(deadline)).expect("set");
        let writing = go!(move || {
            while (&*near).write_all(b"x").is_ok() && Instant::now() < deadline {
                sleep(2 * MS);
            }
            near
        });
        let mut got = 0;
        let failed = loop {
            match read_one(&far) {
                Ok(n) => got += n,
                Err(e) => break e,
            }
        };
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
        assert!(Instant::now() >= deadline);
        assert!(got > 0, "nothing was read before the deadline");
        drop(writing.join());
    }

    // NP04
    fn a_deadline_that_is_taken_back_fails_no_read() {
        let (near, far) = pair();
        far.set_deadline(past()).expect("set");
        assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
        far.set_deadline(None).expect("set");
        let waits = reader(&far);
        sleep(50 * MS);
        assert!(!waits.is_finished());
        (&*near).write_all(b"x").expect("write");
        assert_eq!(waits.join().expect("join").expect("read"), 1);
    }

    // NP05
    fn a_past_deadline_wakes_a_reader_and_a_writer() {
        let (_near, far) = pair();
        let (reads, writes) = (reader(&far), writer(&far));
        far.set_read_deadline(past()).expect("set");
        assert_eq!(kind(reads.join().expect("join")), ErrorKind::TimedOut);
        assert!(!writes.is_finished());
        far.set_write_deadline(past()).expect("set");
        assert_eq!(writes.join().expect("join").kind(), ErrorKind::TimedOut);
    }

    // NP06
    fn each_direction_has_its_own_deadline() {
        let (near, far) = pair();
        far.set_write_deadline(past()).expect("set");
        (&*near).write_all(b"x").expect("write");
        assert_eq!(read_one(&far).expect("read"), 1);
        assert_eq!(kind((&*far).write(b"x")), ErrorKind::TimedOut);
        far.set_write_deadline(None).expect("set");
        far.set_read_deadline(past()).expect("set");
        (&*far).write_all(b"x").expect("write");
        assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
    }

    // NP07
    fn accept_obeys_the_read_deadline() {
        let listener = listen();
        let _client = TcpStream::connect(listener.local_addr().expect("address"));
        listener.set_read_deadline(past()).expect("set");
        assert_eq!(kind(listener.accept()), ErrorKind::TimedOut);
        listener.set_deadline(after(LONG)).expect("set");
        listener.accept().expect("the client");
        listener.set_deadline(after(20 * MS)).expect("set");
        assert_eq!(kind(listener.accept()), ErrorKind::TimedOut);
        listener.set_deadline(None).expect("set");
        let waits = parked(WaitReason::IoWait, {
            let listener = Arc::clone(&listener);
            move || listener.accept()
        });
        listener.set_deadline(past()).expect("set");
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::TimedOut);
    }

    // NP08
    fn tiny_deadlines_end_in_a_time_out_and_not_too_early() {
        let (_near, far) = pair();
        for nanos in [1, 2, 5, 50, 100, 1_000, 5_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 50_000_000] {
            let deadline = Instant::now() + Duration::from_nanos(nanos);
            far.set_read_deadline(Some(deadline)).expect("set");
            assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
            assert!(Instant::now() >= deadline, "{nanos} ns");
        }
    }

    fn a_waiter_is_held_to_a_deadline_that_moves_nearer() {
        let (_near, far) = pair();
        far.set_read_deadline(after(LONG)).expect("set");
        let waits = reader(&far);
        far.set_read_deadline(after(LONG / 2)).expect("set");
        settle();
        assert!(!waits.is_finished());
        let deadline = Instant::now() + 20 * MS;
        far.set_read_deadline(Some(deadline)).expect("set");
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::TimedOut);
        assert!(Instant::now() >= deadline);
    }

    fn a_waiter_is_spared_by_a_deadline_that_moves_away() {
        let (near, far) = pair();
        far.set_read_deadline(after(30 * MS)).expect("set");
        // This does not use `parked`, because the deadline may pass before the other goroutines
        // have parked.
        let waits = go!(clone [far]; { read_one(&far) });
        while waiting(WaitReason::IoWait) == 0 && !waits.is_finished() {
            yield_now();
        }
        far.set_read_deadline(after(LONG)).expect("set");
        sleep(60 * MS);
        if waits.is_finished() {
            // This happens only if the machine was slow.
            assert_eq!(kind(waits.join().expect("join")), ErrorKind::TimedOut);
            return;
        }
        (&*near).write_all(b"x").expect("write");
        assert_eq!(waits.join().expect("join").expect("read"), 1);
    }

    // NP10
    fn deadlines_that_many_goroutines_move_leave_the_timers_alone() {
        let pairs: Vec<_> = (0..10).map(|_| pair()).collect();
        let readers: Vec<_> = pairs.iter().map(|(_, far)| reader(far)).collect();
        let start = Instant::now() + LONG;
        let movers: Vec<_> = (0..8)
            .map(|_| {
                let fars: Vec<_> = pairs.iter().map(|(_, far)| Arc::clone(far)).collect();
                go!(move || {
                    for step in 0..100u32 {
                        for far in &fars {
                            far.set_deadline(Some(start - step * MS)).expect("set");
                        }
                    }
                })
            })
            .collect();
        for mover in movers {
            mover.join().expect("join");
        }
        assert!(readers.iter().all(|r| !r.is_finished()));
        sleep(MS);
        for ((near, _), waits) in pairs.iter().zip(readers) {
            (&**near).write_all(b"x").expect("write");
            assert_eq!(waits.join().expect("join").expect("read"), 1);
        }
    }

    // NP09
    fn deadlines_race_with_reads_and_writes() {
        let (near, far) = pair();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = |stop: &std::sync::atomic::AtomicBool| stop.load(std::sync::atomic::Ordering::Relaxed);
        let movers: Vec<_> = (0..2)
            .map(|_| go!(clone [far, stop]; move || {
                let mut ends = 0u32;
                while !stopped(&stop) {
                    far.set_deadline(after(Duration::from_micros(2))).expect("set");
                    ends += 1;
                    if ends.is_multiple_of(16) { yield_now(); }
                }
            }))
            .collect();
        let users: Vec<_> = [true, false]
            .map(|reads| go!(clone [far]; move || {
                for _ in 0..1000 {
                    let done = if reads { read_one(&far) } else { (&*far).write(b"x") };
                    assert!(done.is_ok() || done.is_err_and(|e| e.kind() == ErrorKind::TimedOut));
                }
            }))
            .into();
        for user in users {
            user.join().expect("join");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for mover in movers {
            mover.join().expect("join");
        }
        drop(near);
    }

    fn a_time_out_begins_anew_with_each_operation() {
        let (near, far) = pair();
        assert_eq!(kind(far.set_read_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
        far.set_read_timeout(Some(10 * MS)).expect("set");
        assert_eq!(far.read_timeout().expect("get"), Some(10 * MS));
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
            assert!(start.elapsed() >= 10 * MS);
        }
        (&*near).write_all(b"x").expect("write");
        assert_eq!(read_one(&far).expect("read"), 1);
        far.set_write_timeout(Some(10 * MS)).expect("set");
        assert_eq!(fill(&far).kind(), ErrorKind::TimedOut);
    }

    // NP11
    fn close_wakes_a_reader_and_a_writer() {
        let (near, far) = pair();
        let (reads, writes) = (reader(&far), writer(&far));
        far.close();
        is_closed(reads.join().expect("join"));
        is_closed(Err::<(), _>(writes.join().expect("join")));
        is_closed(read_one(&far));
        is_closed((&*far).write(b"x"));
        is_closed(far.local_addr());
        is_closed(far.set_deadline(None));
        far.close();
        // The other end sees the end of the stream although the closed handle still exists.
        let mut rest = Vec::new();
        drop((&*near).read_to_end(&mut rest));
        drop(far);
    }

    // NP12
    fn close_releases_readers_that_wait_for_their_turn() {
        let (_near, far) = pair();
        let first = reader(&far);
        let queued: Vec<_> = (0..4).map(|_| go!(clone [far]; { read_one(&far) })).collect();
        settle();
        far.close();
        is_closed(first.join().expect("join"));
        for reads in queued {
            is_closed(reads.join().expect("join"));
        }
    }

    fn close_wakes_accept_and_frees_the_port() {
        let listener = listen();
        let addr = listener.local_addr().expect("address");
        let waits = parked(WaitReason::IoWait, {
            let listener = Arc::clone(&listener);
            move || listener.accept()
        });
        listener.close();
        is_closed(waits.join().expect("join"));
        is_closed(listener.accept());
        assert_eq!(kind(TcpStream::connect(addr)), ErrorKind::ConnectionRefused);
        TcpListener::bind(addr).expect("the port is free while the handle is still there");
    }

    fn the_number_of_a_closed_socket_is_not_used_again_before_the_last_handle_is_gone() {
        use std::os::fd::AsRawFd;
        let (near, far) = pair();
        let number = far.as_raw_fd();
        far.close();
        let others: Vec<_> = (0..8).map(|_| pair()).collect();
        assert!(others.iter().all(|(a, b)| a.as_raw_fd() != number && b.as_raw_fd() != number));
        is_closed(read_one(&far));
        drop((near, far, others));
    }

    fn plain_threads_obey_deadlines_and_close() {
        let (_near, far) = pair();
        far.set_read_deadline(after(10 * MS)).expect("set");
        let reads = {
            let far = Arc::clone(&far);
            thread::spawn(move || {
                assert_eq!(kind(read_one(&far)), ErrorKind::TimedOut);
                far.set_read_deadline(after(LONG)).expect("set");
                read_one(&far)
            })
        };
        sleep(50 * MS);
        far.close();
        is_closed(gort::blocking(|| reads.join()).expect("join"));
    }

    fn a_connection_that_no_listener_answers_times_out() {
        // A listener with a queue of one, which is full, answers no connection.
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("socket");
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("address");
        listener.bind(&any.into()).expect("bind");
        listener.listen(0).expect("listen");
        let addr = listener.local_addr().expect("address").as_socket().expect("internet");
        let mut held = Vec::new();
        let end = loop {
            let start = Instant::now();
            match TcpStream::connect_timeout(&addr, 50 * MS) {
                Ok(stream) => held.push(stream),
                Err(e) => {
                    assert!(start.elapsed() >= 50 * MS);
                    break e;
                }
            }
            assert!(held.len() < 100, "the queue takes every connection");
        };
        assert_eq!(end.kind(), ErrorKind::TimedOut);
        assert_eq!(kind(TcpStream::connect_timeout(&addr, Duration::ZERO)), ErrorKind::InvalidInput);
    }

    // SC17
    fn an_idle_server_uses_no_processor() {
        let listener = listen();
        let addr = listener.local_addr().expect("address");
        let accepting = parked(WaitReason::IoWait, {
            let listener = Arc::clone(&listener);
            move || while listener.accept().is_ok() {}
        });
        let (_near, far) = pair();
        far.set_read_deadline(after(LONG)).expect("set");
        let reads = reader(&far);
        // Gives sysmon time to notice that the process is idle.
        sleep(500 * MS);
        let before = processor_time();
        sleep(1000 * MS);
        let used = processor_time() - before;
        assert!(used < 50 * MS, "{used:?} in a second of rest");
        far.close();
        is_closed(reads.join().expect("join"));
        listener.close();
        accepting.join().expect("join");
        drop(TcpStream::connect(addr));
    }
}

/// Returns the processor time that all threads of this process have used.
fn processor_time() -> Duration {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is valid for writing.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut ts) };
    Duration::new(ts.tv_sec.cast_unsigned(), ts.tv_nsec as u32)
}
