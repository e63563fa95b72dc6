//! RU08: channels between goroutines and plain threads, in every pairing.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{RecvTimeoutError, SendTimeoutError};
use gort::prelude::*;
use gort_tests::{claims, role, run_child};
use std::thread;

/// What runs a closure: a goroutine or a thread.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Goroutine,
    Thread,
}

use Kind::{Goroutine, Thread};

const PAIRINGS: [(Kind, Kind); 4] = [
    (Goroutine, Goroutine),
    (Goroutine, Thread),
    (Thread, Goroutine),
    (Thread, Thread),
];

/// A duration that no test waits for.
const LONG: Duration = Duration::from_secs(3600);

/// Starts `f`, and returns the channel that delivers its result.
fn start<T: Send + 'static>(kind: Kind, f: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tx, rx) = bounded(1);
    let run = move || drop(tx.send(f()));
    match kind {
        Goroutine => drop(spawn(run)),
        Thread => drop(thread::spawn(run)),
    }
    rx
}

/// Checks that values of `from` arrive at `to` in order, followed by the end.
fn values_arrive(from: Kind, to: Kind) {
    for cap in [Some(0), Some(1), Some(16), None] {
        let (tx, rx) = cap.map_or_else(unbounded, bounded);
        let sender = start(from, move || (0..500).for_each(|i| tx.send(i).unwrap()));
        let received = start(to, move || rx.iter().collect::<Vec<_>>());
        assert!(
            received.recv().unwrap().into_iter().eq(0..500),
            "{from:?} to {to:?}, {cap:?}"
        );
        sender.recv().unwrap();
    }
}

/// Lets two of each kind send and two of each receive, on one channel.
fn all_kinds_share_a_channel() {
    for cap in [0, 3] {
        let (tx, rx) = bounded(cap);
        let senders: Vec<_> = (0..4)
            .map(|i| {
                let tx = tx.clone();
                let kind = [Goroutine, Thread][i % 2];
                start(kind, move || {
                    (0..500).for_each(|n| tx.send(n * 4 + i).unwrap());
                })
            })
            .collect();
        let receivers: Vec<_> = (0..4)
            .map(|i| {
                let rx = rx.clone();
                start([Goroutine, Thread][i % 2], move || {
                    rx.iter().collect::<Vec<_>>()
                })
            })
            .collect();
        drop((tx, rx));
        senders.iter().for_each(|sender| sender.recv().unwrap());
        let mut all: Vec<_> = receivers.iter().flat_map(|r| r.recv().unwrap()).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..2_000), "capacity {cap}");
    }
}

claims! {
    // RU08
    fn values_cross_between_goroutines_and_threads_in_order() {
        PAIRINGS.into_iter().for_each(|(from, to)| values_arrive(from, to));
    }

    // RU08
    fn goroutines_and_threads_compete_on_one_channel() {
        all_kinds_share_a_channel();
    }

    // RU08: a question is answered before the next one is asked, so both sides park.
    fn ping_pong_crosses_every_border() {
        for (one, other) in PAIRINGS {
            let (ping, pinged) = bounded::<i32>(0);
            let (pong, ponged) = bounded::<i32>(0);
            let server = start(one, move || {
                for i in pinged {
                    pong.send(i + 1).unwrap();
                }
            });
            let client = start(other, move || {
                let mut i = 0;
                while i < 500 {
                    ping.send(i).unwrap();
                    i = ponged.recv().unwrap();
                }
            });
            client.recv().unwrap();
            server.recv().unwrap();
        }
    }

    // RU08, CL03, CL04, CL19
    fn the_end_reaches_a_waiting_peer_across_every_border() {
        for (waiter, closer) in PAIRINGS {
            let (tx, rx) = bounded::<i32>(0);
            let waiting = start(waiter, move || rx.recv());
            start(closer, move || assert!(tx.close())).recv().unwrap();
            assert_eq!(waiting.recv().unwrap(), Err(RecvError), "{waiter:?}, {closer:?}");

            let (tx, rx) = bounded::<i32>(0);
            let waiting = start(waiter, {
                let tx = tx.clone();
                move || tx.send(7)
            });
            start(closer, move || assert!(tx.close())).recv().unwrap();
            assert_eq!(waiting.recv().unwrap(), Err(SendError(7)), "{waiter:?}, {closer:?}");
            drop(rx);

            let (tx, rx) = bounded::<i32>(0);
            let waiting = start(waiter, move || tx.send_timeout(7, LONG));
            start(closer, move || drop(rx)).recv().unwrap();
            let given_back = Err(SendTimeoutError::Disconnected(7));
            assert_eq!(waiting.recv().unwrap(), given_back, "{waiter:?}, {closer:?}");
        }
    }

    // RU08, FI04
    fn time_limits_pass_and_are_beaten_across_every_border() {
        for (waiter, peer) in PAIRINGS {
            let limit = Duration::from_millis(2);
            let (tx, rx) = bounded::<i32>(0);
            let timed_out = start(waiter, {
                let (tx, rx) = (tx.clone(), rx.clone());
                move || (rx.recv_timeout(limit), tx.send_timeout(1, limit))
            });
            let timeouts = (Err(RecvTimeoutError::Timeout), Err(SendTimeoutError::Timeout(1)));
            assert_eq!(timed_out.recv().unwrap(), timeouts, "{waiter:?}");

            let received = start(waiter, move || (rx.recv_timeout(LONG), rx));
            start(peer, {
                let tx = tx.clone();
                move || tx.send_timeout(2, LONG)
            });
            let (received, rx) = received.recv().unwrap();
            assert_eq!(received, Ok(2), "{waiter:?}, {peer:?}");
            let sent = start(peer, move || tx.send_timeout(3, LONG));
            assert_eq!(rx.recv_timeout(LONG), Ok(3), "{peer:?}");
            assert_eq!(sent.recv().unwrap(), Ok(()), "{peer:?}");
        }
    }

    // RU08, FI02
    fn no_wake_up_of_a_thread_is_lost() {
        for cap in [0, 1] {
            let (work, channels) = bounded::<(Receiver<usize>, Sender<usize>)>(0);
            let thread = thread::spawn(move || {
                for (rx, tx) in channels {
                    tx.send(rx.recv().unwrap() + 1).unwrap();
                }
            });
            for round in 0..2_000 {
                let ((to, theirs), (answer, from)) = (bounded(cap), bounded(cap));
                work.send((theirs, answer)).unwrap();
                to.send(round).unwrap();
                assert_eq!(from.recv(), Ok(round + 1));
            }
            drop(work);
            thread.join().unwrap();
        }
    }
}

// RU09: no goroutine has ever run in this process.
#[test]
fn threads_need_no_runtime() {
    match role().as_deref() {
        Some("threads") => {
            values_arrive(Thread, Thread);
            let (tx, rx) = bounded::<i32>(0);
            let limit = Duration::from_millis(2);
            assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
            assert_eq!(tx.send_timeout(1, limit), Err(SendTimeoutError::Timeout(1)));
            let closed = start(Thread, move || rx.recv());
            assert!(tx.close());
            assert_eq!(closed.recv().unwrap(), Err(RecvError));
        }
        Some(_) => {}
        None => {
            let name = concat!(module_path!(), "::threads_need_no_runtime");
            let ended = run_child(name, "threads", &[]);
            assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
        }
    }
}
