//! What peers and the system do to a server: resets, half-closed connections, many short
//! connections, no free descriptors, slow peers, and very many idle connections. (`stdio.rs` has
//! full disks and readers that are gone.)
//!
//! `GORT_TEST_LONG=1` makes a million short connections, 350,000 with each number of Ps (46 s in
//! release).
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::{WaitReason, num_goroutines};
use gort::time::sleep;
use gort_tests::tcp::{listen, pair};
use gort_tests::{claims, parked, resident_bytes, role, run_body, settle, waiting};
use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Ends the connection by a reset.
fn reset(stream: &TcpStream) {
    stream.set_linger(Some(Duration::ZERO)).unwrap();
    stream.close();
}

/// Reads until a read gives no bytes.
fn drained(mut stream: &TcpStream) -> Result<(), ErrorKind> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(e.kind()),
        }
    }
}

/// Writes until a write fails.
fn filled(mut stream: &TcpStream) -> ErrorKind {
    loop {
        if let Err(e) = stream.write_all(&[0; 4096]) {
            return e.kind();
        }
    }
}

/// Resets connections: while a goroutine waits to read or to write, after a half-close, and before
/// the call. Checks the errors of the calls.
fn resets() {
    let (near, far) = pair();
    let far = Arc::new(far);
    let reads = parked(WaitReason::IoWait, {
        let far = far.clone();
        move || drained(&far)
    });
    reset(&near);
    assert_eq!(reads.join().unwrap(), Err(ErrorKind::ConnectionReset));
    // The reader got the error of the reset. Later calls find that the peer is gone.
    assert_eq!(filled(&far), ErrorKind::BrokenPipe);
    assert_eq!(drained(&far), Ok(()));

    let (near, far) = pair();
    let far = Arc::new(far);
    let writes = parked(WaitReason::IoWait, {
        let far = far.clone();
        move || filled(&far)
    });
    reset(&near);
    assert_eq!(writes.join().unwrap(), ErrorKind::ConnectionReset);

    let (near, far) = pair();
    far.shutdown(Shutdown::Write).unwrap();
    assert_eq!(drained_once(&near), Ok(0));
    let reads = parked(WaitReason::IoWait, move || drained(&far));
    reset(&near);
    assert_eq!(reads.join().unwrap(), Err(ErrorKind::ConnectionReset));

    let (near, far) = pair();
    reset(&near);
    assert_eq!(drained(&far), Err(ErrorKind::ConnectionReset));
}

fn drained_once(mut stream: &TcpStream) -> Result<usize, ErrorKind> {
    stream.read(&mut [0; 8]).map_err(|e| e.kind())
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

/// Returns how many descriptors this process may have: the current limit and its maximum.
fn limits() -> libc::rlimit {
    let mut limits = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limits` lives during the call.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limits) };
    assert_eq!(done, 0);
    limits
}

fn allow(descriptors: u64) {
    let limits = libc::rlimit {
        rlim_cur: descriptors,
        ..limits()
    };
    // SAFETY: `limits` lives during the call.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limits) };
    assert_eq!(done, 0);
}

/// Starts a server that sends each connection's first bytes back, until its listener is closed.
fn echo_once(listener: &Arc<TcpListener>) -> JoinHandle<()> {
    let listener = listener.clone();
    go!(move || loop {
        match listener.accept() {
            Ok((mut stream, _)) => drop(go!(move || {
                let mut buf = [0; 64];
                let n = stream.read(&mut buf).unwrap_or(0);
                drop(stream.write_all(&buf[..n]));
            })),
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            Err(_) => return,
        }
    })
}

claims! {
    // FT03
    fn a_reset_ends_the_call_it_meets_and_leaves_nothing() {
        resets();
        let before = (descriptors(), num_goroutines());
        for _ in 0..50 {
            resets();
        }
        settle();
        assert_eq!((descriptors(), num_goroutines()), before);
        assert_eq!(waiting(WaitReason::IoWait), 0);
    }

    // FT02, FT03
    fn short_connections_and_aborted_ones_leave_nothing() {
        let rounds = if env::var_os("GORT_TEST_LONG").is_some() { 350_000 } else { 2_000 };
        let (listener, addr) = listen();
        let listener = Arc::new(listener);
        let server = echo_once(&listener);
        let clients = |rounds: usize| {
            let served: usize = gort::scope(|s| {
                let clients: Vec<_> = (0..8)
                    .map(|id| s.spawn(move || {
                        let mut served = 0;
                        for n in (id..rounds).step_by(8) {
                            let mut stream = TcpStream::connect(addr).unwrap();
                            if n % 4 == 3 {
                                // The server has perhaps not accepted the connection yet.
                                reset(&stream);
                                continue;
                            }
                            stream.write_all(&n.to_le_bytes()).unwrap();
                            let mut back = [0; 8];
                            stream.read_exact(&mut back).unwrap();
                            assert_eq!(usize::from_le_bytes(back), n);
                            served += 1;
                        }
                        served
                    }))
                    .collect();
                clients.into_iter().map(|c| c.join().unwrap()).sum()
            });
            assert_eq!(served, rounds / 4 * 3);
            while num_goroutines() > 2 || waiting(WaitReason::IoWait) < 1 {
                sleep(MS);
            }
        };
        clients(400);
        let before = (descriptors(), resident_bytes());
        clients(rounds);
        assert_eq!(descriptors(), before.0);
        let now = resident_bytes();
        assert!(now < before.1 + (8 << 20), "{} bytes, then {now}", before.1);
        listener.close();
        server.join().unwrap();
    }

    // FT01
    fn without_descriptors_a_server_backs_off_and_serves_all_in_the_end() {
        let (listener, addr) = listen();
        // The clients' ends use up the server's descriptors, too.
        let clients: Vec<_> = (0..40).map(|_| TcpStream::connect(addr).unwrap()).collect();
        let before = limits().rlim_cur;
        allow(descriptors() as u64 + 8);
        let refused = AtomicUsize::new(0);
        let served = AtomicUsize::new(0);
        let (began, used) = (Instant::now(), processor_time());
        gort::scope(|s| {
            s.spawn(|| {
                let mut accepted = Vec::new();
                while served.load(Relaxed) < clients.len() {
                    match listener.accept() {
                        Ok((mut stream, _)) => {
                            stream.write_all(b"x").unwrap();
                            served.fetch_add(1, Relaxed);
                            accepted.push(stream);
                        }
                        Err(e) => {
                            assert_eq!(e.raw_os_error(), Some(libc::EMFILE));
                            if refused.fetch_add(1, Relaxed) % 20 == 19 {
                                accepted.clear();
                            }
                            sleep(10 * MS);
                        }
                    }
                }
            });
            for mut client in &clients {
                client.read_exact(&mut [0]).unwrap();
            }
        });
        let (took, used) = (began.elapsed(), processor_time() - used);
        allow(before);
        assert!(refused.load(Relaxed) >= 20, "{refused:?} refusals");
        assert!(used * 4 < took, "{used:?} of processor time in {took:?} of backing off");
    }

    // FT04
    fn a_deadline_cuts_peers_that_send_a_byte_at_a_time() {
        const PEERS: usize = 100;
        let done = Arc::new(AtomicUsize::new(0));
        let (listener, addr) = listen();
        let dawdlers: Vec<_> = (0..PEERS)
            .map(|_| {
                let mut near = TcpStream::connect(addr).unwrap();
                let (far, _) = listener.accept().unwrap();
                let done = done.clone();
                let dawdles = go!(move || {
                    // Sends a byte at a time until the other end has been closed.
                    let mut sent = 0;
                    while near.write_all(b"x").is_ok() {
                        sent += 1;
                        sleep(10 * MS);
                    }
                    sent
                });
                let reads = go!(move || {
                    far.set_read_deadline(Some(Instant::now() + 300 * MS)).unwrap();
                    let error = (&far).read_exact(&mut [0; 1 << 16]).unwrap_err();
                    done.fetch_add(1, Relaxed);
                    error.kind()
                });
                (dawdles, reads)
            })
            .collect();
        for (dawdles, reads) in dawdlers {
            assert_eq!(reads.join().unwrap(), ErrorKind::TimedOut);
            let sent: u32 = dawdles.join().unwrap();
            // The peer made progress, and was never near the end of its data.
            assert!(sent > 0 && sent < 1 << 16, "{sent} bytes");
        }
        assert_eq!(done.load(Relaxed), PEERS);
    }
}

/// Runs the server's part.
fn hold_idle_connections() {
    const CONNECTIONS: usize = 10_000;
    let wanted = CONNECTIONS as u64 + 100;
    let max = limits().rlim_max;
    if max < wanted {
        println!("SKIPPED: RLIMIT_NOFILE cannot be raised to {wanted}, only to {max}");
        return;
    }
    allow(wanted);
    let before = (descriptors(), num_goroutines(), resident_bytes());
    let (listener, addr) = listen();
    // The other ends belong to another process, which has a limit of its own. That process ends
    // when its input ends.
    let mut clients = Command::new(env!("CARGO_BIN_EXE_streams"))
        .args(["clients", &addr.to_string(), &CONNECTIONS.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let ends: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (far, _) = listener.accept().unwrap();
            go!(move || drained(&far))
        })
        .collect();
    settle();
    assert_eq!(waiting(WaitReason::IoWait), CONNECTIONS);
    let each = (resident_bytes() - before.2) / CONNECTIONS;
    println!("{each} bytes for each connection and its goroutine");
    drop(clients.stdin.take());
    for reads in ends {
        assert_eq!(reads.join().unwrap(), Ok(()));
    }
    assert!(clients.wait().unwrap().success());
    drop(listener);
    // The poller's own descriptors stay, so there may be more descriptors than before.
    let after = (descriptors(), num_goroutines());
    assert!(
        after.0 <= before.0 + 3 && after.1 == before.1,
        "{before:?}, {after:?}"
    );
}

// FT03
#[test]
fn ten_thousand_idle_connections_wait_and_leave_nothing() {
    if role().is_some() {
        return gort::runtime::run(hold_idle_connections);
    }
    let test = concat!(
        module_path!(),
        "::ten_thousand_idle_connections_wait_and_leave_nothing"
    );
    for procs in ["1", "2"] {
        let ended = run_body(test, procs, &[]);
        assert!(ended.passed(), "{}\n{}", ended.stdout, ended.stderr);
        let figures = |line: &&str| line.contains(" bytes ") || line.contains("SKIPPED");
        let figures = ended.stdout.lines().find(figures);
        eprintln!("{procs} Ps: {}", figures.expect("one of the two"));
    }
}
