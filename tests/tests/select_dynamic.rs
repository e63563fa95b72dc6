//! SE: `Select`, whose operations are known only at run time.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{Select, TryRecvError, TrySendError, never};
use gort::prelude::*;
use gort::recover;
use gort::runtime::{WaitReason, goroutines};
use gort::time::now;
use gort_tests::{Counted, claims, parked, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

const SHORT: Duration = Duration::from_millis(5);
const UNCOMPLETED: &str = "dropped `SelectedOperation` without completing the operation";

/// Returns whether a select of only this send chooses it now.
fn sends_now<T: Send>(tx: &Sender<T>, value: T) -> bool {
    let mut select = Select::new();
    select.send(tx);
    let Ok(operation) = select.try_select() else {
        return false;
    };
    operation.send(tx, value).is_ok()
}

/// Chooses an operation that is then dropped without being completed, as a panic would.
fn drops_uncompleted(mut select: Select<'_>) {
    let payload = recover(move || drop(select.select())).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&UNCOMPLETED));
}

/// Does the same with an operation that can go now. Returns whether there is one.
fn drops_uncompleted_now(mut select: Select<'_>) -> bool {
    let Ok(operation) = select.try_select() else {
        return false;
    };
    let payload = recover(move || drop(operation)).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&UNCOMPLETED));
    true
}

/// A way to receive. Returns `None` at the end of the channel or when the time is up.
type Receive = fn(&Receiver<i32>) -> Option<i32>;

fn parks<T>(goroutine: &JoinHandle<T>) {
    settle();
    assert!(!goroutine.is_finished());
}

claims! {
    // SE01, SE08, SE10, SE16: every way to choose, for a receive.
    fn a_receive_is_chosen_when_it_can_go() {
        let (tx, rx) = bounded(1);
        let idle = never::<i32>();
        let mut select = Select::new();
        assert_eq!((select.recv(&idle), select.recv(&rx)), (0, 1));

        assert!(select.try_select().is_err());
        assert!(select.select_timeout(SHORT).is_err());
        assert!(select.select_timeout(Duration::ZERO).is_err());
        assert!(select.select_deadline(now() - SHORT).is_err());
        assert!(select.select_deadline(now() + SHORT).is_err());
        tx.send(1).unwrap();
        let operation = select.try_select().unwrap();
        assert_eq!((operation.index(), operation.recv(&rx)), (1, Ok(1)));
        tx.send(2).unwrap();
        let operation = select.select_timeout(Duration::ZERO).unwrap();
        assert_eq!((operation.index(), operation.recv(&rx)), (1, Ok(2)));
        tx.send(3).unwrap();
        let operation = select.select_deadline(now() - SHORT).unwrap();
        assert_eq!((operation.index(), operation.recv(&rx)), (1, Ok(3)));

        let later = tx.clone();
        go!(move || {
            gort::time::sleep(SHORT);
            later.send(4).unwrap();
        });
        let operation = select.select();
        assert_eq!((operation.index(), operation.recv(&rx)), (1, Ok(4)));
        drop(tx);
        let operation = select.select();
        assert_eq!((operation.index(), operation.recv(&rx)), (1, Err(RecvError)));
        assert!(format!("{select:?}").starts_with("Select"));
    }

    // SE01, SE08, SE10, SE17: every way to choose, for a send, with and without a buffer.
    fn a_send_is_chosen_when_it_can_go() {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|_| tx.send(0).unwrap());
            let mut select = Select::new();
            select.send(&tx);
            assert!(select.try_select().is_err());
            assert!(select.select_timeout(SHORT).is_err());
            assert!(select.select_deadline(now() + SHORT).is_err());
            assert!(select.try_ready().is_err());
            let receiver = spawn(move || {
                gort::time::sleep(SHORT);
                let all: Vec<i32> = rx.iter().take(cap + 1).collect();
                (all, rx)
            });
            select.select().send(&tx, 7).unwrap();
            let (all, rx) = receiver.join().unwrap();
            assert_eq!(all.last(), Some(&7));

            let receiver = parked(WaitReason::ChanReceive, move || (rx.recv(), rx));
            select.try_select().unwrap().send(&tx, 8).unwrap();
            let (received, rx) = receiver.join().unwrap();
            assert_eq!(received, Ok(8));

            let receiver = parked(WaitReason::Select, move || {
                let received = select! { value = <-rx => value };
                (received, rx)
            });
            select.select_timeout(SHORT).unwrap().send(&tx, 9).unwrap();
            let (received, rx) = receiver.join().unwrap();
            assert_eq!(received.ok(), Some(9));

            // Without receivers the send is ready, and fails.
            drop(rx);
            assert_eq!(select.try_ready(), Ok(0));
            assert_eq!(select.select().send(&tx, 10), Err(SendError(10)));
        }
    }

    // SE11
    fn without_operations_it_waits_for_ever() {
        assert!(Select::new().try_select().is_err());
        assert!(Select::default().try_ready().is_err());
        assert!(Select::new().select_timeout(SHORT).is_err());
        assert!(Select::new().ready_timeout(SHORT).is_err());
        drop(parked(WaitReason::SelectNoCases, || Select::new().ready()));
    }

    // SE41
    fn a_biased_one_takes_the_first_that_can_go() {
        let channels: Vec<_> = (0..3).map(|_| unbounded()).collect();
        for (tx, _) in &channels {
            (0..50).for_each(|i| tx.send(i).unwrap());
        }
        let mut select = Select::new_biased();
        for (_, rx) in &channels {
            select.recv(rx);
        }
        for n in 0..150 {
            assert_eq!(select.clone().ready(), n / 50);
            let operation = select.select();
            assert_eq!(operation.index(), n / 50);
            operation.recv(&channels[n / 50].1).unwrap();
        }
        assert!(select.try_select().is_err());
    }

    // SE42: many operations are served evenly.
    fn a_hundred_operations_are_drained_evenly() {
        const ROUNDS: usize = 100;
        let channels: Vec<_> = (0..100).map(|_| unbounded()).collect();
        let mut select = Select::new();
        for (_, rx) in &channels {
            select.recv(rx);
        }
        let mut first_halves = 0;
        for _ in 0..ROUNDS {
            channels.iter().for_each(|(tx, _)| tx.send(()).unwrap());
            let mut order = Vec::new();
            while let Ok(operation) = select.try_select() {
                order.push(operation.index());
                operation.recv(&channels[order[order.len() - 1]].1).unwrap();
            }
            first_halves += order[..50].iter().filter(|&&index| index < 50).count();
            order.sort_unstable();
            assert!(order.into_iter().eq(0..100));
        }
        // 2,500 are expected, with a standard deviation of about 25.
        assert!((2250..=2750).contains(&first_halves), "{first_halves}");
    }

    // SE15: after its index was removed, a closed channel is no longer chosen.
    fn a_removed_operation_is_not_chosen_and_the_others_keep_their_indices() {
        let channels: Vec<_> = (0..4).map(|_| unbounded()).collect();
        for (i, (tx, _)) in channels.iter().enumerate() {
            (0..=i).for_each(|_| tx.send(i).unwrap());
            tx.close();
        }
        let mut select = Select::new();
        for (_, rx) in &channels {
            select.recv(rx);
        }
        let (mut open, mut rounds) = (4, 0);
        while open > 0 {
            let operation = select.select();
            let index = operation.index();
            match operation.recv(&channels[index].1) {
                Ok(value) => assert_eq!(value, index),
                Err(RecvError) => {
                    select.remove(index);
                    open -= 1;
                }
            }
            rounds += 1;
        }
        assert_eq!(rounds, 1 + 2 + 3 + 4 + 4);
        assert!(select.try_select().is_err());
        assert!(select.try_ready().is_err());
        let twice = recover(|| select.remove(2)).unwrap_err();
        assert_eq!(twice.downcast_ref::<&str>(), Some(&"no operation with this index"));
        assert!(recover(|| select.remove(4)).is_err());
        assert_eq!(select.recv(&channels[0].1), 4);
        assert_eq!(select.ready(), 4);
    }

    // SE43: the promised place stays promised, and no other sender gets it.
    fn a_chosen_send_has_a_place_that_no_other_sender_gets() {
        for cap in 1..4 {
            let (tx, rx) = bounded(cap);
            (1..cap).for_each(|_| tx.send(0).unwrap());
            let mut select = Select::new();
            select.send(&tx);
            let operation = select.select();
            assert_eq!(tx.len(), cap - 1);
            // Other senders find no place, whatever they try, before and after some of them have
            // waited.
            for _ in 0..10 {
                assert!(tx.try_send(1).is_err());
                assert!(!sends_now(&tx, 1));
                assert!(tx.send_timeout(1, Duration::from_micros(10)).is_err());
                assert!(select.try_ready().is_err());
            }
            // Other values may be taken and replaced, and nothing else changes.
            for _ in 0..10 * usize::from(cap > 1) {
                assert_eq!(rx.try_recv(), Ok(0));
                assert_eq!(tx.try_send(0), Ok(()));
                assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
            }
            let waits = {
                let tx = tx.clone();
                parked(WaitReason::ChanSend, move || tx.send(3).unwrap())
            };
            operation.send(&tx, 2).unwrap();
            settle();
            assert!(!waits.is_finished());
            assert_eq!((tx.len(), tx.try_send(1)), (cap, Err(TrySendError::Full(1))));
            let all: Vec<i32> = rx.iter().take(cap + 1).collect();
            assert_eq!(all[cap - 1..], [2, 3]);
            waits.join().unwrap();
            // Afterwards the channel works as before.
            for _ in 0..20 {
                (0..cap).for_each(|_| tx.try_send(1).unwrap());
                assert!(tx.try_send(1).is_err());
                (0..cap).for_each(|_| assert_eq!(rx.try_recv(), Ok(1)));
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
        }
    }

    // SE43
    fn an_operation_that_is_not_completed_panics_and_gives_its_place_back() {
        for cap in [1, 2] {
            let (tx, rx) = bounded(cap);
            for _ in 0..20 {
                let mut select = Select::new();
                select.send(&tx);
                drops_uncompleted(select);
                assert!(tx.is_empty());
                (0..cap).for_each(|_| tx.try_send(1).unwrap());
                (0..cap).for_each(|_| assert_eq!(rx.try_recv(), Ok(1)));
            }
            // The sender that waits gets the place.
            (1..cap).for_each(|_| tx.send(0).unwrap());
            let mut select = Select::new();
            select.send(&tx);
            let operation = select.select();
            let waits = {
                let tx = tx.clone();
                parked(WaitReason::ChanSend, move || tx.send(5).unwrap())
            };
            assert!(recover(move || drop(operation)).is_err());
            waits.join().unwrap();
            assert_eq!(rx.try_iter().last(), Some(5));
        }
    }

    // SE43: the receiver that was won continues to wait. The value of a chosen receive is dropped
    // once.
    fn an_operation_that_is_not_completed_leaves_its_peer_usable() {
        let receive: [Receive; 5] = [
            |rx| rx.recv().ok(),
            |rx| rx.recv_timeout(Duration::from_secs(60)).ok(),
            |rx| select! { value = <-rx => value.ok(), _ = <-never::<()>() => None },
            |rx| {
                let mut select = Select::new();
                select.recv(rx);
                select.select().recv(rx).ok()
            },
            |rx| rx.iter().next(),
        ];
        for receive in receive {
            let (tx, rx) = bounded::<i32>(0);
            let peer = spawn(move || receive(&rx));
            parks(&peer);
            let mut select = Select::new();
            select.send(&tx);
            drops_uncompleted(select);
            parks(&peer);
            tx.send(6).unwrap();
            assert_eq!(peer.join().unwrap(), Some(6));
        }

        // Its time limit still holds. On a slow machine the time may be up before the select.
        let (tx, rx) = bounded::<i32>(0);
        let won = [20, 200, 2_000, 20_000].into_iter().any(|limit| {
            let rx = rx.clone();
            let peer = spawn(move || rx.recv_timeout(Duration::from_millis(limit)));
            settle();
            let mut select = Select::new();
            select.send(&tx);
            let won = drops_uncompleted_now(select);
            assert!(peer.join().unwrap().unwrap_err().is_timeout());
            won
        });
        assert!(won, "no select won the receiver");
        // A close ends its wait.
        let peer = spawn(move || rx.recv());
        parks(&peer);
        let mut select = Select::new();
        select.send(&tx);
        drops_uncompleted(select);
        drop(tx);
        assert_eq!(peer.join().unwrap(), Err(RecvError));

        // The other way round: the receiver wins a sender that has yet to make its value.
        for receive in receive {
            let (tx, rx) = bounded::<i32>(0);
            let unfaithful = {
                let tx = tx.clone();
                spawn(move || {
                    let mut select = Select::new();
                    select.send(&tx);
                    drops_uncompleted(select);
                })
            };
            parks(&unfaithful);
            let peer = spawn(move || receive(&rx));
            unfaithful.join().unwrap();
            parks(&peer);
            tx.send(7).unwrap();
            assert_eq!(peer.join().unwrap(), Some(7));
        }

        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            let value = Counted::new(&alive);
            let sender = spawn(move || tx.send(value).map_err(drop));
            let mut select = Select::new();
            select.recv(&rx);
            drops_uncompleted(select);
            sender.join().unwrap().unwrap();
            assert_eq!((alive.load(SeqCst), rx.len()), (0, 0));
        }
    }

    // SE43: dropping during a panic raises no second panic.
    fn an_operation_that_is_dropped_by_a_panic_gives_its_place_back() {
        let (tx, rx) = bounded(1);
        let payload: Result<(), _> = recover(|| {
            let mut select = Select::new();
            select.send(&tx);
            let _operation = select.select();
            panic!("first");
        });
        assert_eq!(payload.unwrap_err().downcast_ref::<&str>(), Some(&"first"));
        tx.try_send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
    }

    fn an_operation_is_completed_by_the_very_end_that_was_added() {
        let (tx, rx) = bounded(1);
        let (other_tx, other_rx) = (tx.clone(), rx.clone());
        let mut select = Select::new();
        select.send(&tx);
        let wrong = recover(|| select.select().send(&other_tx, 1)).unwrap_err();
        assert_eq!(wrong.downcast_ref::<&str>(), Some(&"passed a sender that wasn't selected"));
        // The place was given back.
        tx.try_send(2).unwrap();
        let mut select = Select::new();
        select.recv(&rx);
        let wrong = recover(|| select.select().recv(&other_rx)).unwrap_err();
        assert_eq!(wrong.downcast_ref::<&str>(), Some(&"passed a receiver that wasn't selected"));
    }

    // SE10: the peer waits until the value comes, and the sender may wait for other things first.
    fn a_promise_is_kept_after_a_pause() {
        for cap in [0, 1] {
            for way in 0..4 {
                let (tx, rx) = bounded(cap);
                let idle = never::<i32>();
                let receiver = spawn(move || match way {
                    0 => rx.recv().ok(),
                    1 => rx.recv_timeout(Duration::from_secs(60)).ok(),
                    2 => select! { value = <-rx => value.ok(), _ = <-idle => None },
                    _ => {
                        let mut select = Select::new();
                        select.recv(&rx);
                        select.recv(&idle);
                        select.select().recv(&rx).ok()
                    }
                });
                settle();
                let mut select = Select::new();
                select.send(&tx);
                let operation = select.select();
                gort::time::sleep(SHORT);
                settle();
                assert!(!receiver.is_finished());
                operation.send(&tx, 4).unwrap();
                assert_eq!(receiver.join().unwrap(), Some(4));
            }
        }
    }

    // In this test the side that promises the value was parked.
    fn a_promise_that_was_won_while_waiting_is_kept_after_a_pause() {
        for way in 0..4 {
            let (tx, rx) = bounded(0);
            let sender = parked(WaitReason::Select, move || {
                let mut select = Select::new();
                select.send(&tx);
                let operation = select.select();
                gort::time::sleep(SHORT);
                operation.send(&tx, 4).unwrap();
            });
            let received = match way {
                0 => rx.recv().ok(),
                1 => rx.try_recv().ok(),
                2 => select! { value = <-rx => value.ok(), default => None },
                _ => {
                    let mut select = Select::new();
                    select.recv(&rx);
                    select.try_select().unwrap().recv(&rx).ok()
                }
            };
            assert_eq!(received, Some(4));
            sender.join().unwrap();
        }
    }

    // SE30: two selects over both directions of one channel meet each other and never themselves.
    fn selects_meet_each_other() {
        let (tx, rx) = bounded(0);
        let both = move |me: i32| {
            let mut select = Select::new();
            for _ in 0..500 {
                select.send(&tx);
                select.recv(&rx);
                let operation = select.select();
                if operation.index() % 2 == 0 {
                    operation.send(&tx, me).unwrap();
                } else {
                    assert_ne!(operation.recv(&rx), Ok(me));
                }
                // A select that gained two more operations in each round would become slow.
                select = Select::new();
            }
        };
        let other = {
            let both = both.clone();
            spawn(move || both(1))
        };
        both(2);
        other.join().unwrap();
    }

    // SE29
    fn a_select_does_not_meet_itself() {
        let (tx, rx) = bounded::<()>(0);
        let mut select = Select::new();
        select.send(&tx);
        select.recv(&rx);
        assert!(select.try_select().is_err());
        assert!(select.try_ready().is_err());
        assert!(select.select_timeout(SHORT).is_err());
        assert!(select.ready_timeout(SHORT).is_err());
    }

    // `ready` performs nothing: the value, or the room, is still there.
    fn ready_tells_which_operation_can_go() {
        let (tx, rx) = bounded(1);
        let mut sends = Select::new();
        sends.send(&tx);
        let mut receives = Select::new();
        receives.recv(&rx);
        for value in 0..10 {
            assert_eq!((sends.ready(), sends.try_ready()), (0, Ok(0)));
            assert!(receives.try_ready().is_err());
            assert!(receives.ready_timeout(Duration::ZERO).is_err());
            assert!(receives.ready_deadline(now() - SHORT).is_err());
            tx.try_send(value).unwrap();
            assert_eq!((receives.ready(), receives.ready_timeout(SHORT)), (0, Ok(0)));
            assert_eq!(receives.ready_deadline(now() + SHORT), Ok(0));
            assert!(sends.try_ready().is_err());
            assert!(sends.ready_timeout(Duration::ZERO).is_err());
            assert_eq!(rx.try_recv(), Ok(value));
        }
        tx.close();
        assert_eq!((sends.ready(), receives.ready()), (0, 0));
    }

    // SE33: goroutines that only look (`ready`) are all woken, and leave nothing in the queues.
    fn ready_wakes_all_onlookers() {
        for cap in [0, 1] {
            for receivers_look in [true, false] {
                let (tx, rx) = bounded(cap);
                if !receivers_look {
                    (0..cap).for_each(|_| tx.send(0).unwrap());
                }
                let onlookers: Vec<_> = (0..5)
                    .map(|_| {
                        let (tx, rx) = (tx.clone(), rx.clone());
                        parked(WaitReason::Select, move || {
                            let mut select = Select::new();
                            if receivers_look { select.recv(&rx) } else { select.send(&tx) };
                            select.ready()
                        })
                    })
                    .collect();
                let peer = {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    spawn(move || if receivers_look { tx.send(1).unwrap() } else { assert!(rx.recv().is_ok()) })
                };
                for onlooker in onlookers {
                    assert_eq!(onlooker.join().unwrap(), 0);
                }
                // None of them has performed an operation.
                match (cap, receivers_look) {
                    (0, true) => assert_eq!(rx.try_recv(), Ok(1)),
                    (0, false) => assert_eq!(tx.try_send(1), Ok(())),
                    (_, look) => assert_eq!(rx.len(), usize::from(look)),
                }
                peer.join().unwrap();
            }
        }
    }

    // SE31, SE32: an onlooker that one channel has told has left the queues of the others.
    fn an_onlooker_that_leaves_is_in_no_queue() {
        let ((a_tx, a), (b_tx, b)) = (bounded(0), bounded(0));
        for round in 0..50 {
            let onlooker = {
                let (a, b) = (a.clone(), b.clone());
                parked(WaitReason::Select, move || {
                    let mut select = Select::new();
                    select.recv(&a);
                    select.recv(&b);
                    select.recv(&a);
                    select.ready()
                })
            };
            let receiver = {
                let a = a.clone();
                parked(WaitReason::ChanReceive, move || a.recv())
            };
            // Behind the onlooker is a receiver, which gets the value.
            if round % 2 == 0 {
                a_tx.try_send(round).unwrap();
                assert_eq!(receiver.join().unwrap(), Ok(round));
                assert_ne!(onlooker.join().unwrap(), 1);
            } else {
                assert!(b_tx.send_timeout(round, SHORT).is_err());
                assert_eq!(onlooker.join().unwrap(), 1);
                a_tx.try_send(round).unwrap();
                assert_eq!(receiver.join().unwrap(), Ok(round));
            }
            assert_eq!(a_tx.try_send(0), Err(TrySendError::Full(0)));
        }
    }

    // CL03, CL04, CL19
    fn closing_ends_every_wait() {
        for cap in [0, 1] {
            for ready in [false, true] {
                let (tx, rx) = bounded(cap);
                (0..cap).for_each(|_| tx.send(0).unwrap());
                let idle = bounded::<i32>(0);
                let sender = {
                    let tx = tx.clone();
                    parked(WaitReason::Select, move || {
                        let mut select = Select::new();
                        select.recv(&idle.1);
                        select.send(&tx);
                        if ready {
                            assert_eq!(select.ready(), 1);
                        }
                        select.select().send(&tx, 1)
                    })
                };
                if cap == 0 { assert!(tx.close()) } else { drop(rx) }
                assert_eq!(sender.join().unwrap(), Err(SendError(1)));
            }
        }
    }

    // RU02, CL19: this holds also while a place is promised. The promised send fails and gives its
    // value back.
    fn what_is_buffered_is_dropped_with_the_receiver_while_a_place_is_promised() {
        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [2, 3] {
            let (tx, rx) = bounded(cap);
            (1..cap).for_each(|_| tx.send(Counted::new(&alive)).unwrap());
            let mut select = Select::new();
            select.send(&tx);
            let operation = select.select();
            // Another sender finds the channel full.
            drop(tx.try_send(Counted::new(&alive)).unwrap_err());
            drop(rx);
            assert_eq!(alive.load(SeqCst), 0, "values are still alive, capacity {cap}");
            assert!(operation.send(&tx, Counted::new(&alive)).is_err());
            assert_eq!(alive.load(SeqCst), 0);
        }
    }

    // CL18: after a close a promised value cannot be sent, and what was sent before stays.
    fn a_promise_is_void_when_the_channel_is_closed() {
        let (tx, rx) = bounded(2);
        tx.send(1).unwrap();
        let mut select = Select::new();
        select.send(&tx);
        let operation = select.select();
        tx.close();
        assert_eq!(operation.send(&tx, 2), Err(SendError(2)));
        assert_eq!(rx.iter().collect::<Vec<_>>(), [1]);
    }

    // RU08: plain threads select as goroutines do.
    fn plain_threads_select_with_goroutines() {
        for cap in [0, 1, 3] {
            let (tx, rx) = bounded(cap);
            let (back, answers) = bounded(cap);
            let thread = thread::spawn(move || {
                let mut select = Select::new();
                select.recv(&rx);
                while let Ok(value) = { select.ready(); select.select().recv(&rx) } {
                    let mut select = Select::new();
                    select.send(&back);
                    select.select().send(&back, value + 1).unwrap();
                }
            });
            let mut select = Select::new();
            select.send(&tx);
            for i in 0..200 {
                select.select().send(&tx, i).unwrap();
                assert_eq!(answers.recv(), Ok(i + 1));
            }
            drop(tx);
            gort::blocking(|| thread.join()).unwrap();
        }
        settle();
        assert_eq!(goroutines().len(), 1);
    }
}
