//! When the monitor takes a P from a goroutine and gives it to another thread, and when the
//! scheduler manages without that.
//!
//! The monitor repairs many scheduling mistakes after 10 ms, and no result is wrong. But each
//! repair is counted (`Metrics::handoffs`).
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::{max_procs, metrics, set_max_procs};
use gort_tests::{always_migrates, claims};
use std::io::{Read, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::Instant;

/// Waits without entering the runtime. The thread offers its core to other threads.
fn wait_for(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Computes for the time `d`.
fn compute(d: Duration) {
    let since = Instant::now();
    while since.elapsed() < d {
        std::hint::spin_loop();
    }
}

/// Checks that `round` succeeds in so many of at most so many rounds, within a minute. On a busy
/// machine many rounds fail, because there is no core for a thread.
fn succeeds(enough: usize, rounds: usize, mut round: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    let good = (0..rounds)
        .take_while(|_| Instant::now() < until)
        .filter(|_| round());
    assert_eq!(
        good.take(enough).count(),
        enough,
        "of {rounds} rounds, in a minute"
    );
}

/// Checks that `round`, in which a goroutine waits outside the runtime for other goroutines, ends
/// without the monitor. (If it needs the monitor, up to 1 of 20 rounds succeeds nevertheless.)
fn gets_on_unaided(round: impl Fn()) {
    succeeds(25, 250, || {
        // Gets a P, even if it was taken in the round before.
        yield_now();
        // The other threads fall asleep.
        thread::sleep(Duration::from_millis(3));
        let before = metrics().handoffs;
        round();
        metrics().handoffs == before
    });
}

/// Checks that the monitor soon takes the only P from the caller, which computes and does not let
/// another goroutine run: the one that `start` starts. (If the monitor overlooked that this one
/// waits, it would take the P only after 100 ms.) Does nothing if there are more Ps.
fn gets_the_p_soon(start: impl Fn(Arc<AtomicBool>)) {
    if max_procs() > 1 {
        return;
    }
    let soon = (0..50).filter(|_| {
        // Gets a P, even if it was taken in the round before.
        yield_now();
        let ready = Arc::new(AtomicBool::new(false));
        start(ready.clone());
        let since = Instant::now();
        wait_for(|| ready.load(SeqCst));
        since.elapsed() < Duration::from_millis(50)
    });
    // On a busy machine not each round succeeds.
    assert_eq!(soon.take(5).count(), 5, "of 50 rounds");
}

claims! {
    fn a_goroutine_that_was_made_ready_is_stolen_from_one_that_does_not_let_it_run() {
        if max_procs() == 1 {
            return;
        }
        gets_on_unaided(|| {
            let ran = Arc::new(AtomicBool::new(false));
            let other = go!(clone [ran]; { ran.store(true, SeqCst); });
            wait_for(|| ran.load(SeqCst));
            other.join().unwrap();
        });
    }

    // A thread that has found work has another thread continue the search.
    fn goroutines_that_were_started_together_find_a_thread_each() {
        const N: usize = 4;
        if max_procs() <= N {
            return;
        }
        gets_on_unaided(|| {
            let met = Arc::new(AtomicUsize::new(0));
            let others: Vec<_> = (0..N)
                .map(|_| {
                    go!(clone [met]; {
                        met.fetch_add(1, SeqCst);
                        wait_for(|| met.load(SeqCst) == N);
                    })
                })
                .collect();
            wait_for(|| met.load(SeqCst) == N);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    }

    fn a_sleeper_wakes_on_another_p_than_that_of_a_goroutine_that_computes() {
        if max_procs() == 1 {
            return;
        }
        gets_on_unaided(|| {
            let awake = Arc::new(AtomicBool::new(false));
            let sleeper = go!(clone [awake]; {
                gort::time::sleep(Duration::from_millis(1));
                awake.store(true, SeqCst);
            });
            // The other goroutine goes to sleep on this P.
            yield_now();
            wait_for(|| awake.load(SeqCst));
            sleeper.join().unwrap();
        });
    }

    // One event makes both goroutines ready, and only the thread that polled is awake.
    fn goroutines_that_the_network_makes_ready_together_find_a_thread_each() {
        if max_procs() == 1 {
            return;
        }
        gets_on_unaided(|| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            let peer = listener.accept().unwrap();
            let awake = Arc::new(AtomicUsize::new(0));
            let meet = |awake: &AtomicUsize| {
                awake.fetch_add(1, SeqCst);
                wait_for(|| awake.load(SeqCst) == 2);
            };
            let writes = go!(clone [awake, stream]; {
                // The other end does not read, so this writes until the connection is reset.
                assert!((&*stream).write_all(&[0; 1 << 16].repeat(256)).is_err());
                meet(&awake);
            });
            let reads = go!(clone [awake]; {
                let _gone = (&*stream).read(&mut [0]);
                meet(&awake);
            });
            let outside = thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                drop(peer);
            });
            reads.join().unwrap();
            writes.join().unwrap();
            outside.join().unwrap();
        });
    }

    fn goroutines_that_take_turns_keep_their_p() {
        if max_procs() > 1 || always_migrates() {
            return;
        }
        let before = metrics().handoffs;
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone [stop]; {
            while !stop.load(Relaxed) {
                yield_now();
            }
        });
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(400) {
            yield_now();
        }
        stop.store(true, Relaxed);
        other.join().unwrap();
        // A P is taken if the kernel has kept its thread off the cores for a whole time slice of 10
        // ms.
        let taken = u128::from(metrics().handoffs - before);
        assert!(taken <= since.elapsed().as_millis() / 10 + 5, "taken {taken} times");
    }

    // If a goroutine waits inside an announced blocking call, the call counts as ended: the other
    // goroutines get whole time slices.
    fn a_blocking_call_that_waits_in_the_runtime_costs_others_nothing() {
        if max_procs() > 1 || always_migrates() {
            return;
        }
        let (tx, rx) = bounded::<()>(0);
        let stop = Arc::new(AtomicBool::new(false));
        let waits = go!(move || while gort::blocking(|| rx.recv()).is_ok() {});
        let other = go!(clone [stop]; {
            while !stop.load(Relaxed) {
                yield_now();
            }
        });
        // Whether the P is taken during a computation. If the kernel makes it so long that the time
        // slice may end, it does not count.
        let computation = || {
            let since = Instant::now();
            // The goroutine returns from its call and waits in the next one. The monitor looks
            // often in this time.
            tx.send(()).unwrap();
            yield_now();
            let before = metrics().handoffs;
            compute(Duration::from_millis(3));
            let is_taken = metrics().handoffs != before;
            (since.elapsed() < Duration::from_millis(8)).then_some(is_taken)
        };
        let until = Instant::now() + Duration::from_secs(60);
        let short = iter::from_fn(|| (Instant::now() < until).then(computation)).flatten();
        let results: Vec<_> = short.take(20).collect();
        let taken = results.iter().filter(|is_taken| **is_taken).count();
        stop.store(true, Relaxed);
        drop(tx);
        other.join().unwrap();
        waits.join().unwrap();
        assert_eq!(results.len(), 20, "computations that are not too long");
        assert!(taken <= 2, "taken in {taken} of 20 computations");
    }

    // A goroutine that returns from a blocking call waits for a P before it continues.
    fn goroutines_that_have_blocked_do_not_run_beside_those_that_have_the_ps() {
        if max_procs() > 1 {
            return;
        }
        // A goroutine that the kernel keeps off the cores for long loses its P, and then two run.
        // So it is enough that this does not happen all the time.
        let run_alone = || {
            let (running, beside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let until = Instant::now() + Duration::from_millis(20);
            let all: Vec<_> = (0..6)
                .map(|_| {
                    go!(clone [running, beside]; {
                        gort::blocking(|| thread::sleep(until.saturating_duration_since(Instant::now())));
                        beside.fetch_add(running.fetch_add(1, SeqCst), SeqCst);
                        // This is too short to lose the P.
                        thread::sleep(Duration::from_micros(200));
                        running.fetch_sub(1, SeqCst);
                    })
                })
                .collect();
            all.into_iter().for_each(|one| one.join().unwrap());
            beside.load(SeqCst) == 0
        };
        succeeds(10, 2_000, run_alone);
    }

    fn a_p_is_taken_from_a_goroutine_that_computes_when_another_is_ready() {
        gets_the_p_soon(|ready| {
            go!(move || ready.store(true, SeqCst));
        });
    }

    fn a_p_is_taken_from_a_goroutine_that_computes_when_a_timer_is_due() {
        gets_the_p_soon(|ready| {
            go!(move || {
                gort::time::sleep(Duration::from_millis(1));
                ready.store(true, SeqCst);
            });
            yield_now();
        });
    }

    fn a_p_is_taken_from_a_goroutine_that_computes_when_a_plain_thread_wakes_another() {
        gets_the_p_soon(|ready| {
            let (tx, rx) = bounded(0);
            go!(move || {
                rx.recv().unwrap();
                ready.store(true, SeqCst);
            });
            yield_now();
            thread::spawn(move || tx.send(()).unwrap());
        });
    }

    fn a_p_is_taken_from_a_goroutine_that_computes_when_a_connection_is_ready() {
        gets_the_p_soon(|ready| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            go!(move || {
                listener.accept().unwrap();
                ready.store(true, SeqCst);
            });
            yield_now();
            thread::spawn(move || std::net::TcpStream::connect(addr).unwrap());
        });
    }

    fn a_surplus_p_is_taken_from_a_goroutine_that_computes() {
        if max_procs() > 1 {
            return;
        }
        let soon = (0..50).filter(|_| {
            // This starts a new time slice for main. The other goroutine begins one as well.
            yield_now();
            set_max_procs(2);
            let (runs, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let other = go!(clone [runs, stop]; {
                runs.store(true, SeqCst);
                wait_for(|| stop.load(SeqCst));
            });
            wait_for(|| runs.load(SeqCst));
            let before = metrics().handoffs;
            let since = Instant::now();
            set_max_procs(1);
            wait_for(|| metrics().handoffs != before);
            let took = since.elapsed();
            stop.store(true, SeqCst);
            other.join().unwrap();
            took < Duration::from_millis(50)
        });
        assert_eq!(soon.take(5).count(), 5, "of 50 rounds");
    }

    // The monitor takes the P long before the time slice is over, and the goroutines that wait get
    // it.
    fn a_p_is_soon_taken_from_a_goroutine_whose_thread_sleeps() {
        if max_procs() > 1 {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone [stop]; {
            while !stop.load(Relaxed) {
                yield_now();
            }
        });
        let nap = || thread::sleep(Duration::from_millis(5));
        for (how, sleep) in [("asleep", &nap as &dyn Fn()), ("announced", &|| gort::blocking(nap))] {
            println!("{how}");
            succeeds(10, 2_000, || {
                // Gets a P.
                yield_now();
                let before = metrics().handoffs;
                sleep();
                metrics().handoffs != before
            });
        }
        stop.store(true, Relaxed);
        other.join().unwrap();
    }

    // The monitor sleeps while every P is idle, and a thread that takes a P wakes it. Without the
    // monitor this test would not end.
    fn the_monitor_wakes_when_there_is_something_to_watch() {
        if max_procs() > 1 {
            return;
        }
        go!(|| gort::time::sleep(Duration::from_secs(3_600)));
        for _ in 0..3 {
            gort::time::sleep(Duration::from_millis(300));
            let ran = Arc::new(AtomicBool::new(false));
            let other = go!(clone [ran]; { ran.store(true, SeqCst); });
            wait_for(|| ran.load(SeqCst));
            other.join().unwrap();
        }
    }

    fn the_monitor_sleeps_beside_a_long_blocking_call() {
        let switches = || {
            let task = std::fs::read_dir("/proc/self/task").unwrap().find_map(|task| {
                let path = task.unwrap().path();
                let name = std::fs::read_to_string(path.join("comm")).ok()?;
                (name.trim() == "gort-sysmon").then_some(path)
            });
            let status = std::fs::read_to_string(task.unwrap().join("status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u32>().unwrap()
        };
        // While a timer is pending, the monitor does not look for deadlocks at intervals.
        go!(|| gort::time::sleep(Duration::from_secs(3_600)));
        let looks = gort::blocking(|| {
            thread::sleep(Duration::from_millis(400));
            let before = switches();
            thread::sleep(Duration::from_millis(600));
            switches() - before
        });
        // The monitor, when awake, looks every 10 ms.
        assert!(looks < 15, "the monitor has looked {looks} times");
    }
}
