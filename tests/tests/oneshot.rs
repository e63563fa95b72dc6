//! OS: channels for one value.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::prelude::*;
use gort::runtime::{WaitReason, num_goroutines};
use gort::sync::oneshot;
use gort::{current, on_system_stack, recover};
use gort_tests::{Counted, claims, parked, resident_bytes, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

claims! {
    // OS01
    fn a_send_never_parks_and_its_value_waits_for_the_receiver() {
        let (tx, rx) = oneshot::channel();
        let switched = Arc::new(AtomicBool::new(false));
        let other = go!(clone [switched]; { switched.store(true, SeqCst) });
        if gort::runtime::max_procs() == 1 {
            tx.send(7).unwrap();
            assert!(!switched.load(SeqCst), "another goroutine has run");
        } else {
            // `send` is allowed on the system stack, where waiting is refused.
            on_system_stack(|| tx.send(7)).unwrap();
        }
        other.join().unwrap();
        assert_eq!(rx.recv(), Ok(7));

        // The same holds with a receiver that waits.
        let (tx, rx) = oneshot::channel();
        let waits = parked(WaitReason::OneshotReceive, move || rx.recv());
        on_system_stack(|| tx.send(8)).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(8));
    }

    // OS02
    fn a_send_that_meets_the_receivers_end_is_ok_or_gives_the_value_back() {
        /// A value that counts its drops, and checks that the sender does not drop it.
        struct Value(Arc<AtomicUsize>, gort::GoroutineId, bool);
        impl Drop for Value {
            fn drop(&mut self) {
                assert!(self.2 || current().id() != self.1, "dropped by `send`");
                self.0.fetch_add(1, SeqCst);
            }
        }

        let rounds = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
        let (drops, mut sent) = (Arc::new(AtomicUsize::new(0)), 0);
        for round in 0..rounds {
            let (tx, rx) = oneshot::channel();
            let leaves = go!(move || drop(rx));
            if round % 2 == 0 {
                yield_now();
            }
            match tx.send(Value(drops.clone(), current().id(), false)) {
                Ok(()) => sent += 1,
                Err(SendError(mut value)) => value.2 = true,
            }
            leaves.join().unwrap();
            assert_eq!(drops.load(SeqCst), round + 1);
        }
        println!("{sent} of {rounds} were sent");
    }

    // OS03
    fn a_sender_that_goes_without_sending_wakes_the_receiver() {
        for way in 0..3 {
            let (tx, rx) = oneshot::channel::<i32>();
            let waits = parked(WaitReason::OneshotReceive, move || rx.recv());
            let goes = spawn(move || {
                let _tx = tx;
                match way {
                    0 => {}
                    1 => std::panic::resume_unwind(Box::new("on purpose")),
                    _ => goexit(),
                }
            });
            assert_eq!(waits.join().unwrap(), Err(RecvError));
            assert_eq!(goes.join().is_err(), way > 0);
        }
    }

    // OS04
    fn an_arm_loses_any_number_of_times_and_then_wins() {
        let (tx, rx) = oneshot::channel();
        let (ready_tx, ready) = bounded(1);
        for n in 0..1_000 {
            // The other arm becomes ready before the select looks, or while it is parked.
            if n % 2 == 0 {
                ready_tx.send(n).unwrap();
            } else {
                go!(clone [ready_tx]; { ready_tx.send(n).unwrap() });
            }
            select! {
                _ = <-rx => panic!("nothing was sent"),
                m = <-ready => assert_eq!(m, Ok(n)),
            }
        }
        tx.send("value").unwrap();
        let never = never::<()>();
        assert_eq!(select! { v = <-rx => v, <-never => unreachable!() }, Ok("value"));
        for _ in 0..3 {
            assert_eq!(select! { v = <-rx => v, <-never => unreachable!() }, Err(RecvError));
        }
        assert_eq!(rx.recv(), Err(RecvError));

        // A send wakes a parked select, and so does the drop of the sender.
        for sends in [true, false] {
            let (tx, rx) = oneshot::channel();
            let waits = parked(WaitReason::Select, move || select! {
                v = <-rx => v,
                <-gort::channel::never::<()>() => unreachable!(),
            });
            if sends {
                tx.send(1).unwrap();
                assert_eq!(waits.join().unwrap(), Ok(1));
            } else {
                drop(tx);
                assert_eq!(waits.join().unwrap(), Err(RecvError));
            }
        }
    }

    // OS05
    fn a_receiver_that_left_keeps_nothing_although_its_sender_lives_on() {
        let rounds = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
        let mut senders = Vec::with_capacity(rounds);
        let mut before = 0;
        for n in 0..rounds {
            let (tx, rx) = oneshot::channel::<u8>();
            senders.push(tx);
            let (other_tx, other) = bounded(1);
            let leaves = spawn(move || select! {
                _ = <-rx => panic!("nothing is sent"),
                _ = <-other => {}
            });
            if n % 100 == 0 {
                settle();
            }
            other_tx.send(()).unwrap();
            leaves.join().unwrap();
            if n == rounds / 10 {
                before = resident_bytes();
            }
        }
        let grown = resident_bytes().saturating_sub(before) / rounds;
        assert!(grown < 1_000, "{grown} bytes each");
        assert_eq!(num_goroutines(), 1);
        for tx in senders {
            assert!(tx.send(1).is_err());
        }
    }

    fn what_was_sent_and_not_received_is_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = oneshot::channel();
        tx.send(Counted::new(&alive)).unwrap();
        assert_eq!(alive.load(SeqCst), 1);
        drop(rx);
        assert_eq!(alive.load(SeqCst), 0);
        let (tx, rx) = oneshot::channel();
        drop(rx);
        let back = tx.send(Counted::new(&alive)).unwrap_err();
        assert_eq!(alive.load(SeqCst), 1);
        drop(back);
        assert_eq!(alive.load(SeqCst), 0);
    }

    fn a_receive_that_would_wait_is_refused_on_the_system_stack() {
        let (tx, rx) = oneshot::channel();
        assert!(recover(|| on_system_stack(|| rx.recv())).is_err());
        assert_eq!(tx.send(1), Err(SendError(1)), "the receiver has unwound");
        let (tx, rx) = oneshot::channel();
        tx.send(1).unwrap();
        assert_eq!(on_system_stack(|| rx.recv()), Ok(1));
    }

    fn plain_threads_and_goroutines_send_to_each_other() {
        for _ in 0..100 {
            let ((to_tx, to), (back_tx, back)) = (oneshot::channel(), oneshot::channel());
            let thread = thread::spawn(move || back_tx.send(to.recv().unwrap() + 1));
            to_tx.send(1).unwrap();
            assert_eq!(back.recv(), Ok(2));
            gort::blocking(|| thread.join().unwrap()).unwrap();
        }
        assert_eq!(waiting(WaitReason::OneshotReceive), 0);
    }
}
