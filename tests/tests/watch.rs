//! WA: the latest value, and the receivers that are told when it changes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason;
use gort::sync::watch;
use gort::time::Ticker;
use gort_tests::{Counted, claims, parked, settle};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Returns the result of `changed` if that would return at once, and marks the value as seen.
fn changed_now<T>(rx: &watch::Receiver<T>) -> Option<Result<(), RecvError>> {
    select! { changed = <-rx => Some(changed), default => None }
}

claims! {
    // WA01
    fn the_first_value_counts_as_seen() {
        let (tx, rx) = watch::channel(1);
        assert_eq!((*rx.borrow(), *tx.borrow()), (1, 1));
        let waits = parked(WaitReason::WatchChanged, {
            let rx = rx.clone();
            move || (rx.changed(), *rx.borrow())
        });
        tx.send(2);
        assert_eq!(waits.join().unwrap(), (Ok(()), 2));
        assert_eq!(*rx.borrow(), 2);
        assert_eq!(changed_now(&rx), Some(Ok(())));
        // The value that a new receiver finds counts as seen, too.
        let late = tx.subscribe();
        assert_eq!((*late.borrow(), changed_now(&late)), (2, None));
    }

    // WA02
    fn any_number_of_sends_is_one_change() {
        let (tx, rx) = watch::channel(0);
        for n in 1..=1_000 {
            tx.send(n);
        }
        assert_eq!((rx.changed(), *rx.borrow()), (Ok(()), 1_000));
        let waits = parked(WaitReason::WatchChanged, move || rx.changed());
        assert!(!waits.is_finished());
        tx.send(1_001);
        assert_eq!(waits.join().unwrap(), Ok(()));
    }

    // WA03
    fn borrow_does_not_mark_as_seen_and_changed_does() {
        let (tx, rx) = watch::channel(0);
        tx.send(1);
        assert_eq!(*rx.borrow(), 1);
        assert_eq!(rx.changed(), Ok(()));
        assert_eq!(changed_now(&rx), None);
        // The loop never misses the last value.
        let watcher = spawn(move || {
            let mut last = *rx.borrow();
            while rx.changed().is_ok() {
                let now = *rx.borrow();
                assert!(now >= last);
                last = now;
            }
            last
        });
        for n in 2..=1_000 {
            tx.send(n);
            if n % 10 == 0 {
                yield_now();
            }
        }
        drop(tx);
        assert_eq!(watcher.join().unwrap(), 1_000);
    }

    // WA04
    fn a_last_value_is_reported_once_and_then_the_end() {
        let (tx, rx) = watch::channel(1);
        let another = tx.clone();
        tx.send(3);
        drop(tx);
        assert_eq!(rx.changed(), Ok(()));
        assert_eq!(changed_now(&rx), None, "there is another sender");
        another.send(4);
        drop(another);
        assert_eq!((rx.changed(), *rx.borrow()), (Ok(()), 4));
        for _ in 0..3 {
            assert_eq!((rx.changed(), *rx.borrow()), (Err(RecvError), 4));
            assert_eq!(changed_now(&rx), Some(Err(RecvError)));
        }
        // Receivers that wait learn of the end, too.
        let (tx, rx) = watch::channel(1);
        let waits = parked(WaitReason::WatchChanged, move || rx.changed());
        let rx = tx.subscribe();
        let selects = parked(WaitReason::Select, move || select! {
            changed = <-rx => changed,
            <-gort::channel::never::<()>() => unreachable!(),
        });
        drop(tx);
        assert_eq!(waits.join().unwrap(), Err(RecvError));
        assert_eq!(selects.join().unwrap(), Err(RecvError));
    }

    // WA05
    fn a_send_without_receivers_keeps_the_value() {
        let (tx, rx) = watch::channel(1);
        drop(rx);
        tx.send(2);
        let rx = tx.subscribe();
        assert_eq!((*rx.borrow(), changed_now(&rx)), (2, None));
        tx.send(3);
        assert_eq!((changed_now(&rx), *rx.borrow()), (Some(Ok(())), 3));
    }

    // WA06
    fn a_held_borrow_delays_only_sends() {
        let (tx, rx) = watch::channel(1);
        let ticker = Ticker::new(Duration::from_millis(1));
        let first = rx.borrow();
        let sends = parked(WaitReason::ChanSend, { let tx = tx.clone(); move || tx.send(2) });
        let modifies = parked(WaitReason::ChanSend, { let tx = tx.clone(); move || tx.send_modify(|n| *n += 1) });
        let second = rx.borrow();
        let third = tx.borrow();
        ticker.recv().unwrap();
        settle();
        assert_eq!((*first, *second, *third), (1, 1, 1));
        assert!(!sends.is_finished() && !modifies.is_finished());
        drop((first, third));
        settle();
        assert!(!sends.is_finished() && !modifies.is_finished());
        drop(second);
        sends.join().unwrap();
        modifies.join().unwrap();
        // The two senders may have run in either order.
        let now = *rx.borrow();
        assert!(now == 2 || now == 3, "{now}");
        // Readers and senders wait until the modification is done. Readers then see the new value.
        let (go_on_tx, go_on) = bounded::<()>(0);
        let modifies = parked(WaitReason::ChanReceive, {
            let tx = tx.clone();
            move || tx.send_modify(|n| { *n = 10; let _ = go_on.recv(); *n = 11 })
        });
        let looks = parked(WaitReason::RwLockRead, { let rx = rx.clone(); move || *rx.borrow() });
        let sends = parked(WaitReason::ChanSend, move || tx.send(12));
        drop(go_on_tx);
        modifies.join().unwrap();
        sends.join().unwrap();
        let seen = looks.join().unwrap();
        assert!(seen == 11 || seen == 12, "{seen}");
        assert_eq!(*rx.borrow(), 12);
    }

    // WA07
    fn a_send_modify_that_panics_keeps_the_change_and_wakes_no_receiver() {
        let (tx, rx) = watch::channel(1);
        let payload = recover(|| tx.send_modify(|n| { *n = 2; resume_unwind(Box::new("x")) }));
        assert_eq!(payload.unwrap_err().downcast_ref(), Some(&"x"));
        assert_eq!(*rx.borrow(), 2);
        let waits = parked(WaitReason::WatchChanged, {
            let rx = rx.clone();
            move || (rx.changed(), *rx.borrow())
        });
        tx.send_modify(|n| *n = 3);
        assert_eq!(waits.join().unwrap(), (Ok(()), 3));
        tx.send(4);
        assert_eq!(*rx.borrow(), 4);
        // A goroutine that exits in the closure does no harm either.
        let theirs = tx.clone();
        assert!(spawn(move || theirs.send_modify(|_| goexit())).join().is_err());
        tx.send(5);
        assert_eq!(*rx.borrow(), 5);
    }

    // WA08
    fn the_replaced_value_is_dropped_outside_every_lock() {
        struct Looks(usize, Option<(watch::Sender<Looks>, watch::Receiver<Looks>)>, Arc<AtomicUsize>);
        impl Drop for Looks {
            fn drop(&mut self) {
                if let Some((tx, rx)) = self.1.take() {
                    assert_eq!(tx.borrow().0, self.0 + 1);
                    assert_eq!(rx.borrow().0, self.0 + 1);
                    self.2.fetch_add(1, SeqCst);
                }
            }
        }
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = watch::channel(Looks(0, None, drops.clone()));
        for n in 1..=1_000 {
            tx.send(Looks(n, Some((tx.clone(), rx.clone())), drops.clone()));
        }
        assert_eq!(drops.load(SeqCst), 999);
        // Breaks a cycle: the last value holds handles of the channel, which holds the value.
        tx.send_modify(|last| last.1 = None);

        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = watch::channel(Counted::new(&alive));
        tx.send(Counted::new(&alive));
        assert_eq!(alive.load(SeqCst), 1);
        drop((tx, rx));
        assert_eq!(alive.load(SeqCst), 0);
    }

    // WA09
    fn a_clone_takes_over_the_mark_and_a_losing_arm_marks_nothing() {
        let (tx, rx) = watch::channel(0);
        tx.send(1);
        let clone = rx.clone();
        assert_eq!(clone.changed(), Ok(()));
        let clone = clone.clone();
        assert_eq!(changed_now(&clone), None);
        assert_eq!(changed_now(&rx), Some(Ok(())));

        let (ready_tx, ready) = bounded(1);
        let mut lost = 0;
        for n in 0..1_000 {
            ready_tx.send(n).unwrap();
            if n % 2 == 0 {
                tx.send(n);
            }
            let both = select! {
                changed = <-rx => { changed.unwrap(); true }
                m = <-ready => { assert_eq!(m, Ok(n)); false }
            };
            if both {
                assert_eq!(ready.recv(), Ok(n));
            } else if n % 2 == 0 {
                lost += 1;
                assert_eq!(changed_now(&rx), Some(Ok(())), "it was not marked");
            }
            assert_eq!(changed_now(&rx), None);
        }
        assert!(lost > 0);
    }

    fn many_send_and_watch_also_from_plain_threads() {
        let (tx, rx) = watch::channel((0_u64, 0_u64));
        let watches = move |rx: watch::Receiver<(u64, u64)>| {
            while rx.changed().is_ok() {
                let pair = rx.borrow();
                assert_eq!(pair.1, pair.0 * 7);
            }
            rx.borrow().0
        };
        let mut watchers = Vec::new();
        for _ in 0..4 {
            let rx = rx.clone();
            watchers.push(spawn(move || watches(rx)));
        }
        let thread = thread::spawn(move || watches(rx));
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let tx = tx.clone();
                spawn(move || for _ in 0..2_000 {
                    tx.send_modify(|pair| { pair.0 += 1; pair.1 += 7 });
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        drop(tx);
        for watcher in watchers {
            assert_eq!(watcher.join().unwrap(), 8_000);
        }
        assert_eq!(gort::blocking(|| thread.join().unwrap()), 8_000);
    }
}
