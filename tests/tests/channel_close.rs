//! CL: closing, dropping the handles of a side, and the channel that is never ready.
//!
//! Where Go panics, an error gives the value back. `channel_forms.rs` has closing while a select is
//! parked on the channel, and the forms of `select!` on a closed channel.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError, never};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, Random, claims, seed, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// A duration that no test waits for.
const LONG: Duration = Duration::from_secs(3600);
/// Number of attempts at a race.
const ROUNDS: usize = 10_000;

/// Checks that every way to receive sees the end of the channel, however often it is used.
fn assert_at_its_end<T: std::fmt::Debug + PartialEq>(rx: &Receiver<T>) {
    for _ in 0..10 {
        assert_eq!(rx.recv(), Err(RecvError));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
        assert!(rx.iter().next().is_none() && rx.try_iter().next().is_none());
    }
}

/// Checks that every way to send fails and gives the value back.
fn assert_refuses<T: Clone + std::fmt::Debug + PartialEq>(tx: &Sender<T>, value: &T) {
    let v = || value.clone();
    assert_eq!(tx.send(v()), Err(SendError(v())));
    assert_eq!(tx.try_send(v()), Err(TrySendError::Disconnected(v())));
    assert_eq!(
        tx.send_timeout(v(), LONG),
        Err(SendTimeoutError::Disconnected(v()))
    );
}

/// A way to end a channel. For receivers all ways are the same.
type End = fn(Sender<usize>);
const ENDS: [End; 2] = [|tx| assert!(tx.close()), |tx| drop(tx)];

claims! {
    // CL01
    fn receive_on_a_closed_channel_returns_at_once_any_number_of_times() {
        for cap in [0, 1, 5] {
            let (tx, rx) = bounded::<usize>(cap);
            assert!(tx.close());
            assert_at_its_end(&rx);
        }
        let (tx, rx) = unbounded::<usize>();
        assert!(tx.close());
        assert_at_its_end(&rx);
    }

    // CL02, CL18
    fn values_buffered_before_the_end_are_delivered_in_order() {
        for end in ENDS {
            for n in [1, 2, 7, 100] {
                let (tx, rx) = bounded(n);
                (0..n).for_each(|i| tx.send(i).unwrap());
                end(tx);
                assert!((0..n).all(|i| rx.recv() == Ok(i)));
                assert_at_its_end(&rx);
            }
            let (tx, rx) = unbounded();
            (0..100).for_each(|i| tx.send(i).unwrap());
            end(tx);
            assert!(rx.iter().eq(0..100));
        }
    }

    // CL03
    fn the_end_wakes_every_parked_receiver() {
        for end in ENDS {
            for cap in [0, 3] {
                let (tx, rx) = bounded::<usize>(cap);
                let receivers: Vec<_> = (0..100)
                    .map(|i| {
                        let rx = rx.clone();
                        spawn(move || match i % 2 {
                            0 => rx.recv().is_err(),
                            _ => rx.recv_timeout(LONG) == Err(RecvTimeoutError::Disconnected),
                        })
                    })
                    .collect();
                settle();
                assert_eq!(waiting(WaitReason::ChanReceive), 100);
                end(tx);
                assert!(receivers.into_iter().all(|receiver| receiver.join().unwrap()));
            }
        }
    }

    // CL04
    fn close_gives_parked_senders_their_values_back() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(0);
        let senders: Vec<_> = (0..5)
            .map(|i| {
                let (tx, value) = (tx.clone(), (i, Counted::new(&alive)));
                spawn(move || match i % 2 {
                    0 => tx.send(value).unwrap_err().into_inner(),
                    _ => match tx.send_timeout(value, LONG).unwrap_err() {
                        SendTimeoutError::Disconnected(value) => value,
                        SendTimeoutError::Timeout(_) => unreachable!("an hour has not passed"),
                    },
                })
            })
            .collect();
        settle();
        assert_eq!(waiting(WaitReason::ChanSend), 5);
        assert!(tx.close());
        for (i, sender) in senders.into_iter().enumerate() {
            assert_eq!(sender.join().unwrap().0, i);
        }
        assert_eq!(alive.load(SeqCst), 0);
        assert!(rx.recv().is_err(), "no value was delivered");
    }

    // CL05
    fn close_keeps_what_is_buffered_but_not_what_is_parked() {
        let (tx, rx) = bounded(1);
        tx.send(5).unwrap();
        let sender = spawn({
            let tx = tx.clone();
            move || tx.send(6)
        });
        settle();
        assert_eq!(waiting(WaitReason::ChanSend), 1);
        assert!(tx.close());
        assert_eq!(sender.join().unwrap(), Err(SendError(6)));
        assert_eq!(rx.recv(), Ok(5));
        assert_at_its_end(&rx);
    }

    // CL06, CL07
    fn send_on_a_closed_channel_fails_and_changes_nothing() {
        for cap in [0, 2] {
            let (tx, rx) = bounded(cap);
            assert!(tx.close());
            assert_refuses(&tx, &"value".to_owned());
            assert_refuses(&tx.clone(), &"value".to_owned());
            assert_eq!(rx.len(), 0);
            assert_at_its_end(&rx);
        }
        // Values from before the close stay, and no value follows them.
        let (tx, rx) = bounded(2);
        tx.send(1).unwrap();
        assert!(tx.close());
        assert_refuses(&tx, &2);
        assert_eq!(rx.recv(), Ok(1));
        assert_at_its_end(&rx);
    }

    // CL08
    fn only_the_first_close_returns_true() {
        let (tx, rx) = bounded::<()>(1);
        assert!(tx.close());
        assert!(!tx.close());
        assert!(!tx.clone().close());
        assert_at_its_end(&rx);

        for _ in 0..100 {
            let (tx, _rx) = bounded::<()>(0);
            let closers: Vec<_> = (0..8)
                .map(|_| {
                    let tx = tx.clone();
                    spawn(move || tx.close())
                })
                .collect();
            let first: Vec<_> = closers.into_iter().map(|c| c.join().unwrap()).collect();
            assert_eq!(first.iter().filter(|&&first| first).count(), 1);
        }
    }

    // CL11, CL12
    fn receiving_from_a_channel_that_is_never_ready_waits_for_ever() {
        let returned = Arc::new(AtomicBool::new(false));
        let waits: [fn(&Receiver<i32>); 3] = [
            |rx| assert_eq!(rx.recv(), Ok(0)),
            |rx| rx.iter().for_each(drop),
            |rx| rx.clone().into_iter().for_each(drop),
        ];
        for wait in waits {
            let returned = returned.clone();
            spawn(move || {
                wait(&never());
                returned.store(true, SeqCst);
            });
        }
        settle();
        assert!(!returned.load(SeqCst));
        assert_eq!(waiting(WaitReason::ChanReceiveNil), 3);
        assert_eq!(WaitReason::ChanReceiveNil.to_string(), "chan receive (nil chan)");
    }

    // CL11
    fn a_channel_that_is_never_ready_lets_time_limits_pass() {
        let rx = never::<i32>();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let start = gort::time::now();
        let limit = Duration::from_millis(3);
        assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
        assert!(start.elapsed() >= limit);
        assert_eq!((rx.len(), rx.capacity()), (0, Some(0)));
    }

    // CL13
    fn a_poll_during_close_always_finds_the_buffered_value_or_the_end() {
        let seed = seed();
        let mut random = Random::new(seed);
        let (polls, polled) = bounded::<Receiver<usize>>(0);
        let (report, outcomes) = bounded(1);
        let poller = spawn(move || {
            for rx in polled {
                report.send(rx.try_recv()).unwrap();
            }
        });
        for round in 0..ROUNDS {
            let (tx, rx) = bounded(1);
            tx.send(round).unwrap();
            polls.send(rx.clone()).unwrap();
            (0..random.below(200)).for_each(|_| std::hint::spin_loop());
            assert!(tx.close());
            let mine = rx.recv();
            let polled = outcomes.recv().unwrap();
            assert_ne!(polled, Err(TryRecvError::Empty), "seed {seed}, round {round}");
            assert_ne!(mine.is_ok(), polled.is_ok(), "seed {seed}, round {round}");
        }
        drop(polls);
        poller.join().unwrap();
    }

    // CL14
    fn len_after_close_counts_what_is_buffered() {
        let (tx, rx) = bounded(3);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert!(tx.close());
        assert_eq!((tx.len(), tx.capacity()), (2, Some(3)));
        assert_eq!((rx.len(), rx.capacity()), (2, Some(3)));
        assert_eq!(rx.iter().count(), 2);
        assert_eq!((tx.len(), rx.len(), rx.capacity()), (0, 0, Some(3)));
    }

    // CL16
    fn a_closed_channel_stays_ready_for_receivers_that_come_later() {
        let (done, rx) = bounded::<()>(0);
        assert!(done.close());
        let late: Vec<_> = (0..50)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || rx.recv())
            })
            .collect();
        assert!(late.into_iter().all(|late| late.join().unwrap() == Err(RecvError)));
    }

    // CL17
    fn a_value_sent_right_before_close_reaches_exactly_one_receiver() {
        for round in 0..ROUNDS {
            let (tx, rx) = bounded(round % 2);
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let rx = rx.clone();
                    spawn(move || rx.recv())
                })
                .collect();
            if round % 4 < 2 {
                yield_now();
            }
            tx.send(round).unwrap();
            assert!(tx.close());
            let outcomes: Vec<_> = receivers.into_iter().map(|r| r.join().unwrap()).collect();
            let got: Vec<_> = outcomes.into_iter().flatten().collect();
            assert_eq!(got, [round]);
        }
    }

    // CL18
    fn dropping_the_last_sender_loses_nothing_that_was_sent() {
        let (tx, rx) = bounded(0);
        let sender = spawn(move || (0..10).for_each(|i| tx.send(i).unwrap()));
        assert!(rx.iter().eq(0..10));
        assert_at_its_end(&rx);
        sender.join().unwrap();
    }

    // CL19
    fn dropping_the_last_receiver_gives_a_parked_sender_its_value_back() {
        for cap in [0, 1, 2] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|i| tx.send(format!("buffered {i}")).unwrap());
            let sender = spawn({
                let tx = tx.clone();
                move || tx.send("parked".to_owned())
            });
            settle();
            assert_eq!(waiting(WaitReason::ChanSend), 1);
            drop(rx);
            assert_eq!(sender.join().unwrap(), Err(SendError("parked".to_owned())));
            assert_refuses(&tx, &"late".to_owned());
            assert_eq!(tx.len(), 0, "values that no receiver is left for are dropped");
        }
    }

    // CL20
    fn dropping_one_of_several_handles_does_not_disconnect() {
        let (tx, rx) = bounded(1);
        let clones = [tx.clone(), tx.clone()];
        let waiting_receiver = spawn({
            let rx = rx.clone();
            move || rx.recv()
        });
        settle();
        drop(clones);
        settle();
        assert!(!waiting_receiver.is_finished());
        assert_eq!(waiting(WaitReason::ChanReceive), 1);
        tx.send(1).unwrap();
        assert_eq!(waiting_receiver.join().unwrap(), Ok(1));

        drop(rx.clone());
        tx.send(2).unwrap();
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        drop(tx);
        assert_at_its_end(&rx);
    }
}
