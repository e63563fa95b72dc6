//! TY: handles, directions, payloads of every size and kind, and which side drops them (RU).

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TrySendError, never};
use gort::prelude::*;
use gort_tests::{Counted, Random, claims, seed, settle};
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

// TY12: with a payload that is `Send` and not `Sync`, handles are both. With a payload that is not
// `Send`, handles are not `Send`: if they were, rustc could not decide what `_` below stands for.
const _: fn() = || {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<(Sender<i32>, Receiver<i32>)>();
    send_and_sync::<(Sender<Cell<i32>>, Receiver<Cell<i32>>)>();

    trait AmbiguousIfSend<A> {
        fn check() {}
    }
    struct Send_;
    impl<T> AmbiguousIfSend<()> for T {}
    impl<T: Send> AmbiguousIfSend<Send_> for T {}
    <Sender<Rc<i32>> as AmbiguousIfSend<_>>::check();
    <Receiver<Rc<i32>> as AmbiguousIfSend<_>>::check();
    <&Sender<Rc<i32>> as AmbiguousIfSend<_>>::check();
    <&Receiver<Rc<i32>> as AmbiguousIfSend<_>>::check();
};

/// Sends `n` values made by `make` through a channel with this capacity, and counts them.
fn passes<T: Send + 'static>(cap: usize, n: usize, make: fn() -> T) {
    let (tx, rx) = bounded(cap);
    for i in 0..n.min(cap) {
        assert_eq!(tx.len(), i);
        tx.send(make()).unwrap();
    }
    assert_eq!((tx.len(), tx.is_full()), (n.min(cap), n >= cap));
    let rest = spawn(move || (cap..n).for_each(|_| tx.send(make()).unwrap()));
    assert_eq!(rx.iter().count(), n);
    rest.join().unwrap();
}

/// A zero-sized value that counts its drops.
struct Nothing;

static NOTHINGS_DROPPED: AtomicUsize = AtomicUsize::new(0);

impl Drop for Nothing {
    fn drop(&mut self) {
        NOTHINGS_DROPPED.fetch_add(1, SeqCst);
    }
}

/// The size of a big value. Without optimisation an operation has a dozen copies of it on the stack
/// at the same time, so there the value is smaller. This is no limit of channels.
const BIG: usize = if cfg!(debug_assertions) {
    16_384
} else {
    32_768
};

/// A value with a large alignment.
#[repr(align(64))]
struct Aligned([u8; 100]);

claims! {
    // TY03
    fn a_receiver_is_iterated_in_every_way() {
        let (tx, rx) = bounded(6);
        (0..6).for_each(|i| tx.send(i).unwrap());
        let mut seen = Vec::new();
        seen.extend(rx.try_iter().take(2));
        for i in &rx {
            seen.push(i);
            if seen.len() == 4 {
                break;
            }
        }
        drop(tx);
        for i in rx {
            seen.push(i);
        }
        assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    }

    // TY04
    fn handles_of_one_channel_and_of_no_other_compare_as_same() {
        let (tx, rx) = bounded::<i32>(1);
        let (other_tx, other_rx) = bounded::<i32>(1);
        let (many_tx, many_rx) = unbounded::<i32>();
        assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
        assert!(!tx.same_channel(&other_tx) && !rx.same_channel(&other_rx));
        assert!(!tx.same_channel(&many_tx) && !rx.same_channel(&many_rx));
        assert!(!rx.same_channel(&never()));
    }

    // TY05
    fn values_without_size_are_counted() {
        for cap in [0, 1, 1_000_000] {
            passes(cap, 10_000, || ());
            passes(cap, 10_000, || [0_u8; 0]);
        }
        passes(10_000, 10_000, || ());
    }

    // TY06
    fn values_without_size_are_dropped_once_each() {
        let (tx, rx) = bounded(1_000);
        (0..1_000).for_each(|_| tx.send(Nothing).unwrap());
        assert_eq!(rx.iter().take(400).count(), 400);
        assert_eq!(NOTHINGS_DROPPED.load(SeqCst), 400);
        drop((tx, rx));
        assert_eq!(NOTHINGS_DROPPED.load(SeqCst), 1_000);
    }

    // TY07
    fn big_values_fit_on_a_stack_of_the_default_size() {
        for cap in [0, 1] {
            let (tx, rx) = bounded::<[u8; BIG]>(cap);
            // The values are borrowed: without optimisation each move is a copy.
            let sender = spawn(move || {
                for i in 0..100 {
                    assert!(tx.send([i; BIG]).is_ok());
                }
            });
            let receiver = spawn(move || {
                for i in 0..100 {
                    let whole = |value: &[u8; BIG]| value.iter().all(|&byte| byte == i);
                    assert!(rx.recv().as_ref().is_ok_and(whole), "value {i}");
                }
            });
            sender.join().unwrap();
            receiver.join().unwrap();
        }
    }

    // TY08
    fn received_values_lie_where_their_type_wants_them() {
        for cap in [0, 1, 3] {
            let (tx, rx) = bounded(cap);
            let sender = spawn(move || (0..9).for_each(|i| tx.send(Aligned([i; 100])).unwrap()));
            for i in 0..9 {
                let value = std::hint::black_box(rx.recv().unwrap());
                assert_eq!((&raw const value).addr() % 64, 0);
                assert_eq!(value.0, [i; 100]);
            }
            sender.join().unwrap();
        }
    }

    // TY09
    fn a_boxed_any_keeps_its_type() {
        let (tx, rx) = bounded::<Box<dyn Any + Send>>(0);
        spawn(move || {
            tx.send(Box::new(1_i32)).unwrap();
            tx.send(Box::new("two".to_owned())).unwrap();
            tx.send(Box::new([3.0_f64; 3])).unwrap();
        });
        assert_eq!(rx.recv().unwrap().downcast_ref(), Some(&1_i32));
        assert_eq!(rx.recv().unwrap().downcast_ref(), Some(&"two".to_owned()));
        assert_eq!(rx.recv().unwrap().downcast_ref(), Some(&[3.0_f64; 3]));
        assert!(rx.recv().is_err());
    }

    // TY10
    fn a_sent_value_belongs_to_the_channel_and_a_refused_one_to_the_sender() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(1);
        tx.try_send(Counted::new(&alive)).unwrap();
        assert_eq!(alive.load(SeqCst), 1, "the sender has not dropped it");
        let Err(TrySendError::Full(back)) = tx.try_send(Counted::new(&alive)) else {
            panic!("a full channel took a value");
        };
        drop((tx, rx));
        assert_eq!(alive.load(SeqCst), 1, "what came back is not the channel's to drop");
        drop(back);
        assert_eq!(alive.load(SeqCst), 0);
    }

    // TY11
    fn a_panic_in_the_value_to_send_leaves_the_channel_as_it_was() {
        let (tx, rx) = bounded(2);
        tx.send(1).unwrap();
        let value = || if tx.len() < 2 { panic!("no value") } else { 9 };
        let caught = gort::recover(|| tx.send(value()));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"no value"));
        assert_eq!(tx.len(), 1);
        tx.send(2).unwrap();
        assert!(rx.iter().take(2).eq([1, 2]));
    }

    // RU01
    fn every_value_is_dropped_exactly_once() {
        let seed = seed();
        let mut random = Random::new(seed);
        let alive = Arc::new(AtomicUsize::new(0));
        for round in 0..30 {
            let (through, left) = (random.below(1_000) as usize, random.below(50) as usize);
            let cap = [Some(50), Some(1_000), None][round % 3];
            let (tx, rx) = cap.map_or_else(unbounded, bounded);
            let sender = spawn({
                let alive = alive.clone();
                move || {
                    (0..through + left).for_each(|_| tx.send(Counted::new(&alive)).unwrap());
                    tx
                }
            });
            assert_eq!(rx.iter().take(through).count(), through);
            let tx = sender.join().unwrap();
            assert_eq!(alive.load(SeqCst), left, "seed {seed}, round {round}");
            // Each side ends first in some rounds.
            if round % 2 == 0 {
                drop(tx);
                drop(rx);
            } else {
                drop(rx);
                drop(tx);
            }
            assert_eq!(alive.load(SeqCst), 0, "seed {seed}, round {round}");
        }
    }

    // RU02
    fn values_left_in_the_channel_are_dropped_with_the_last_receiver() {
        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [Some(5), None] {
            let (tx, rx) = cap.map_or_else(unbounded, bounded);
            let another = rx.clone();
            (0..5).for_each(|_| tx.send(Counted::new(&alive)).unwrap());
            drop(rx);
            assert_eq!(alive.load(SeqCst), 5);
            drop(another);
            assert_eq!(alive.load(SeqCst), 0, "although a sender lives");
            assert!(tx.send(Counted::new(&alive)).is_err());
            assert_eq!(alive.load(SeqCst), 0);
        }
    }

    // RU02: this holds for buffered values only. The value of a parked sender goes back to the
    // sender.
    fn a_parked_value_is_not_dropped_with_the_last_receiver() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(1);
        tx.send(Counted::new(&alive)).unwrap();
        let sender = spawn({
            let value = Counted::new(&alive);
            move || tx.send(value).unwrap_err()
        });
        settle();
        assert_eq!(alive.load(SeqCst), 2);
        drop(rx);
        let back = sender.join().unwrap();
        assert_eq!(alive.load(SeqCst), 1);
        drop(back);
        assert_eq!(alive.load(SeqCst), 0);
    }
}
