//! SE: selects that park: what they leave in the queues, and how they pair with peers.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, TrySendError, never};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, claims, parked, resident_bytes, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Returns whether no receiver waits on the channel, which is unbuffered or full.
fn has_no_receiver(tx: &Sender<i32>) -> bool {
    tx.try_send(-1) == Err(TrySendError::Full(-1))
}

/// Returns whether no sender waits on the channel, which is empty.
fn has_no_sender(rx: &Receiver<i32>) -> bool {
    rx.try_recv() == Err(TryRecvError::Empty)
}

/// Receives once, in one of three forms.
fn receive(form: usize, rx: &Receiver<i32>) {
    let idle = never::<()>();
    match form {
        0 => drop(rx.recv().unwrap()),
        1 => select! { _ = <-rx => {} },
        _ => select! { _ = <-rx => {} <-idle => panic!("idle") },
    }
}

/// Sends once, in one of three forms.
fn send(form: usize, tx: &Sender<i32>) {
    let idle = never::<()>();
    match form {
        0 => tx.send(1).unwrap(),
        1 => select! { tx <- 1 => {} },
        _ => select! { <-idle => panic!("idle"), tx <- 1 => {} },
    }
}

claims! {
    // SE18, CL04
    fn closing_the_channel_of_a_parked_send_arm_panics_and_clears_the_others() {
        let ((c, c_rx), (d, d_rx)) = (bounded(0), bounded(0));
        let select = parked(WaitReason::Select, {
            let (c, d_rx) = (c.clone(), d_rx.clone());
            move || select! { c <- 1 => panic!("nobody receives"), v = <-d_rx => panic!("{v:?}") }
        });
        assert!(c.close());
        let payload = select.join().unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref(), Some(&"send on closed channel"));
        assert!(has_no_receiver(&d));
        assert_eq!(c_rx.try_recv(), Err(TryRecvError::Disconnected));
        let receiver = parked(WaitReason::ChanReceive, move || d_rx.recv());
        assert_eq!(d.try_send(2), Ok(()));
        assert_eq!(receiver.join().unwrap(), Ok(2));
    }

    // SE18: with `r =` there is no panic, and the value comes back.
    fn closing_the_channel_of_a_parked_send_arm_gives_the_value_back() {
        let (tx, rx) = bounded::<String>(0);
        let select = parked(WaitReason::Select, {
            let (tx, v) = (tx.clone(), String::from("v"));
            move || select! { r = tx <- v => r, <-never::<()>() => panic!("idle") }
        });
        assert!(tx.close());
        assert_eq!(select.join().unwrap(), Err(SendError("v".to_owned())));
        drop(rx);
    }

    // SE16, CL03: every arm becomes ready at the same time, and still one arm runs.
    fn closing_a_channel_wakes_every_parked_select_once() {
        let (tx, rx) = bounded::<i32>(0);
        let ran = Arc::new(AtomicUsize::new(0));
        let selects: Vec<_> = (0..20)
            .map(|_| {
                let (rx, ran) = (rx.clone(), ran.clone());
                parked(WaitReason::Select, move || {
                    let v = select! { v = <-rx => v, v = <-rx => v, v = <-never() => v };
                    ran.fetch_add(1, SeqCst);
                    v
                })
            })
            .collect();
        assert!(tx.close());
        assert!(selects.into_iter().all(|select| select.join().unwrap() == Err(RecvError)));
        assert_eq!(ran.load(SeqCst), 20);
    }

    // CL17, CL19
    fn dropping_the_last_handle_of_the_other_side_wakes_a_parked_select() {
        let (tx, rx) = bounded::<i32>(0);
        let receiving =
            parked(WaitReason::Select, move || select! { v = <-rx => v, <-never::<()>() => Ok(0) });
        drop(tx);
        assert_eq!(receiving.join().unwrap(), Err(RecvError));
        let (tx, rx) = bounded::<i32>(0);
        let sending = parked(WaitReason::Select, move || {
            select! { r = tx <- 7 => r, <-never::<()>() => Ok(()) }
        });
        drop(rx);
        assert_eq!(sending.join().unwrap(), Err(SendError(7)));
    }

    // SE29
    fn a_select_on_both_ends_of_a_channel_does_not_pair_with_itself() {
        let (tx, rx) = bounded(0);
        let both = |value: i32| {
            let (tx, rx) = (tx.clone(), rx.clone());
            parked(WaitReason::Select, move || select! { tx <- value => None, v = <-rx => Some(v) })
        };
        let select = both(1);
        (0..100).for_each(|_| yield_now());
        assert!(!select.is_finished());
        assert_eq!(rx.try_recv(), Ok(1), "but with others");
        assert_eq!(select.join().unwrap(), None);
        let select = both(2);
        assert_eq!(tx.try_send(3), Ok(()), "but with others");
        assert_eq!(select.join().unwrap(), Some(Ok(3)));
        assert!(has_no_receiver(&tx) && has_no_sender(&rx));
    }

    // SE31
    fn a_select_that_waits_twice_on_a_channel_leaves_it_twice() {
        let ((c, c_rx), (d, d_rx)) = (bounded(0), bounded(0));
        let select = parked(WaitReason::Select, {
            let c_rx = c_rx.clone();
            move || select! {
                v = <-c_rx => panic!("{v:?}"),
                v = <-c_rx => panic!("{v:?}"),
                v = <-d_rx => v,
            }
        });
        let plain = parked(WaitReason::ChanReceive, move || c_rx.recv());
        d.send(1).unwrap();
        c.send(2).unwrap();
        assert_eq!((select.join().unwrap(), plain.join().unwrap()), (Ok(1), Ok(2)));
        assert_eq!(c.try_send(3), Err(TrySendError::Disconnected(3)));
    }

    // SE31: for senders.
    fn a_select_that_waits_twice_to_send_on_a_channel_leaves_it_twice() {
        let ((c, c_rx), (d, d_rx)) = (bounded(0), bounded(0));
        let select = parked(WaitReason::Select, {
            let c = c.clone();
            move || select! { c <- 1 => "c", d <- 2 => "d", c <- 3 => "c" }
        });
        let plain = parked(WaitReason::ChanSend, move || c.send(4).unwrap());
        assert_eq!(d_rx.recv(), Ok(2));
        assert_eq!(c_rx.recv(), Ok(4));
        assert_eq!(select.join().unwrap(), "d");
        plain.join().unwrap();
        assert_eq!(c_rx.try_recv(), Err(TryRecvError::Disconnected));
    }

    // SE32: with the select last, first and in the middle of the queue.
    fn a_select_that_leaves_a_queue_from_any_place_does_not_corrupt_it() {
        for place in 0..3 {
            let ((tx1, rx1), (tx2, rx2)) = (bounded(0), bounded(0));
            let plain = || {
                let rx1 = rx1.clone();
                parked(WaitReason::ChanReceive, move || rx1.recv().unwrap())
            };
            let mut receivers: Vec<_> = (0..place).map(|_| plain()).collect();
            let select = parked(WaitReason::Select, {
                let rx1 = rx1.clone();
                move || {
                    select! { v = <-rx1 => panic!("{v:?}"), v = <-rx2 => assert_eq!(v, Ok(7)) }
                    rx1.recv().unwrap()
                }
            });
            receivers.extend((place..2).map(|_| plain()));
            tx2.send(7).unwrap();
            settle();
            receivers.push(select);
            (0..3).for_each(|i| tx1.send(i).unwrap());
            for (i, receiver) in (0..).zip(receivers) {
                assert_eq!(receiver.join().unwrap(), i, "select at {place}");
            }
            assert!(has_no_receiver(&tx1));
        }
    }

    // SE28: the select has been decided, but (surely with one P) has not left the queue of `b` yet.
    fn a_peer_passes_over_a_select_that_has_been_decided() {
        let ((a, a_rx), (b, b_rx)) = (bounded(0), bounded(0));
        let select = || {
            let (a_rx, b_rx) = (a_rx.clone(), b_rx.clone());
            parked(WaitReason::Select, move || select! { v = <-a_rx => v, v = <-b_rx => panic!("{v:?}") })
        };
        let first = select();
        a.send(1).unwrap();
        assert!(has_no_receiver(&b));
        assert_eq!(first.join().unwrap(), Ok(1));
        let first = select();
        let second = parked(WaitReason::ChanReceive, move || b_rx.recv());
        a.send(2).unwrap();
        assert_eq!(b.try_send(3), Ok(()));
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (Ok(2), Ok(3)));
    }

    // SE28: for senders: the value of the losing arm is not taken.
    fn a_receiver_passes_over_a_select_that_has_been_decided() {
        let ((a, a_rx), (b, b_rx)) = (bounded(0), bounded(0));
        let select = parked(WaitReason::Select, {
            let b = b.clone();
            move || select! { a <- 1 => "a", b <- 2 => "b" }
        });
        assert_eq!(a_rx.recv(), Ok(1));
        assert!(has_no_sender(&b_rx));
        assert_eq!(select.join().unwrap(), "a");
        drop(b);
        assert_eq!(b_rx.try_recv(), Err(TryRecvError::Disconnected));
    }

    // CH11, SE10: selects queue like plain operations.
    fn selects_and_plain_receivers_are_served_in_the_order_in_which_they_parked() {
        for cap in [0, 3] {
            let (tx, rx) = bounded(cap);
            let receivers: Vec<_> = (0..8)
                .map(|i| {
                    let rx = rx.clone();
                    if i % 2 == 0 {
                        parked(WaitReason::ChanReceive, move || rx.recv())
                    } else {
                        parked(WaitReason::Select, move || select! { <-never::<()>() => Ok(0), v = <-rx => v })
                    }
                })
                .collect();
            (0..8).for_each(|i| tx.send(i).unwrap());
            for (i, receiver) in (0..).zip(receivers) {
                assert_eq!(receiver.join().unwrap(), Ok(i), "capacity {cap}");
            }
        }
    }

    // SE10: more arms than there is room for without allocating, each of which can wake the select.
    fn any_of_many_arms_wakes_a_parked_select() {
        for ready in 0..20 {
            let (senders, r): (Vec<_>, Vec<_>) = (0..20).map(|_| bounded::<i32>(0)).unzip();
            let select = parked(WaitReason::Select, {
                let r = r.clone();
                move || select! {
                    v = <-r[0] => (0, v), v = <-r[1] => (1, v), v = <-r[2] => (2, v),
                    v = <-r[3] => (3, v), v = <-r[4] => (4, v), v = <-r[5] => (5, v),
                    v = <-r[6] => (6, v), v = <-r[7] => (7, v), v = <-r[8] => (8, v),
                    v = <-r[9] => (9, v), v = <-r[10] => (10, v), v = <-r[11] => (11, v),
                    v = <-r[12] => (12, v), v = <-r[13] => (13, v), v = <-r[14] => (14, v),
                    v = <-r[15] => (15, v), v = <-r[16] => (16, v), v = <-r[17] => (17, v),
                    v = <-r[18] => (18, v), v = <-r[19] => (19, v),
                }
            });
            senders[ready].send(5).unwrap();
            assert_eq!(select.join().unwrap(), (ready, Ok(5)));
            assert!(senders.iter().all(has_no_receiver));
        }
    }

    // SE33: a record left behind in either queue would cost more than 10 MiB here.
    fn abandoned_waits_do_not_accumulate_on_quiet_channels() {
        const ROUNDS: usize = if cfg!(debug_assertions) { 100_000 } else { 300_000 };
        let ((busy, busy_rx), (quiet, quiet_rx)) = (bounded(0), bounded(0));
        let (full, full_rx) = bounded(1);
        full.send(0).unwrap();
        let mut settled = 0;
        let source = spawn(move || (0..ROUNDS).for_each(|i| busy.send(i).unwrap()));
        for i in 0..ROUNDS {
            select! {
                v = <-busy_rx => assert_eq!(v, Ok(i)),
                <-quiet_rx => panic!("is quiet"),
                full <- 1 => panic!("is full"),
                after(Duration::from_secs(3600)) => panic!("is not late"),
            }
            if i == ROUNDS / 10 {
                settled = resident_bytes();
            }
        }
        let grown = resident_bytes().saturating_sub(settled);
        assert!(grown < 1 << 20, "{grown} bytes more");
        source.join().unwrap();
        assert!(has_no_receiver(&quiet));
        assert_eq!(full_rx.recv(), Ok(0));
        assert!(has_no_sender(&full_rx));
    }

    // SE33: waits that end by a time-out.
    fn timed_out_waits_do_not_accumulate() {
        const ROUNDS: usize = 2_000;
        let (quiet, quiet_rx) = bounded(0);
        let waiters: Vec<_> = (0..8)
            .map(|_| {
                let quiet_rx = quiet_rx.clone();
                spawn(move || {
                    for _ in 0..ROUNDS / 8 {
                        select! { <-quiet_rx => panic!("is quiet"), after(Duration::from_micros(50)) => {} }
                    }
                })
            })
            .collect();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(has_no_receiver(&quiet));
    }

    // SE34
    fn any_send_form_pairs_with_any_receive_form() {
        for (sender, receiver) in (0..3).flat_map(|s| (0..3).map(move |r| (s, r))) {
            let reason = |form, plain| if form == 0 { plain } else { WaitReason::Select };
            let (tx, rx) = bounded(0);
            let first = parked(reason(sender, WaitReason::ChanSend), move || send(sender, &tx));
            receive(receiver, &rx);
            first.join().unwrap();
            let (tx, rx) = bounded(0);
            let first = parked(reason(receiver, WaitReason::ChanReceive), move || receive(receiver, &rx));
            send(sender, &tx);
            first.join().unwrap();
        }
    }

    // SE24, SE34: the same, with every value dropped once.
    fn a_value_that_no_arm_wants_is_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            let select = parked(WaitReason::Select, {
                let rx = rx.clone();
                move || select! { <-rx => {} <-never::<()>() => {} }
            });
            tx.send(Counted::new(&alive)).unwrap();
            select.join().unwrap();
            assert_eq!(alive.load(SeqCst), 0, "a parked select drops it");
            let sender = spawn({
                let value = Counted::new(&alive);
                move || tx.send(value).unwrap()
            });
            settle();
            select! { <-rx => {} default => panic!("there is a sender") }
            assert_eq!(alive.load(SeqCst), 0, "a select that finds it drops it");
            sender.join().unwrap();
        }
    }

    // SE10: a buffered value and a parked sender behind it.
    fn a_select_takes_the_buffered_value_and_moves_the_parked_sender_up() {
        let (tx, rx) = bounded(1);
        tx.send(0).unwrap();
        let parked_in_select =
            parked(WaitReason::Select, move || select! { tx <- 1 => {} <-never::<()>() => {} });
        assert_eq!(select! { v = <-rx => v, default => Err(RecvError) }, Ok(0));
        assert_eq!(rx.len(), 1, "the parked select's value has moved in");
        parked_in_select.join().unwrap();
        assert_eq!(select! { v = <-rx => v, default => Err(RecvError) }, Ok(1));
    }
}
