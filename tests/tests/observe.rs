//! Metrics: what the runtime reports about itself while it runs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{GoroutineInfo, GoroutineState, Metrics, max_procs, metrics};
use gort_tests::{always_migrates, claims};
use std::hint;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::Instant;

/// Reads the metrics until `is` holds for them. That may take a moment, because a thread does not
/// update all metrics in one step.
fn eventually(what: &str, is: impl Fn(&Metrics) -> bool) -> Metrics {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = metrics();
        if is(&metrics) {
            return metrics;
        }
        assert!(Instant::now() < until, "not {what}: {metrics:#?}");
        yield_now();
    }
}

/// Sends `n` values over rendezvous channels and back.
fn ping_pong(n: usize) {
    let (ping, pings) = bounded(0);
    let (pong, pongs) = bounded(0);
    let peer = go!(move || {
        for value in pings {
            pong.send(value).unwrap();
        }
    });
    for i in 0..n {
        ping.send(i).unwrap();
        assert_eq!(pongs.recv(), Ok(i));
    }
    drop(ping);
    peer.join().unwrap();
}

claims! {
    fn parked_goroutines_are_counted_as_waiting_and_their_stacks_as_reserved() {
        let before = metrics();
        assert_eq!((before.goroutines, before.procs), (1, max_procs()));
        let (tx, rx) = bounded::<()>(0);
        let handles: Vec<_> = (0..10)
            .map(|_| go!(clone [rx]; { assert!(rx.recv().is_err()); }))
            .collect();
        let parked = eventually("ten waiting", |m| {
            (m.goroutines, m.running, m.runnable, m.waiting) == (11, 1, 0, 10)
                && m.idle_procs < m.procs
                && m.parks >= before.parks + 10
        });
        assert_eq!(parked.started, before.started + 10);
        assert!(parked.stack_bytes > 10 * 256 * 1024, "{parked:?}");
        assert!((1..100).contains(&parked.threads), "{parked:?}");
        assert!(parked.idle_threads < parked.threads, "{parked:?}");
        assert_eq!(parked.local_queues, vec![0; max_procs()]);
        drop(tx);
        for handle in handles {
            handle.join().unwrap();
        }
        eventually("one running", |m| {
            (m.goroutines, m.running, m.runnable, m.waiting) == (1, 1, 0, 0)
        });
    }

    fn goroutines_in_queues_are_counted_as_runnable() {
        if always_migrates() {
            // On the way to another thread the goroutines are in no P's queue.
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let handles: Vec<_> = (0..20)
            .map(|_| {
                go!(clone [stop]; {
                    while !stop.load(Relaxed) {
                        // Spins for most of the time, so that few goroutines are between two
                        // states.
                        for _ in 0..1000 {
                            hint::spin_loop();
                        }
                        yield_now();
                    }
                })
            })
            .collect();
        let busy = eventually("all busy", |m| {
            m.waiting == 0 && m.running == max_procs() && m.runnable == 21 - max_procs()
        });
        assert_eq!(
            busy.runnable,
            busy.global_queue + busy.on_hold + busy.local_queues.iter().sum::<usize>()
        );
        stop.store(true, Relaxed);
        for handle in handles {
            handle.join().unwrap();
        }
    }

    fn steals_are_counted_and_there_are_none_with_one_p() {
        let until = Instant::now() + Duration::from_secs(30);
        let mut rounds = 0;
        while rounds < 100 || max_procs() > 1 && metrics().steals == 0 {
            assert!(Instant::now() < until, "{:?}", metrics());
            rounds += 1;
            let done = Arc::new(AtomicUsize::new(0));
            for _ in 0..50 {
                go!(clone [done]; { done.fetch_add(1, SeqCst); });
            }
            while done.load(SeqCst) < 50 {
                if max_procs() == 1 {
                    yield_now();
                }
                hint::spin_loop();
            }
        }
        assert_eq!(metrics().steals > 0, max_procs() > 1);
    }

    fn every_rendezvous_parks_a_goroutine() {
        let before = metrics();
        ping_pong(1000);
        let after = metrics();
        assert!(after.parks >= before.parks + 2000, "{before:?}\n{after:?}");
    }

    fn some_of_the_times_from_runnable_to_running_are_in_the_histogram() {
        ping_pong(5000);
        let latency = metrics().latency;
        assert!(latency.count() > 0);
        assert_eq!(latency.buckets().map(|(_, n)| n).sum::<u64>(), latency.count());
        let limits: Vec<_> = latency.buckets().map(|(limit, _)| limit).collect();
        assert!(limits.windows(2).all(|pair| pair[1] == pair[0] * 2), "{limits:?}");
        let [least, median, most] = [0.0, 0.5, 1.0].map(|q| latency.quantile(q).unwrap());
        assert!(least <= median && median <= most, "{latency:?}");
        assert!(latency.count() < 10_000, "only a sample is timed: {latency:?}");
    }

    fn a_p_that_is_taken_from_a_blocking_goroutine_is_a_handoff() {
        let before = metrics().handoffs;
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone [stop]; {
            while !stop.load(Relaxed) {
                yield_now();
            }
        });
        let until = Instant::now() + Duration::from_secs(30);
        while metrics().handoffs == before {
            assert!(Instant::now() < until, "{:?}", metrics());
            gort::blocking(|| thread::sleep(Duration::from_millis(5)));
        }
        stop.store(true, Relaxed);
        other.join().unwrap();
    }

    fn metrics_can_be_read_from_a_plain_thread() {
        let seen = thread::spawn(metrics);
        let seen = seen.join().unwrap();
        assert_eq!((seen.goroutines, seen.procs), (1, max_procs()));
    }

    fn a_wait_does_not_seem_to_begin_before_the_wakeup_by_a_plain_thread() {
        let (tx, rx) = bounded(0);
        let (_never, nothing) = bounded::<()>(0);
        let waits = go!(name = "waits"; move || {
            rx.recv().unwrap();
            let _ = nothing.recv();
        });
        // Main and every M sleep, so the P that the goroutine gets has not read the clock for long.
        let (done, end) = bounded(0);
        thread::spawn(move || {
            let waiting = || {
                let all = gort::runtime::goroutines();
                let is_it = |info: &GoroutineInfo| info.name.as_deref() == Some("waits");
                let info = all.into_iter().find(is_it).unwrap();
                (info.state == GoroutineState::Waiting, info.at.map(Location::line), info.since)
            };
            thread::sleep(Duration::from_millis(300));
            let (_, first, _) = waiting();
            let woken = Instant::now();
            tx.send(()).unwrap();
            let since = loop {
                match waiting() {
                    (true, at, since) if at != first => break since,
                    _ => assert!(woken.elapsed() < Duration::from_secs(30)),
                }
            };
            done.send(since <= woken.elapsed()).unwrap();
        });
        assert_eq!(end.recv(), Ok(true), "it seems to have waited since before it was woken");
        assert!(!waits.is_finished());
    }
}

#[cfg(any(gort_threads, miri))]
#[test]
fn where_goroutines_are_threads_no_trace_can_be_written() {
    let refused = gort::runtime::trace::start("never.pftrace").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::Unsupported);
    assert!(gort::runtime::trace::stop().is_err());
}
