//! BR: every receiver gets every value, unless it is too slow.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason;
use gort::sync::broadcast::{self, RecvError};
use gort_tests::{claims, parked, resident_bytes, settle, waiting};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use RecvError::{Closed, Lagged};

/// Receives without waiting. Returns `None` if a receive would have to wait.
fn recv_now<T: Clone>(rx: &broadcast::Receiver<T>) -> Option<Result<T, RecvError>> {
    select! { v = <-rx => Some(v), default => None }
}

fn waits<T: Clone + Send + Sync + 'static>(
    rx: broadcast::Receiver<T>,
) -> JoinHandle<Result<T, RecvError>> {
    parked(WaitReason::BroadcastReceive, move || rx.recv())
}

claims! {
    // BR01
    fn all_receivers_see_one_order() {
        let (tx, rx) = broadcast::channel(4_096);
        let receivers: Vec<_> = [rx, tx.subscribe(), tx.subscribe()]
            .into_iter()
            .map(|rx| spawn(move || {
                let mut got = Vec::new();
                while let Ok(v) = rx.recv() {
                    got.push(v);
                }
                assert_eq!(rx.recv(), Err(Closed));
                got
            }))
            .collect();
        let rx = tx.subscribe();
        let thread = thread::spawn(move || {
            let mut got = Vec::new();
            loop {
                select! { Ok(v) = <-rx else { return got } => got.push(v) }
            }
        });
        let senders: Vec<_> = (0..3_usize)
            .map(|who| {
                let tx = tx.clone();
                spawn(move || for n in 0..1_000_usize {
                    assert_eq!(tx.send((who, n)), Ok(4));
                    if n % 64 == 0 {
                        yield_now();
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        drop(tx);
        let theirs = gort::blocking(|| thread.join().unwrap());
        assert_eq!(theirs.len(), 3_000);
        for who in 0..3 {
            assert!(theirs.iter().filter(|v| v.0 == who).map(|v| v.1).eq(0..1_000));
        }
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), theirs);
        }
    }

    // BR02
    fn the_capacity_is_the_one_asked_for() {
        for cap in 1..=9_u64 {
            let (tx, rx) = broadcast::channel(cap as usize);
            for n in 1..=cap + 1 {
                assert_eq!(tx.send(n), Ok(1));
            }
            assert_eq!(rx.recv(), Err(Lagged(1)));
            for n in 2..=cap + 1 {
                assert_eq!(rx.recv(), Ok(n));
            }
            assert_eq!(recv_now(&rx), None);
        }
        assert!(recover(|| broadcast::channel::<()>(0)).is_err());
    }

    // BR03
    fn lag_belongs_to_one_receiver() {
        let (tx, slow) = broadcast::channel(2);
        let fast = tx.subscribe();
        let mut got = Vec::new();
        for n in 1..=5 {
            tx.send(n).unwrap();
            got.push(fast.recv().unwrap());
        }
        assert_eq!(slow.recv(), Err(Lagged(3)));
        for n in 6..=8 {
            tx.send(n).unwrap();
            got.push(fast.recv().unwrap());
        }
        assert_eq!(slow.recv(), Err(Lagged(3)));
        assert_eq!((slow.recv(), slow.recv()), (Ok(7), Ok(8)));
        assert!(got.into_iter().eq(1..=8));
        assert_eq!((recv_now(&slow), recv_now(&fast)), (None, None));
        // An arm of a select reports lag in the same way.
        for n in 9..=11 {
            tx.send(n).unwrap();
        }
        assert_eq!(recv_now(&slow), Some(Err(Lagged(1))));
        assert_eq!(recv_now(&slow), Some(Ok(10)));
    }

    // BR04
    fn closing_overwrites_nothing() {
        let (tx, rx) = broadcast::channel(1);
        tx.send(1).unwrap();
        drop(tx);
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Err(Closed), Err(Closed)));
        let (tx, rx) = broadcast::channel(1);
        let another = tx.clone();
        tx.send(1).unwrap();
        another.send(2).unwrap();
        drop(tx);
        assert_eq!((rx.recv(), rx.recv()), (Err(Lagged(1)), Ok(2)));
        assert_eq!(recv_now(&rx), None, "there is another sender");
        let waits = waits(rx);
        drop(another);
        assert_eq!(waits.join().unwrap(), Err(Closed));
    }

    // BR05
    fn send_never_waits_and_wakes_all() {
        let (tx, never_reads) = broadcast::channel(1);
        let receivers: Vec<_> = (0..100)
            .map(|n| {
                let rx = tx.subscribe();
                let reason = if n % 2 == 0 { WaitReason::BroadcastReceive } else { WaitReason::Select };
                parked(reason, move || match n % 2 {
                    0 => rx.recv(),
                    _ => select! { v = <-rx => v, <-gort::channel::never::<()>() => unreachable!() },
                })
            })
            .collect();
        assert_eq!(gort::on_system_stack(|| tx.send("v")), Ok(101));
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), Ok("v"));
        }
        for _ in 0..10 {
            assert_eq!(tx.send("w"), Ok(1));
        }
        drop(never_reads);
        assert_eq!(tx.send("x"), Err(SendError("x")));
        let rx = tx.subscribe();
        assert_eq!(recv_now(&rx), None);
        assert_eq!(tx.send("y"), Ok(1));
        assert_eq!(rx.recv(), Ok("y"));
    }

    // BR06
    fn a_value_is_dropped_as_soon_as_no_receiver_can_get_it() {
        let value = Arc::new(());
        let count = || Arc::strong_count(&value) - 1;
        let (tx, a) = broadcast::channel(2);
        let b = tx.subscribe();
        // A value that all receivers have read.
        tx.send(value.clone()).unwrap();
        drop(a.recv().unwrap());
        assert_eq!(count(), 1);
        drop(b.recv().unwrap());
        assert_eq!(count(), 0);
        // A value that is overwritten.
        for kept in [1, 2, 2, 2] {
            tx.send(value.clone()).unwrap();
            assert_eq!(count(), kept);
        }
        // Values for receivers that are dropped one after another, after they have received
        // different values.
        assert_eq!(a.recv(), Err(Lagged(2)));
        drop(a.recv().unwrap());
        let c = tx.subscribe();
        drop(b);
        assert_eq!(count(), 1);
        drop(a);
        assert_eq!(count(), 0);
        tx.send(value.clone()).unwrap();
        let d = tx.subscribe();
        drop(c);
        assert_eq!(count(), 0);
        tx.send(value.clone()).unwrap();
        assert_eq!(count(), 1);
        drop(tx);
        assert_eq!(count(), 1);
        drop(d);
        assert_eq!(count(), 0);
    }

    // BR07
    fn a_clone_that_panics_costs_that_value_only() {
        #[derive(Debug)]
        struct Value(usize, Arc<AtomicUsize>);
        impl Clone for Value {
            fn clone(&self) -> Self {
                if self.0 == 0 {
                    resume_unwind(Box::new("clone"));
                }
                Self(self.0, self.1.clone())
            }
        }
        impl Drop for Value {
            fn drop(&mut self) {
                self.1.fetch_add(1, SeqCst);
            }
        }
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = broadcast::channel(4);
        let other = tx.subscribe();
        for n in 0..2 {
            tx.send(Value(n, drops.clone())).unwrap();
        }
        for rx in [rx, other] {
            assert_eq!(recover(|| rx.recv()).unwrap_err().downcast_ref(), Some(&"clone"));
            assert_eq!(select! { v = <-rx => v.unwrap().0 }, 1);
        }
        // Two values and two clones have been dropped.
        assert_eq!(drops.load(SeqCst), 4);
    }

    // FT09
    fn a_destructor_that_panics_takes_no_other_value_with_it() {
        #[derive(Clone)]
        struct Value(usize, Arc<AtomicUsize>);
        impl Drop for Value {
            fn drop(&mut self) {
                self.1.fetch_add(1, SeqCst);
                if self.0 == 2 {
                    resume_unwind(Box::new("dropped"));
                }
            }
        }
        for sender_first in [true, false] {
            let drops = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = broadcast::channel(10);
            for n in 0..10 {
                assert!(tx.send(Value(n, drops.clone())).is_ok());
            }
            let panic = recover(|| if sender_first {
                drop(tx);
                drop(rx);
            } else {
                drop(rx);
                drop(tx);
            });
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"dropped"));
            assert_eq!(drops.load(SeqCst), 10);
            // The memory that keeps the values has been freed, too.
            assert_eq!(Arc::strong_count(&drops), 1);
        }
    }

    // BR08
    fn receivers_that_leave_by_other_arms_leave_nothing_behind() {
        let rounds = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
        let (tx, rx) = broadcast::channel::<i32>(2);
        let mut before = 0;
        for n in 0..rounds {
            select! {
                _ = <-rx => panic!("nothing was sent"),
                after(Duration::ZERO) => {}
            }
            if n == rounds / 10 {
                before = resident_bytes();
            }
        }
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes");
        // Receivers that were parked leave nothing behind either.
        for _ in 0..100 {
            let (other_tx, other) = bounded::<()>(0);
            let rx = tx.subscribe();
            let leaves = parked(WaitReason::Select, move || select! {
                _ = <-rx => panic!("nothing was sent"),
                _ = <-other => {}
            });
            drop(other_tx);
            leaves.join().unwrap();
        }
        settle();
        let waiter = waits(tx.subscribe());
        assert_eq!(tx.send(7), Ok(2));
        assert_eq!(waiter.join().unwrap(), Ok(7));
        assert_eq!(rx.recv(), Ok(7));
        assert_eq!(waiting(WaitReason::BroadcastReceive), 0);
    }
}
