//! CH, CL: a plain operation and the arm of a `select!` are the same operation.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, Random, claims, seed, settle, waiting};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The result of a receive, or `None` if the default ran.
type Received<T> = Option<Result<T, RecvError>>;
/// The result of a send, or `None` if the default ran.
type Sent<T> = Option<Result<(), SendError<T>>>;

type ReceiveForm<T> = fn(&Receiver<T>) -> Received<T>;
type SendForm<T> = fn(&Sender<T>, T) -> Sent<T>;

/// Returns every form of receive: a plain one, a select with one arm, and a select with a second
/// arm that is never ready. Each is there once with a wait and once without.
fn receives<T: Debug + PartialEq>() -> [ReceiveForm<T>; 6] {
    [
        |rx| Some(rx.recv()),
        |rx| match rx.try_recv() {
            Ok(v) => Some(Ok(v)),
            Err(e) => e.is_disconnected().then_some(Err(RecvError)),
        },
        |rx| select! { v = <-rx => Some(v) },
        |rx| select! { v = <-rx => Some(v), default => None },
        |rx| {
            let idle = gort::channel::never::<T>();
            select! { v = <-rx => Some(v), v = <-idle => Some(v) }
        },
        |rx| {
            let (_keep, idle) = bounded::<T>(0);
            select! { v = <-idle => Some(v), v = <-rx => Some(v), default => None }
        },
    ]
}

/// Returns every form of send.
fn sends<T>() -> [SendForm<T>; 6] {
    [
        |tx, v| Some(tx.send(v)),
        |tx, v| match tx.try_send(v) {
            Ok(()) => Some(Ok(())),
            Err(e) if e.is_full() => None,
            Err(e) => Some(Err(SendError(e.into_inner()))),
        },
        |tx, v| select! { r = tx <- v => Some(r) },
        |tx, v| select! { r = tx <- v => Some(r), default => None },
        |tx, v| {
            let idle = gort::channel::never::<()>();
            select! { r = tx <- v => Some(r), <-idle => unreachable!() }
        },
        |tx, v| {
            let nil: Option<Sender<i32>> = None;
            select! { nil <- 0 => unreachable!(), r = tx <- v => Some(r), default => None }
        },
    ]
}

/// Returns the text of a panic.
fn words(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(words) => words,
        None => payload.downcast_ref().copied().unwrap_or(""),
    }
}

/// Yields a random number of times, mostly not at all.
fn dawdle(random: &mut Random) {
    for _ in 0..random.below(16).saturating_sub(10) {
        yield_now();
    }
}

claims! {
    // CL15, CL01
    fn all_forms_of_receive_agree_on_a_closed_channel() {
        for (i, receive) in receives::<i32>().into_iter().enumerate() {
            for cap in [0, 2] {
                let (tx, rx) = bounded(cap);
                assert!(tx.close());
                assert_eq!(receive(&rx), Some(Err(RecvError)), "form {i}");
            }
            let (tx, rx) = bounded(1);
            tx.send(7).unwrap();
            assert!(tx.close());
            assert_eq!(receive(&rx), Some(Ok(7)), "form {i}");
            assert_eq!(receive(&rx), Some(Err(RecvError)), "form {i}");
            assert_eq!(receive(&rx), Some(Err(RecvError)), "form {i}");
        }
    }

    // CL15, CL06, CL07
    fn all_forms_of_send_agree_on_a_closed_channel() {
        for (i, send) in sends::<String>().into_iter().enumerate() {
            for (cap, before) in [(0, 0), (2, 0), (2, 1), (1, 1)] {
                let (tx, rx) = bounded(cap);
                (0..before).for_each(|_| tx.send("before".to_owned()).unwrap());
                assert!(tx.close());
                let refused = Some(Err(SendError("late".to_owned())));
                assert_eq!(send(&tx, "late".to_owned()), refused, "form {i}");
                assert_eq!(rx.iter().count(), before, "form {i}");
            }
            // A send fails in the same way after all receivers were dropped.
            let (tx, rx) = bounded(1);
            drop(rx);
            let refused = Some(Err(SendError("late".to_owned())));
            assert_eq!(send(&tx, "late".to_owned()), refused, "form {i}");
        }
    }

    // CL15: each form also meets a peer that waits in any other form.
    fn every_form_of_send_meets_every_form_of_receive() {
        for (i, send) in sends::<i32>().into_iter().enumerate() {
            for (j, receive) in receives::<i32>().into_iter().enumerate() {
                // Forms 0, 2 and 4 wait. The others need a peer that waits.
                let (tx, rx) = bounded(0);
                if i % 2 == 0 {
                    let sender = spawn(move || send(&tx, 5));
                    settle();
                    assert_eq!(receive(&rx), Some(Ok(5)), "forms {i} and {j}");
                    assert_eq!(sender.join().unwrap(), Some(Ok(())), "forms {i} and {j}");
                } else if j % 2 == 0 {
                    let receiver = spawn(move || receive(&rx));
                    settle();
                    assert_eq!(send(&tx, 5), Some(Ok(())), "forms {i} and {j}");
                    assert_eq!(receiver.join().unwrap(), Some(Ok(5)), "forms {i} and {j}");
                } else {
                    assert_eq!(send(&tx, 5), None, "forms {i} and {j}");
                    assert_eq!(receive(&rx), None, "forms {i} and {j}");
                }
            }
        }
    }

    // CL04
    fn close_fails_every_form_of_parked_send() {
        let alive = Arc::new(AtomicUsize::new(0));
        for (cap, per_form) in [(0, 1), (1, 2)] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|_| tx.send(Counted::new(&alive)).unwrap());
            let parked: Vec<_> = [0, 2, 4]
                .into_iter()
                .flat_map(|form| vec![form; per_form])
                .map(|form| {
                    let (tx, value) = (tx.clone(), Counted::new(&alive));
                    spawn(move || sends()[form](&tx, value))
                })
                .collect();
            settle();
            let waiters = waiting(WaitReason::ChanSend) + waiting(WaitReason::Select);
            assert_eq!(waiters, parked.len());
            assert!(tx.close());
            for sender in parked {
                assert!(matches!(sender.join().unwrap(), Some(Err(SendError(_)))));
            }
            assert_eq!(alive.load(SeqCst), cap, "only what was buffered is left");
            assert_eq!(rx.iter().count(), cap, "no parked value was delivered");
        }
    }

    // CL04
    fn close_panics_in_a_parked_select_that_does_not_want_the_result() {
        let (tx, rx) = bounded::<i32>(0);
        let parked = spawn({
            let tx = tx.clone();
            move || {
                let idle = gort::channel::never::<()>();
                select! { tx <- 1 => (), <-idle => () }
            }
        });
        settle();
        assert_eq!(waiting(WaitReason::Select), 1);
        assert!(tx.close());
        let payload = parked.join().unwrap_err().into_panic();
        assert!(words(&*payload).contains("send on closed channel"));
        assert_eq!(rx.recv(), Err(RecvError));
    }

    // CL06
    fn a_select_that_finds_its_send_arm_closed_panics() {
        let (tx, _rx) = bounded(2);
        assert!(tx.close());
        let selects: [fn(&Sender<i32>); 2] = [
            |tx| select! { tx <- 1 => () },
            |tx| select! { tx <- 1 => (), default => () },
        ];
        for select in selects {
            let payload = gort::recover(|| select(&tx)).unwrap_err();
            assert!(words(&*payload).contains("send on closed channel"));
        }
        assert_eq!(tx.len(), 0);
    }

    // CL16
    fn selects_that_come_after_close_see_it() {
        let (done, is_done) = bounded::<()>(0);
        assert!(done.close());
        let late: Vec<_> = (0..50)
            .map(|_| {
                let is_done = is_done.clone();
                let (keep, idle) = bounded::<i32>(0);
                spawn(move || {
                    let over = select! { <-is_done => true, <-idle => false };
                    drop(keep);
                    over
                })
            })
            .collect();
        assert!(late.into_iter().all(|late| late.join().unwrap()));
    }

    // CH21
    fn yields_anywhere_neither_reorder_nor_lose_values() {
        const CHANNELS: usize = 4;
        const VALUES: usize = 75;
        let seed = seed();
        let mut random = Random::new(seed);
        for cap in [0, 1, 10, 100] {
            for (send_by_select, recv_by_select) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let channels: [_; CHANNELS] = std::array::from_fn(|_| bounded::<usize>(cap));
                let txs = channels.each_ref().map(|(tx, _)| Some(tx.clone()));
                let rxs = channels.map(|(_, rx)| rx);

                if send_by_select {
                    let (mut txs, mut random) = (txs, random.clone());
                    spawn(move || {
                        let mut n = [0; CHANNELS];
                        while txs.iter().any(Option::is_some) {
                            dawdle(&mut random);
                            let i = select! {
                                txs[0] <- (n[0]) => 0,
                                txs[1] <- (n[1]) => 1,
                                txs[2] <- (n[2]) => 2,
                                txs[3] <- (n[3]) => 3,
                            };
                            n[i] += 1;
                            if n[i] == VALUES {
                                txs[i] = None;
                            }
                        }
                    });
                } else {
                    for tx in txs.into_iter().flatten() {
                        let mut random = Random::new(random.below(u64::MAX));
                        spawn(move || {
                            for n in 0..VALUES {
                                dawdle(&mut random);
                                tx.send(n).unwrap();
                            }
                        });
                    }
                }

                let mut next = [0; CHANNELS];
                if recv_by_select {
                    let mut open = rxs.map(Some);
                    while open.iter().any(Option::is_some) {
                        dawdle(&mut random);
                        let (i, received) = select! {
                            v = <-open[0] => (0, v),
                            v = <-open[1] => (1, v),
                            v = <-open[2] => (2, v),
                            v = <-open[3] => (3, v),
                        };
                        match received {
                            Ok(n) => {
                                assert_eq!(n, next[i], "seed {seed}, capacity {cap}");
                                next[i] += 1;
                            }
                            Err(RecvError) => open[i] = None,
                        }
                    }
                } else {
                    let receivers = rxs.map(|rx| {
                        let mut random = Random::new(random.below(u64::MAX));
                        spawn(move || {
                            let mut next = 0;
                            while let Ok(n) = rx.recv() {
                                assert_eq!(n, next);
                                next += 1;
                                dawdle(&mut random);
                            }
                            next
                        })
                    });
                    next = receivers.map(|receiver| receiver.join().unwrap());
                }
                assert_eq!(next, [VALUES; CHANNELS], "seed {seed}, capacity {cap}");
            }
        }
    }

    // CH25
    fn what_was_written_before_a_select_sends_is_read_after_receive() {
        let rounds = if cfg!(debug_assertions) { 3_000 } else { 30_000 };
        for cap in [0, 1, 16] {
            let (tx, rx) = bounded::<(u8, Box<[u8; 4096]>)>(cap);
            let (_keep, done) = bounded::<()>(0);
            spawn(move || {
                for round in 0..rounds {
                    let fill = round as u8;
                    select! {
                        tx <- ((fill, Box::new([fill; 4096]))) => (),
                        <-done => unreachable!(),
                    }
                }
            });
            for (fill, bytes) in rx {
                assert_eq!(*bytes, [fill; 4096], "capacity {cap}");
            }
        }
    }
}
