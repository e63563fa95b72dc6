//! The poller under load: descriptors that come and go, busy processors, and a scheduler that is
//! about to sleep.

use gort::net::{Shutdown, TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::{Random, always_migrates, claims, parked, seed, waiting};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// Starts a server that sends back what it receives. Returns its listener, which stops it when
/// closed, and its address.
fn echo_server() -> (Arc<TcpListener>, SocketAddr) {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("bind"));
    let addr = listener.local_addr().expect("address");
    go!(clone [listener]; {
        while let Ok((stream, _)) = listener.accept() {
            go! {
                // Clients may leave in any way.
                io::copy(&mut &stream, &mut &stream).ok();
                stream.shutdown(Shutdown::Write).ok();
            };
        }
    });
    (listener, addr)
}

/// Sends bytes and checks that the same bytes come back.
fn round_trip(mut stream: &TcpStream, message: &[u8]) {
    let mut back = vec![0; message.len()];
    stream.write_all(message).expect("write");
    stream.read_exact(&mut back).expect("read");
    assert!(back == message, "what comes back is what was sent");
}

/// Returns the message of one connection: its tag again and again.
fn message(tag: u32, len: usize) -> Vec<u8> {
    tag.to_le_bytes().into_iter().cycle().take(len).collect()
}

/// Runs one connection: sends bytes and reads them back until something ends it.
fn life(addr: SocketAddr, random: &mut Random) {
    let stream = TcpStream::connect(addr).expect("connect");
    let tag = random.below(u64::from(u32::MAX)) as u32;
    let sent = message(tag, 1 + random.below(100_000) as usize);
    let clone = || stream.try_clone().expect("clone");
    let (handle, writer) = (clone(), clone());
    let fate = random.below(4);
    let delay = Duration::from_micros(random.below(500));
    let breaker = go!(move || {
        sleep(delay);
        match fate {
            0 => handle.close(),
            1 => handle.set_deadline(Some(Instant::now())).unwrap_or(()),
            2 => handle.shutdown(Shutdown::Both).unwrap_or(()),
            _ => {}
        }
    });
    let copy = sent.clone();
    let writing = go!(move || {
        let written = (&writer).write_all(&copy);
        if written.is_ok() {
            writer.shutdown(Shutdown::Write).ok();
        }
    });
    let mut got = Vec::new();
    let mut buf = [0; 4096];
    let end = loop {
        match (&stream).read(&mut buf) {
            Ok(0) => break None,
            Ok(n) => got.extend_from_slice(&buf[..n]),
            Err(e) => break Some(e.kind()),
        }
    };
    assert!(sent.starts_with(&got), "data of another connection");
    match (fate, end) {
        (3, end) => assert!(
            end.is_none() && got.len() == sent.len(),
            "{end:?} after {} bytes",
            got.len()
        ),
        (_, None) => {}
        (0, Some(kind)) => assert!(
            matches!(kind, ErrorKind::NotConnected | ErrorKind::ConnectionReset),
            "{kind:?}"
        ),
        (1, Some(kind)) => assert!(matches!(kind, ErrorKind::TimedOut), "{kind:?}"),
        (_, Some(kind)) => assert!(matches!(kind, ErrorKind::ConnectionReset), "{kind:?}"),
    }
    breaker.join().expect("join");
    if fate == 1 {
        // The other end does not read any more, so without this the writer might wait for ever.
        stream.close();
    }
    writing.join().expect("join");
}

/// Ends the process if this takes too long. A limit of the runtime's own would be a timer, and the
/// timekeeper would be awake now and then.
fn watched() {
    const LIMIT: Duration = Duration::from_secs(12);
    thread::spawn(|| {
        thread::sleep(LIMIT);
        eprintln!("no thread polls the network");
        std::process::abort();
    });
}

claims! {
    fn descriptors_that_come_and_go_keep_their_data_apart() {
        let seed = seed();
        println!("GORT_TEST_SEED={seed}");
        let (listener, addr) = echo_server();
        let lives: Vec<_> = (0..16u64)
            .map(|worker| {
                go!(move || {
                    let mut random = Random::new(seed.wrapping_mul(31).wrapping_add(worker));
                    for _ in 0..25 {
                        life(addr, &mut random);
                    }
                })
            })
            .collect();
        for life in lives {
            life.join().unwrap_or_else(|e| panic!("{e} with seed {seed}"));
        }
        listener.close();
        let patience = Instant::now() + Duration::from_secs(60);
        while waiting(WaitReason::IoWait) != 0 {
            assert!(Instant::now() < patience, "a goroutine waits for ever, with seed {seed}");
            sleep(Duration::from_millis(1));
        }
    }

    fn connections_get_on_beside_goroutines_that_compute() {
        let (_listener, addr) = echo_server();
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            go!(clone [stop]; { while !stop.load(Relaxed) { std::hint::spin_loop(); } });
        }
        let stream = TcpStream::connect(addr).expect("connect");
        for i in 0..10u32 {
            round_trip(&stream, &i.to_le_bytes());
        }
        stop.store(true, Relaxed);
    }

    fn connections_get_on_beside_goroutines_that_only_yield() {
        let (_listener, addr) = echo_server();
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            go!(clone [stop]; { while !stop.load(Relaxed) { yield_now(); } });
        }
        let stream = TcpStream::connect(addr).expect("connect");
        for i in 0..100u32 {
            round_trip(&stream, &i.to_le_bytes());
        }
        stop.store(true, Relaxed);
    }

    // The M of these goroutines polls the network itself, long before the monitor does.
    fn a_connection_gets_on_between_the_turns_of_goroutines_that_only_yield() {
        if gort::runtime::max_procs() > 1 || always_migrates() {
            return;
        }
        let (_listener, addr) = echo_server();
        let stop = Arc::new(AtomicBool::new(false));
        let yields = Arc::new(AtomicU32::new(0));
        let yielding = go!(clone [stop, yields]; {
            while !stop.load(Relaxed) {
                yield_now();
                yields.fetch_add(1, Relaxed);
            }
        });
        let stream = TcpStream::connect(addr).expect("connect");
        let mut each = [0; 100];
        for (i, each) in each.iter_mut().enumerate() {
            let before = yields.load(Relaxed);
            round_trip(&stream, &i.to_le_bytes());
            *each = yields.load(Relaxed) - before;
        }
        stop.store(true, Relaxed);
        yielding.join().expect("join");
        // A round trip needs up to some thousands of yields. The monitor would poll only after
        // 10 ms, which is the time of tens of thousands of yields and more. A busy machine slows
        // some round trips down, but not most.
        each.sort_unstable();
        let most = if cfg!(debug_assertions) { 10_000 } else { 50_000 };
        assert!(each[50] < most, "{} yields during a round trip", each[50]);
    }

    // NP15
    fn the_poller_wakes_for_timers_and_for_plain_threads() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let accepting = parked(WaitReason::IoWait, move || listener.accept().is_ok());
        for _ in 0..100 {
            // All goroutines sleep, and only this timer wakes one.
            sleep(Duration::from_micros(500));
        }
        let (tx, rx) = bounded(0);
        let outside = thread::spawn(move || {
            for i in 0..100 {
                // This is long enough for the poller to fall asleep.
                thread::sleep(Duration::from_micros(500));
                tx.send(i).expect("main receives");
            }
        });
        for i in 0..100 {
            assert_eq!(rx.recv(), Ok(i));
        }
        gort::blocking(|| outside.join()).expect("join");
        assert!(!accepting.is_finished());
    }

    fn plain_threads_wait_while_every_goroutine_sleeps() {
        let (_listener, addr) = echo_server();
        let threads: Vec<_> = (0..4u32)
            .map(|i| {
                thread::spawn(move || {
                    let stream = TcpStream::connect(addr).expect("connect");
                    for k in 0..100 {
                        round_trip(&stream, &(i * 100 + k).to_le_bytes());
                        if k % 10 == 0 {
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            gort::blocking(|| thread.join()).expect("join");
        }
    }

    // All Ms sleep, and so does the monitor: the waiting thread must ensure that an M polls.
    fn a_plain_thread_waits_while_the_runtime_sleeps() {
        watched();
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("bind"));
        let addr = listener.local_addr().expect("address");
        for somebody_keeps_time in [false, true] {
            if somebody_keeps_time {
                go!(|| sleep(Duration::from_secs(3_600)));
            }
            let (accepted, rx) = bounded(0);
            let accepting = thread::spawn({
                let listener = listener.clone();
                move || {
                    thread::sleep(Duration::from_millis(300));
                    accepted.send(listener.accept().is_ok()).expect("main receives");
                }
            });
            let connecting = thread::spawn(move || {
                thread::sleep(Duration::from_millis(400));
                std::net::TcpStream::connect(addr).expect("connect");
            });
            assert_eq!(rx.recv(), Ok(true));
            gort::blocking(|| accepting.join().and(connecting.join())).expect("join");
        }
    }

    // The same holds for a goroutine whose M has no P to put into the idle list, and sleeps only
    // for this goroutine.
    fn a_wired_goroutine_that_has_lost_its_p_waits_while_the_runtime_sleeps() {
        watched();
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let addr = listener.local_addr().expect("address");
        let accepting = go!(move || {
            let _lock = gort::lock_os_thread();
            // After 100 ms the P is taken, although no goroutine needs it.
            let since = Instant::now();
            while since.elapsed() < Duration::from_millis(300) {
                std::hint::spin_loop();
            }
            listener.accept().is_ok()
        });
        let connecting = thread::spawn(move || {
            thread::sleep(Duration::from_millis(700));
            std::net::TcpStream::connect(addr).expect("connect");
        });
        assert!(accepting.join().expect("join"));
        gort::blocking(|| connecting.join()).expect("join");
    }

    fn goroutines_that_are_wired_to_their_threads_wait_too() {
        let (_listener, addr) = echo_server();
        let wired: Vec<_> = (0..4u32)
            .map(|i| {
                go!(move || {
                    let _lock = gort::lock_os_thread();
                    let stream = TcpStream::connect(addr).expect("connect");
                    for k in 0..50 {
                        round_trip(&stream, &(i * 50 + k).to_le_bytes());
                    }
                })
            })
            .collect();
        for wired in wired {
            wired.join().expect("join");
        }
    }
}

/// Does the same without the membarrier system call.
#[test]
fn without_membarrier() {
    const TEST: &str = concat!(module_path!(), "::without_membarrier");
    if gort_tests::role().is_some() {
        gort::runtime::run(|| {
            let (_listener, addr) = echo_server();
            let lives: Vec<_> = (0..8u64)
                .map(|worker| {
                    go!(move || {
                        let mut random = Random::new(worker + 1);
                        (0..20).for_each(|_| life(addr, &mut random));
                    })
                })
                .collect();
            for life in lives {
                life.join().expect("join");
            }
        });
        return;
    }
    for procs in ["1", "2", "8"] {
        let vars = [("GORT_DEBUG", "membarrier=off"), ("GORT_MAXPROCS", procs)];
        let ended = gort_tests::run_child(TEST, "body", &vars);
        assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    }
}
