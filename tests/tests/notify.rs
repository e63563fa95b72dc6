//! NO: waking one waiter, or all.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::sync::Notify;
use gort::{JoinHandle, on_system_stack};
use gort_tests::{claims, parked, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// A moment, for waits that must end without a notification.
const MOMENT: Duration = Duration::from_millis(1);

fn waits(notify: &Arc<Notify>) -> JoinHandle<()> {
    let notify = notify.clone();
    parked(WaitReason::NotifyWait, move || notify.wait())
}

fn waits_in_a_select(notify: &Arc<Notify>) -> JoinHandle<()> {
    let notify = notify.clone();
    parked(WaitReason::Select, move || {
        select! {
            <-notify => {}
            <-never::<()>() => unreachable!(),
        }
    })
}

claims! {
    // NO01
    fn notify_one_without_a_waiter_stores_one_permit() {
        static NOTIFY: Notify = Notify::new();
        NOTIFY.notify_one();
        NOTIFY.notify_one();
        on_system_stack(|| NOTIFY.wait());
        assert!(!NOTIFY.wait_timeout(MOMENT) && !NOTIFY.wait_timeout(Duration::ZERO));
        NOTIFY.notify_one();
        assert!(NOTIFY.wait_timeout(Duration::ZERO));
        let waits = parked(WaitReason::NotifyWait, || NOTIFY.wait());
        NOTIFY.notify_one();
        waits.join().unwrap();
        assert!(!select! { <-NOTIFY => true, default => false });
        NOTIFY.notify_one();
        assert!(select! { <-NOTIFY => true, default => false });
        assert!(!NOTIFY.wait_timeout(MOMENT));
    }

    // NO02
    fn notify_all_wakes_all_current_waiters_and_stores_nothing() {
        let notify = Arc::new(Notify::new());
        let mut waiters: Vec<_> = (0..7).map(|_| waits(&notify)).collect();
        waiters.extend((0..2).map(|_| waits_in_a_select(&notify)));
        waiters.push({
            let notify = notify.clone();
            parked(WaitReason::NotifyWait, move || assert!(notify.wait_timeout(Duration::MAX)))
        });
        notify.notify_all();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        let eleventh = waits(&notify);
        assert!(!eleventh.is_finished());
        notify.notify_one();
        eleventh.join().unwrap();

        // `notify_all` leaves a stored permit alone.
        notify.notify_one();
        notify.notify_all();
        assert!(notify.wait_timeout(Duration::ZERO));
        assert!(!notify.wait_timeout(MOMENT));
    }

    // NO03
    fn notify_one_wakes_in_the_order_in_which_they_began_to_wait() {
        let notify = Arc::new(Notify::new());
        let (tx, woken) = unbounded();
        let waiters: Vec<_> = (0..20)
            .map(|n| {
                let (notify, tx) = (notify.clone(), tx.clone());
                let reason = if n % 3 == 0 { WaitReason::Select } else { WaitReason::NotifyWait };
                parked(reason, move || {
                    match n % 3 {
                        0 => select! { <-notify => {}, <-never::<()>() => unreachable!() },
                        1 => notify.wait(),
                        _ => assert!(notify.wait_timeout(Duration::MAX)),
                    }
                    tx.send(n).unwrap();
                })
            })
            .collect();
        for n in 0..20 {
            notify.notify_one();
            assert_eq!(woken.recv(), Ok(n));
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    }

    // NO04
    fn no_permit_is_lost_to_an_arm_that_loses() {
        let rounds = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
        let notify = Arc::new(Notify::new());
        let (mut by_notify, mut by_ready) = (0, 0);
        for _ in 0..rounds {
            let (ready_tx, ready) = bounded::<()>(0);
            let a = go!(clone [notify]; { select! { <-notify => true, _ = <-ready => false } });
            let b = go!(clone [notify]; { notify.wait() });
            let c = go!(clone [notify]; { notify.notify_one() });
            let d = go!(move || drop(ready_tx));
            c.join().unwrap();
            d.join().unwrap();
            if a.join().unwrap() {
                // A has taken C's permit, so B needs another one.
                by_notify += 1;
                notify.notify_one();
            } else {
                by_ready += 1;
            }
            b.join().unwrap();
            assert!(!select! { <-notify => true, default => false }, "a permit too many");
        }
        println!("{by_notify} by the permit, {by_ready} by the other arm");
    }

    // NO05
    fn one_notify_all_wakes_each_goroutine_once() {
        let notify = Arc::new(Notify::new());
        let counts: Arc<[AtomicUsize; 1_000]> = Arc::new([const { AtomicUsize::new(0) }; 1_000]);
        for n in 0..1_000 {
            go!(clone [notify, counts]; {
                loop {
                    notify.wait();
                    counts[n].fetch_add(1, SeqCst);
                }
            });
        }
        for round in 1..=3 {
            settle();
            assert_eq!(waiting(WaitReason::NotifyWait), 1_000);
            notify.notify_all();
            settle();
            assert!(counts.iter().all(|count| count.load(SeqCst) == round));
        }
    }

    // NO06
    fn a_waiter_woken_by_notify_all_leaves_the_permit_of_a_later_notify_one() {
        let notify = Arc::new(Notify::new());
        let waiter = waits(&notify);
        notify.notify_all();
        notify.notify_one();
        waiter.join().unwrap();
        assert!(notify.wait_timeout(Duration::ZERO));
        let waiter = waits_in_a_select(&notify);
        notify.notify_all();
        notify.notify_one();
        waiter.join().unwrap();
        assert!(notify.wait_timeout(Duration::ZERO));
        assert!(!notify.wait_timeout(MOMENT));
    }

    fn a_wait_whose_time_is_up_takes_no_permit_along() {
        let notify = Arc::new(Notify::new());
        let (mut notified, rounds) = (0, 2_000);
        for n in 0..rounds {
            let waits = go!(clone [notify]; {
                notify.wait_timeout(Duration::from_micros(n % 50))
            });
            if n % 3 == 0 {
                yield_now();
            }
            notify.notify_one();
            if waits.join().unwrap() {
                notified += 1;
            } else {
                assert!(notify.wait_timeout(Duration::ZERO), "round {n}");
            }
            assert!(!select! { <-notify => true, default => false });
        }
        println!("{notified} of {rounds}");
    }

    fn plain_threads_wait_and_notify() {
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let thread = thread::spawn({
            let (ping, pong) = (ping.clone(), pong.clone());
            move || for _ in 0..1_000 {
                ping.wait();
                pong.notify_one();
            }
        });
        for _ in 0..1_000 {
            ping.notify_one();
            assert!(pong.wait_timeout(Duration::MAX));
        }
        gort::blocking(|| thread.join().unwrap());
    }
}
