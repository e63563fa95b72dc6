//! CH: those rules of unbuffered and buffered channels that a test with a few goroutines can show.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, TrySendError};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, claims, settle, waiting};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Starts a sender for each value. Each is parked before the next one starts.
fn park_senders<T: Send + 'static>(
    tx: &Sender<T>,
    values: impl IntoIterator<Item = T>,
) -> Vec<JoinHandle<()>> {
    let parked = waiting(WaitReason::ChanSend);
    let senders: Vec<_> = values
        .into_iter()
        .map(|value| {
            let tx = tx.clone();
            let sender = spawn(move || tx.send(value).unwrap());
            settle();
            sender
        })
        .collect();
    assert_eq!(waiting(WaitReason::ChanSend), parked + senders.len());
    senders
}

/// Checks the four outcomes of `try_send` and `try_recv` with a payload of any kind.
fn polls_carry<T: Clone + Debug + PartialEq + Send + 'static>(value: &T) {
    for cap in [0, 1] {
        let (tx, rx) = bounded::<T>(cap);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        if cap == 1 {
            tx.try_send(value.clone()).unwrap();
        }
        assert_eq!(
            tx.try_send(value.clone()),
            Err(TrySendError::Full(value.clone()))
        );
        let sender = park_senders(&tx, [value.clone()]);
        for _ in 0..=cap {
            assert_eq!(rx.try_recv().as_ref(), Ok(value));
        }
        sender.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));

        let receiver = spawn(move || rx.recv().unwrap());
        settle();
        tx.try_send(value.clone()).unwrap();
        assert_eq!(receiver.join().unwrap(), *value);
    }
}

claims! {
    // CH01
    fn receive_on_an_empty_channel_parks() {
        for cap in [0, 1, 7, 199] {
            let (tx, rx) = bounded::<i32>(cap);
            let flags: Vec<_> = (0..2).map(|_| Arc::new(AtomicBool::new(false))).collect();
            let readers: Vec<_> = flags
                .iter()
                .map(|flag| {
                    let (flag, rx) = (flag.clone(), rx.clone());
                    spawn(move || {
                        rx.recv().unwrap();
                        flag.store(true, SeqCst);
                    })
                })
                .collect();
            settle();
            assert!(flags.iter().all(|flag| !flag.load(SeqCst)));
            assert_eq!(waiting(WaitReason::ChanReceive), 2);
            tx.send(1).unwrap();
            tx.send(2).unwrap();
            for reader in readers {
                reader.join().unwrap();
            }
            assert!(flags.iter().all(|flag| flag.load(SeqCst)));
        }
    }

    // CH02
    fn send_on_a_full_channel_parks() {
        for cap in [0, 1, 7, 199] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|i| tx.send(i).unwrap());
            let sent = Arc::new(AtomicBool::new(false));
            let sender = {
                let (tx, sent) = (tx.clone(), sent.clone());
                spawn(move || {
                    tx.send(cap).unwrap();
                    sent.store(true, SeqCst);
                })
            };
            settle();
            assert!(!sent.load(SeqCst), "capacity {cap}");
            assert_eq!(waiting(WaitReason::ChanSend), 1);
            assert_eq!(rx.recv(), Ok(0));
            sender.join().unwrap();
            assert!(sent.load(SeqCst));
            assert_eq!(rx.len(), cap);
        }
    }

    // CH03
    fn send_into_free_room_does_not_wait_for_a_receiver() {
        for cap in [Some(1), Some(2), Some(199), None] {
            let (tx, rx) = cap.map_or_else(unbounded, bounded);
            let n = cap.unwrap_or(10_000);
            let sender = spawn({
                let tx = tx.clone();
                move || (0..n).for_each(|i| tx.send(i).unwrap())
            });
            // There is no receiver, so a sender that parked would stay parked.
            settle();
            assert_eq!(waiting(WaitReason::ChanSend), 0, "capacity {cap:?}");
            assert_eq!(rx.len(), n);
            sender.join().unwrap();
        }
    }

    // CH04
    fn values_of_one_sender_arrive_in_order() {
        for cap in [0, 1, 2, 7, 64] {
            let (tx, rx) = bounded(cap);
            let sender = spawn(move || (0..100).for_each(|i| tx.send(i).unwrap()));
            assert!(rx.iter().eq(0..100));
            sender.join().unwrap();
        }
    }

    // CH05
    fn one_goroutine_uses_a_channel_as_a_queue() {
        let (tx, rx) = bounded(10);
        // Each of the ten rounds begins at another of the buffer's ten places, so the buffer wraps
        // after every one of them.
        for first in (0..70).step_by(7) {
            (first..first + 7).for_each(|i| tx.send(i).unwrap());
            assert!(rx.try_iter().eq(first..first + 7));
        }
        (0..10).for_each(|i| tx.send(i).unwrap());
        assert!((0..10).all(|i| rx.recv() == Ok(i)));
        assert!(rx.is_empty());
    }

    // CH06
    fn a_daisy_chain_takes_values_in_its_order() {
        let (tx, rx) = bounded(0);
        let (start, mut token) = bounded(0);
        let links: Vec<_> = (0..10)
            .map(|i| {
                let (pass_on, next) = bounded(0);
                let (rx, mine) = (rx.clone(), std::mem::replace(&mut token, next));
                spawn(move || {
                    mine.recv().unwrap();
                    assert_eq!(rx.recv(), Ok(i));
                    pass_on.send(()).unwrap();
                })
            })
            .collect();
        let source = spawn(move || (0..10).for_each(|i| tx.send(i).unwrap()));
        start.send(()).unwrap();
        token.recv().unwrap();
        source.join().unwrap();
        links.into_iter().for_each(|link| link.join().unwrap());
    }

    // CH08
    fn len_counts_what_is_buffered_and_capacity_is_fixed() {
        let (tx, rx) = bounded(10);
        for n in 0..=10 {
            assert_eq!((tx.len(), rx.len()), (n, n));
            assert_eq!((tx.capacity(), rx.capacity()), (Some(10), Some(10)));
            assert_eq!((tx.is_empty(), rx.is_empty()), (n == 0, n == 0));
            assert_eq!((tx.is_full(), rx.is_full()), (n == 10, n == 10));
            if n < 10 {
                tx.send(n).unwrap();
            }
        }
        rx.recv().unwrap();
        assert_eq!((tx.len(), tx.capacity()), (9, Some(10)));

        let (tx, rx) = unbounded();
        tx.send(()).unwrap();
        assert_eq!((rx.len(), rx.capacity(), rx.is_full()), (1, None, false));
    }

    // CH08
    fn a_rendezvous_channel_has_neither_len_nor_capacity() {
        let (tx, rx) = bounded(0);
        assert_eq!((tx.len(), tx.capacity()), (0, Some(0)));
        let sender = park_senders(&tx, [7]);
        assert_eq!((rx.len(), rx.capacity()), (0, Some(0)));
        assert!(rx.is_empty() && rx.is_full() && tx.is_empty() && tx.is_full());
        assert_eq!(rx.recv(), Ok(7));
        sender.into_iter().for_each(|sender| sender.join().unwrap());
    }

    // CH09
    fn len_does_not_count_parked_senders() {
        let (tx, rx) = bounded(2);
        tx.send(0).unwrap();
        tx.send(1).unwrap();
        let senders = park_senders(&tx, 2..5);
        assert_eq!(tx.len(), 2);
        assert_eq!(rx.recv(), Ok(0));
        assert_eq!(rx.len(), 2, "the first parked sender's value has moved in");
        assert!(rx.iter().take(4).eq(1..5));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(rx.len(), 0);
    }

    // CH10
    fn parked_senders_follow_the_buffer_in_the_order_in_which_they_parked() {
        for cap in [0, 1, 2, 5] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|i| tx.send(i).unwrap());
            let senders = park_senders(&tx, cap..8);
            let received: Vec<_> = rx.iter().take(8).collect();
            assert_eq!(received, (0..8).collect::<Vec<_>>(), "capacity {cap}");
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }
    }

    // CH11
    fn parked_receivers_are_served_in_the_order_in_which_they_parked() {
        for cap in [0, 3] {
            let (tx, rx) = bounded(cap);
            let receivers: Vec<_> = (0..8)
                .map(|_| {
                    let rx = rx.clone();
                    let receiver = spawn(move || rx.recv().unwrap());
                    settle();
                    receiver
                })
                .collect();
            (0..8).for_each(|i| tx.send(i * 10).unwrap());
            for (i, receiver) in receivers.into_iter().enumerate() {
                assert_eq!(receiver.join().unwrap(), i * 10, "capacity {cap}");
            }
        }
    }

    // CH12: with one P the sender continues. With more Ps the receiver may run at the same time.
    fn a_send_to_a_receiver_that_waits_returns_at_once() {
        if gort::runtime::max_procs() > 1 {
            return;
        }
        for _ in 0..100 {
            let (tx, rx) = bounded(0);
            let goes_on = Arc::new(AtomicBool::new(false));
            let receiver = go!(clone [goes_on]; {
                rx.recv().unwrap();
                goes_on.load(SeqCst)
            });
            settle();
            tx.send(()).unwrap();
            goes_on.store(true, SeqCst);
            assert!(receiver.join().unwrap(), "the receiver ran first");
        }
    }

    // CH13
    fn a_poll_of_an_empty_channel_leaves_no_trace() {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            for _ in 0..100 {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
            if cap == 0 {
                assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)), "a receiver was left behind");
            }
            let receiver = spawn({
                let rx = rx.clone();
                move || rx.recv()
            });
            settle();
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            tx.send(5).unwrap();
            assert_eq!(receiver.join().unwrap(), Ok(5));
            assert!(rx.is_empty());
        }
    }

    // CH14
    fn a_poll_of_a_full_channel_gives_the_value_back() {
        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [0, 1, 3] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|_| tx.try_send(Counted::new(&alive)).unwrap());
            let refused = tx.try_send(Counted::new(&alive));
            assert!(matches!(refused, Err(TrySendError::Full(_))));
            assert_eq!(alive.load(SeqCst), cap + 1);
            drop(refused);
            assert_eq!(alive.load(SeqCst), cap);
            assert_eq!(rx.try_iter().count(), cap);
            assert_eq!(alive.load(SeqCst), 0);
        }
    }

    // CH15
    fn a_sending_poll_finds_a_parked_receiver() {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            let receiver = spawn(move || rx.recv());
            settle();
            tx.try_send(123).unwrap();
            assert_eq!(tx.len(), 0, "handed over, not buffered");
            assert_eq!(receiver.join().unwrap(), Ok(123));
        }
    }

    // CH16
    fn a_receiving_poll_finds_a_parked_sender() {
        let (tx, rx) = bounded(0);
        let sender = park_senders(&tx, [234]);
        assert_eq!(rx.try_recv(), Ok(234));
        sender.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }

    // CH17
    fn polls_carry_payloads_of_every_size() {
        polls_carry(&true);
        polls_carry(&-7_i32);
        polls_carry(&(i64::MIN + 3));
        polls_carry(&"on the heap".to_owned());
        polls_carry(&[1_u64, 2, 3, 4, 5]);
    }

    // CH18
    fn a_channel_carries_channels() {
        let (requests, served) = bounded::<Sender<i32>>(1);
        let server = spawn(move || {
            for reply in served {
                reply.send(2).unwrap();
            }
        });
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            requests.send(tx).unwrap();
            assert_eq!(rx.recv(), Ok(2));
            assert_eq!(rx.recv(), Err(RecvError), "the server dropped the last sender");
        }
        drop(requests);
        server.join().unwrap();
    }

    // CH23
    fn an_absurd_capacity_panics() {
        // The values alone would need more than `isize::MAX` bytes, then more than `usize::MAX`.
        // The third capacity cannot be rounded up to a power of two either.
        for cap in [usize::MAX / 8, usize::MAX / 2, usize::MAX - 1] {
            let payload = gort::recover(|| drop(bounded::<u64>(cap))).unwrap_err();
            let words = payload.downcast_ref::<String>().map_or("", String::as_str);
            assert!(words.contains("size out of range"), "{cap}: {words:?}");
        }
        let (tx, rx) = bounded(1);
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
    }
}
