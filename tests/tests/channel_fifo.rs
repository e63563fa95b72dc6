//! FI: linearizability of single channels, and their order when time limits interfere.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{RecvTimeoutError, SendTimeoutError, TryRecvError};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::{now, sleep};
use gort_tests::{Counted, Random, claims, seed, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// A duration that no test waits for.
const LONG: Duration = Duration::from_secs(3600);

claims! {
    // FI01
    fn a_poll_finds_what_the_same_goroutine_has_sent() {
        for cap in [Some(4), None] {
            let (tx, rx) = cap.map_or_else(unbounded, bounded);
            // Each of the four goroutines receives as often as it sends. So one that has just sent
            // a value finds a value, its own or another one's.
            let pollers: Vec<_> = (0..4)
                .map(|_| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    spawn(move || {
                        for round in 0..25_000 {
                            tx.send(0).unwrap();
                            assert_eq!(rx.try_recv(), Ok(0), "round {round}");
                        }
                    })
                })
                .collect();
            pollers.into_iter().for_each(|poller| poller.join().unwrap());
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    }

    // FI02
    fn no_wake_up_is_lost_between_looking_and_parking() {
        for round in 0..10_000 {
            for cap in [0, 1] {
                let (tx, rx) = bounded(cap);
                let sender = spawn(move || tx.send(round));
                let receiver = spawn(move || rx.recv());
                assert_eq!(receiver.join().unwrap(), Ok(round));
                assert_eq!(sender.join().unwrap(), Ok(()));
            }
        }
    }

    // FI03
    fn a_timed_operation_that_loses_the_race_leaves_nothing_behind() {
        const VALUES: usize = 1_000;
        let seed = seed();
        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [0, 2] {
            let (tx, rx) = bounded(cap);
            let sender = spawn({
                let alive = alive.clone();
                let mut random = Random::new(seed);
                move || {
                    let mut timeouts = 0;
                    for i in 0..VALUES {
                        let mut value = (i, Counted::new(&alive));
                        loop {
                            if random.below(16) == 0 {
                                sleep(Duration::from_micros(500));
                            }
                            let limit = Duration::from_micros(random.below(100));
                            match tx.send_timeout(value, limit) {
                                Ok(()) => break,
                                Err(SendTimeoutError::Timeout(back)) => value = back,
                                Err(SendTimeoutError::Disconnected(_)) => unreachable!(),
                            }
                            timeouts += 1;
                            assert_eq!(value.0, i, "seed {seed}");
                        }
                    }
                    timeouts
                }
            });
            let mut random = Random::new(seed ^ 2);
            let (mut next, mut timeouts) = (0, 0);
            loop {
                if random.below(16) == 0 {
                    sleep(Duration::from_micros(500));
                }
                match rx.recv_timeout(Duration::from_micros(random.below(100))) {
                    Ok((i, _)) => assert_eq!(i, next, "capacity {cap}, seed {seed}"),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        timeouts += 1;
                        continue;
                    }
                }
                next += 1;
            }
            assert_eq!(next, VALUES, "capacity {cap}, seed {seed}");
            assert!(timeouts > 0, "nothing was tested, seed {seed}");
            assert!(sender.join().unwrap() > 0 || cap > 0, "nothing was tested, seed {seed}");
            assert_eq!(alive.load(SeqCst), 0, "seed {seed}");
        }
    }

    // FI04
    fn a_time_limit_that_has_passed_still_takes_what_is_there() {
        let past = || now().checked_sub(Duration::from_secs(1)).unwrap();
        let (tx, rx) = bounded(1);
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.recv_deadline(past()), Err(RecvTimeoutError::Timeout));
        for i in 0..100 {
            assert_eq!(tx.send_deadline(i, past()), Ok(()));
            assert_eq!(tx.send_deadline(-1, past()), Err(SendTimeoutError::Timeout(-1)));
            assert_eq!(rx.recv_deadline(past()), Ok(i));
            assert_eq!(tx.send_timeout(i, Duration::ZERO), Ok(()));
            assert_eq!(tx.send_timeout(-1, Duration::ZERO), Err(SendTimeoutError::Timeout(-1)));
            assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(i));
        }
    }

    // FI04
    fn a_time_limit_that_has_passed_still_meets_a_parked_peer() {
        let past = now().checked_sub(Duration::from_secs(1)).unwrap();
        let (tx, rx) = bounded(0);
        let sender = spawn({
            let tx = tx.clone();
            move || tx.send(1)
        });
        settle();
        assert_eq!(rx.recv_deadline(past), Ok(1));
        sender.join().unwrap().unwrap();
        let receiver = spawn(move || rx.recv());
        settle();
        assert_eq!(tx.send_deadline(2, past), Ok(()));
        assert_eq!(receiver.join().unwrap(), Ok(2));
    }

    // FI03
    fn a_receiver_whose_time_is_up_has_left_the_queue() {
        let (tx, rx) = bounded(0);
        let start = |limit: Duration| {
            let rx = rx.clone();
            let receiver = spawn(move || rx.recv_timeout(limit));
            settle();
            receiver
        };
        let first = start(LONG);
        let impatient = start(Duration::from_millis(2));
        let last = start(LONG);
        assert_eq!(impatient.join().unwrap(), Err(RecvTimeoutError::Timeout));
        assert_eq!(waiting(WaitReason::ChanReceive), 2);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert_eq!(first.join().unwrap(), Ok(1));
        assert_eq!(last.join().unwrap(), Ok(2));
        assert!(tx.try_send(3).is_err(), "a receiver was left behind");
    }

    // FI03
    fn a_sender_whose_time_is_up_has_left_the_queue() {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|_| tx.send(0).unwrap());
            let start = |value: i32, limit: Duration| {
                let tx = tx.clone();
                let sender = spawn(move || tx.send_timeout(value, limit));
                settle();
                sender
            };
            let first = start(1, LONG);
            let impatient = start(2, Duration::from_millis(2));
            let last = start(3, LONG);
            assert_eq!(impatient.join().unwrap(), Err(SendTimeoutError::Timeout(2)));
            assert_eq!(waiting(WaitReason::ChanSend), 2);
            let received: Vec<_> = rx.iter().take(cap + 2).collect();
            assert_eq!(received[cap..], [1, 3]);
            assert!(first.join().unwrap().is_ok() && last.join().unwrap().is_ok());
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a sender was left behind");
        }
    }

    // FI05
    fn a_poll_may_overtake_a_woken_receiver_but_each_value_arrives_once() {
        const SENDS: usize = 50_000;
        let (tx, rx) = bounded(1);
        let parked = spawn({
            let rx = rx.clone();
            move || rx.iter().collect::<Vec<usize>>()
        });
        let mut overtaken = Vec::new();
        for i in 0..SENDS {
            tx.send(i).unwrap();
            overtaken.extend(rx.try_recv());
        }
        drop(tx);
        let mut all = parked.join().unwrap();
        assert!(all.is_sorted(), "one receiver sees one sender's order");
        assert!(overtaken.is_sorted());
        all.append(&mut overtaken);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..SENDS));
    }

    // CH04: each receiver sees the values of each sender in their order.
    fn each_receiver_sees_each_sender_in_order() {
        const SENDERS: usize = 4;
        const EACH: usize = 20_000;
        for cap in [Some(0), Some(1), Some(5), None] {
            let (tx, rx) = cap.map_or_else(unbounded, bounded);
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let rx = rx.clone();
                    spawn(move || {
                        let mut next = [0; SENDERS];
                        let mut received = 0;
                        for (sender, i) in rx {
                            assert!(i >= next[sender], "{i} after {}", next[sender]);
                            next[sender] = i + 1;
                            received += 1;
                        }
                        received
                    })
                })
                .collect();
            for sender in 0..SENDERS {
                let tx = tx.clone();
                spawn(move || (0..EACH).for_each(|i| tx.send((sender, i)).unwrap()));
            }
            drop((tx, rx));
            let received: usize = receivers.into_iter().map(|r| r.join().unwrap()).sum();
            assert_eq!(received, SENDERS * EACH, "capacity {cap:?}");
        }
    }
}
