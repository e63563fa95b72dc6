//! CC: closing a channel from the receiving side, receiving many values at once, and asking whether
//! a channel is closed.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TrySendError, never};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Random, claims, parked, seed, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Returns a channel with this capacity, or an unbounded one.
fn channel<T>(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
    cap.map_or_else(unbounded, bounded)
}

claims! {
    // CC01
    fn after_a_receivers_close_sends_fail_and_what_is_queued_is_received() {
        for cap in [Some(4), None] {
            let (tx, rx) = channel(cap);
            for n in 1..=3 {
                tx.send(n).unwrap();
            }
            assert!(rx.close());
            assert_eq!(tx.send(9), Err(SendError(9)));
            assert_eq!(tx.try_send(9), Err(TrySendError::Disconnected(9)));
            assert_eq!(select! { sent = tx <- 9 => sent }, Err(SendError(9)));
            for n in 1..=3 {
                assert_eq!(rx.recv(), Ok(n));
            }
            assert_eq!((rx.recv(), rx.recv()), (Err(RecvError), Err(RecvError)));
        }
    }

    // CC02
    fn a_waiting_sender_gets_its_value_back() {
        let (tx, rx) = bounded(1);
        tx.send(0).unwrap();
        let mut senders: Vec<_> = [1, 2]
            .map(|n| parked(WaitReason::ChanSend, { let tx = tx.clone(); move || tx.send(n) }))
            .into();
        senders.push(parked(WaitReason::Select, move || select! {
            sent = tx <- 3 => sent,
            <-never::<()>() => unreachable!(),
        }));
        assert!(rx.close());
        let back: Vec<_> = senders.into_iter().map(|s| s.join().unwrap()).collect();
        assert_eq!(back, [Err(SendError(1)), Err(SendError(2)), Err(SendError(3))]);
        assert_eq!((rx.recv(), rx.recv()), (Ok(0), Err(RecvError)));

        // A waiting receiver sees the end.
        let (_tx, rx) = bounded::<()>(0);
        let waits = parked(WaitReason::ChanReceive, { let rx = rx.clone(); move || rx.recv() });
        assert!(rx.close());
        assert_eq!(waits.join().unwrap(), Err(RecvError));
    }

    // CC03
    fn the_first_close_answers_true_whichever_side_it_is() {
        type Close = fn(&Sender<i32>, &Receiver<i32>) -> bool;
        let ways: [Close; 4] = [
            |tx, _| tx.close(),
            |_, rx| rx.close(),
            |tx, _| tx.clone().close(),
            |_, rx| rx.clone().close(),
        ];
        for cap in [Some(0), Some(1), None] {
            for first in ways {
                let (tx, rx) = channel(cap);
                assert!(first(&tx, &rx));
                for later in ways {
                    assert!(!later(&tx, &rx));
                }
                assert!(tx.clone().try_send(1).is_err());
            }
        }
        // A channel that never has senders, such as a timer's, is not closed.
        let timer = gort::channel::after(Duration::from_millis(1));
        assert!(!timer.close() && !timer.is_closed());
        assert!(timer.recv().is_ok());
        let (ctx, cancel) = gort::context::Context::background().with_cancel();
        assert!(!ctx.done().close() && !ctx.done().is_closed());
        cancel.cancel();
        assert!(ctx.done().is_closed());
    }

    // CC04
    fn a_receiver_stops_without_a_loss() {
        let seed = seed();
        println!("GORT_TEST_SEED={seed}");
        let mut random = Random::new(seed);
        let rounds = if cfg!(debug_assertions) { 500 } else { 2_500 };
        let mut some_were_refused = false;
        for round in 0..rounds {
            for cap in [Some(0), Some(1), Some(64), None] {
                let (tx, rx) = channel(cap);
                let sent = Arc::new(AtomicUsize::new(0));
                let senders: Vec<_> = (0..4_usize)
                    .map(|who| {
                        let (tx, sent) = (tx.clone(), sent.clone());
                        spawn(move || {
                            for n in 0..1_000 {
                                match tx.send(who * 1_000 + n) {
                                    Ok(()) => sent.fetch_add(1, SeqCst),
                                    Err(SendError(back)) => {
                                        assert_eq!(back, who * 1_000 + n);
                                        return true;
                                    }
                                };
                                if n % 16 == 0 {
                                    yield_now();
                                }
                            }
                            false
                        })
                    })
                    .collect();
                let mut seen = vec![false; 4_000];
                let mut received = 0;
                let mut take = |n: usize| {
                    assert!(!seen[n], "{n} came twice in round {round}");
                    seen[n] = true;
                    received += 1;
                };
                for _ in 0..random.below(100) {
                    take(rx.recv().unwrap());
                }
                rx.close();
                while let Ok(n) = rx.recv() {
                    take(n);
                }
                for sender in senders {
                    some_were_refused |= sender.join().unwrap();
                }
                assert_eq!(received, sent.load(SeqCst), "{cap:?}");
            }
        }
        assert!(some_were_refused);
    }

    // CC05
    fn is_closed_also_while_values_wait_and_when_the_other_side_is_gone() {
        for cap in [Some(2), None] {
            let (tx, rx) = channel(cap);
            assert!(!tx.is_closed() && !rx.is_closed());
            tx.send(1).unwrap();
            tx.send(2).unwrap();
            // Clones are made and dropped.
            drop((tx.clone(), rx.clone()));
            assert!(!tx.is_closed() && !rx.is_closed());
            rx.close();
            assert!(tx.is_closed() && rx.is_closed());
            assert_eq!(rx.len(), 2);

            let (tx, rx) = channel::<i32>(cap);
            tx.close();
            assert!(tx.is_closed() && rx.is_closed());
            let (tx, rx) = channel(cap);
            tx.send(1).unwrap();
            drop(tx);
            assert!(rx.is_closed());
            assert_eq!(rx.recv(), Ok(1));
            let (tx, rx) = channel::<i32>(cap);
            drop(rx);
            assert!(tx.is_closed());
        }
        let (tx, rx) = bounded::<i32>(0);
        assert!(!tx.is_closed() && !rx.is_closed());
        drop(tx);
        assert!(rx.is_closed());
    }

    // CC06
    fn recv_many_waits_for_one_and_takes_what_is_there() {
        for cap in [Some(3), None] {
            let (tx, rx) = channel(cap);
            for n in 1..=3 {
                tx.send(n).unwrap();
            }
            let mut into = vec![9];
            assert_eq!(rx.recv_many(&mut into, 10), 3);
            assert_eq!(into, [9, 1, 2, 3]);
            for n in 4..=6 {
                tx.send(n).unwrap();
            }
            assert_eq!(rx.recv_many(&mut into, 2), 2);
            assert_eq!(into, [9, 1, 2, 3, 4, 5]);
            assert_eq!(rx.recv_many(&mut into, 2), 1);
            let waits = parked(WaitReason::ChanReceive, move || {
                let n = rx.recv_many(&mut into, 10);
                (n, into.pop())
            });
            tx.send(7).unwrap();
            assert_eq!(waits.join().unwrap(), (1, Some(7)));
        }
    }

    // CC07
    fn recv_many_gives_0_at_the_end_and_for_a_limit_of_0() {
        let (tx, rx) = bounded(2);
        let mut into = vec![1];
        assert_eq!(rx.recv_many(&mut into, 0), 0);
        tx.send(2).unwrap();
        assert_eq!(rx.recv_many(&mut into, 0), 0);
        assert_eq!(into, [1]);
        assert_eq!(rx.recv_many(&mut into, 1), 1);
        rx.close();
        for limit in [0, 1, 10, usize::MAX] {
            assert_eq!(rx.recv_many(&mut into, limit), 0);
        }
        assert_eq!(into, [1, 2]);
        let waits = {
            let (_tx, rx) = bounded::<i32>(0);
            let theirs = rx.clone();
            let waits = parked(WaitReason::ChanReceive, move || theirs.recv_many(&mut vec![], 10));
            rx.close();
            waits
        };
        assert_eq!(waits.join().unwrap(), 0);
        assert_eq!(never::<i32>().recv_many(&mut into, 0), 0);
    }

    // CC08
    fn recv_many_admits_parked_senders_in_order() {
        for cap in [0, 1, 2, 64] {
            let (tx, rx) = bounded(cap);
            let senders: Vec<_> = (0..20)
                .map(|n| {
                    let tx = tx.clone();
                    let sender = spawn(move || tx.send(n));
                    settle();
                    sender
                })
                .collect();
            drop(tx);
            let mut into = Vec::new();
            loop {
                let n = rx.recv_many(&mut into, 7);
                assert!(n <= 7);
                if n == 0 {
                    break;
                }
            }
            assert!(into.into_iter().eq(0..20), "capacity {cap}");
            senders.into_iter().for_each(|sender| sender.join().unwrap().unwrap());
        }
    }

    // CC08
    fn recv_many_mixes_with_other_receivers() {
        let rounds = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
        for cap in [0, 1, 64] {
            let (tx, rx) = bounded(cap);
            let receivers: Vec<_> = (0..4)
                .map(|who| {
                    let rx = rx.clone();
                    spawn(move || {
                        let mut got = Vec::new();
                        match who {
                            0 => while rx.recv_many(&mut got, 7) > 0 {},
                            1 => while rx.recv_many(&mut got, 1_000) > 0 {},
                            2 => got.extend(&rx),
                            _ => loop {
                                select! { Ok(n) = <-rx else { break } => got.push(n) }
                            }
                        }
                        assert!(got.is_sorted());
                        got
                    })
                })
                .collect();
            let thread = thread::spawn({
                let tx = tx.clone();
                move || (0..rounds / 2).for_each(|n| tx.send(n).unwrap())
            });
            gort::blocking(|| thread.join().unwrap());
            (rounds / 2..rounds).for_each(|n| tx.send(n).unwrap());
            drop(tx);
            let mut all: Vec<_> = receivers.into_iter().flat_map(|r| r.join().unwrap()).collect();
            all.sort();
            assert!(all.into_iter().eq(0..rounds), "capacity {cap}");
        }
    }
}
