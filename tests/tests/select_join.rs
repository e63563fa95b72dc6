//! SE: ends of goroutines as arms: `<-handle`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, Random, claims, parked, seed, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Number of attempts at a race.
const ROUNDS: usize = if cfg!(debug_assertions) {
    2_000
} else {
    50_000
};

/// Starts a goroutine that ends when it receives a value, with that value.
fn ends_when_told<T: Send + 'static>() -> (Sender<T>, JoinHandle<T>) {
    let (tx, rx) = bounded(0);
    let handle = parked(WaitReason::ChanReceive, move || rx.recv().unwrap());
    (tx, handle)
}

/// Yields a few times, so that a race goes one way or the other.
fn dither(random: &mut Random) {
    for _ in 0..random.below(4) {
        gort::yield_now();
    }
}

claims! {
    // SE01: for a handle.
    fn a_handle_is_ready_once_its_goroutine_has_ended() {
        let (tx, handle) = ends_when_told();
        for _ in 0..3 {
            assert!(select! { <-handle => false, default => true });
        }
        tx.send(7).unwrap();
        select! { <-handle => {} }
        assert!(handle.is_finished());
        for _ in 0..3 {
            assert!(select! { <-handle => true, default => false });
            select! { () = <-handle => {}, <-never::<()>() => panic!("never") }
        }
        assert_eq!(handle.join().unwrap(), 7);
    }

    // SE10: for a handle.
    fn a_parked_select_is_woken_by_the_end() {
        let (tx, handle) = ends_when_told::<String>();
        let select = parked(WaitReason::Select, move || {
            let which = select! { <-handle => 1, <-never::<()>() => 2 };
            assert!(handle.is_finished());
            (which, handle.join().unwrap())
        });
        tx.send("told".to_owned()).unwrap();
        assert_eq!(select.join().unwrap(), (1, "told".to_owned()));
    }

    fn it_does_not_matter_how_the_goroutine_ends() {
        let (tx, rx) = bounded::<()>(0);
        let [panics, exits] = [0, 1].map(|i| {
            let rx = rx.clone();
            parked(WaitReason::ChanReceive, move || {
                let _ = rx.recv();
                if i == 0 { panic!("on purpose") } else { gort::goexit() }
            })
        });
        let waiting = parked(WaitReason::Select, move || {
            select! { <-panics => {} <-never::<()>() => {} }
            select! { <-exits => {} <-never::<()>() => {} }
            (panics.join().unwrap_err(), exits.join().unwrap_err())
        });
        drop(tx);
        let (panicked, exited) = waiting.join().unwrap();
        assert!(panicked.is_panic());
        assert!(exited.is_exited());
    }

    // SE18: a handle whose arm loses can be joined, dropped, and waited for again.
    fn a_handle_that_loses_is_as_it_was() {
        let alive = Arc::new(AtomicUsize::new(0));
        for round in 0..30 {
            let (tx, handle) = ends_when_told();
            let (other_tx, other) = bounded::<()>(0);
            let select = parked(WaitReason::Select, move || {
                select! { <-handle => panic!("not ended"), <-other => {} }
                handle
            });
            drop(other_tx);
            let handle = select.join().unwrap();
            match round % 3 {
                0 => {
                    tx.send(Counted::new(&alive)).unwrap();
                    drop(handle.join().unwrap());
                }
                1 => {
                    drop(handle);
                    tx.send(Counted::new(&alive)).unwrap();
                }
                _ => {
                    let again = parked(WaitReason::Select, move || {
                        select! { <-handle => {} <-never::<()>() => {} }
                    });
                    tx.send(Counted::new(&alive)).unwrap();
                    again.join().unwrap();
                }
            }
        }
        settle();
        assert_eq!(alive.load(SeqCst), 0, "outcomes are dropped");
    }

    fn a_handle_may_stand_in_several_arms_and_several_in_one_select() {
        let (tx, a) = ends_when_told();
        let (b_tx, b) = ends_when_told::<()>();
        let none: Option<JoinHandle<()>> = None;
        let select = parked(WaitReason::Select, move || {
            let which = select! {
                <-a => 'a',
                <-&a => 'a',
                <-b => 'b',
                <-Some(&a) => 'a',
                <-none => 'n',
                <-b => 'b',
            };
            (which, a, b)
        });
        tx.send(3).unwrap();
        let (which, a, b) = select.join().unwrap();
        assert_eq!((which, a.join().unwrap()), ('a', 3));
        assert!(select! { <-b => false, default => true });
        b_tx.send(()).unwrap();
        b.join().unwrap();
    }

    // Many selects wait for the end of one goroutine, and some choose another arm.
    fn selects_may_share_a_handle() {
        let (tx, handle) = ends_when_told();
        let handle = Arc::new(handle);
        let (other_tx, other) = bounded(0);
        let selects: Vec<_> = (0..20).map(|i| {
            let (handle, other) = (handle.clone(), other.clone());
            parked(WaitReason::Select, move || match i % 2 {
                0 => select! { <-handle => true, v = <-other => v.unwrap() },
                _ => select! { v = <-other => v.unwrap(), <-handle => true },
            })
        }).collect();
        for _ in 0..10 {
            other_tx.send(false).unwrap();
        }
        tx.send(5).unwrap();
        let ended = selects.into_iter().map(|s| s.join().unwrap());
        assert_eq!(ended.filter(|&ended| ended).count(), 10);
        assert_eq!(Arc::into_inner(handle).unwrap().join().unwrap(), 5);
    }

    // SE01: for a handle of a scope.
    fn a_scoped_handle_is_as_good() {
        let mut numbers = [1, 2, 3];
        gort::scope(|s| {
            let (tx, rx) = bounded::<()>(0);
            let (first, rest) = numbers.split_at_mut(1);
            let waits = s.spawn(move || {
                let _ = rx.recv();
                first[0] = 10;
            });
            let adds = s.spawn(|| rest.iter().sum::<i32>());
            select! { <-adds => {} <-waits => panic!("not told") }
            assert!(adds.is_finished());
            assert_eq!(adds.join().unwrap(), 5);
            drop(tx);
            select! { <-waits => {} <-never::<()>() => {} }
        });
        assert_eq!(numbers, [10, 2, 3]);
    }

    // The end races with another arm, with the drop of the handle, and with a time limit.
    fn ends_that_race_with_other_arms_lose_no_waiter() {
        let seed = seed();
        println!("GORT_TEST_SEED={seed}");
        let mut random = Random::new(seed);
        let alive = Arc::new(AtomicUsize::new(0));
        let mut won = 0;
        for round in 0..ROUNDS {
            let (tx, rx) = bounded(0);
            let mut theirs = random.clone();
            let outcome = Counted::new(&alive);
            let handle = go!(move || {
                dither(&mut theirs);
                outcome
            });
            random.below(1);
            let mut theirs = random.clone();
            let sender = go!(move || {
                dither(&mut theirs);
                tx.send(()).is_ok()
            });
            let ended = match round % 3 {
                0 => select! { <-handle => true, v = <-rx => v.is_err() },
                1 => select! { v = <-rx => v.is_err(), <-handle => true },
                _ => select! {
                    <-handle => true,
                    v = <-rx => v.is_err(),
                    after(Duration::from_micros(random.below(20))) => false,
                },
            };
            if ended {
                assert!(handle.is_finished());
                won += 1;
            }
            match random.below(3) {
                0 => drop(handle),
                1 => drop(handle.join().unwrap()),
                _ => {
                    drop(rx);
                    select! { <-sender => {} <-never::<()>() => {} }
                    continue;
                }
            }
            drop(rx);
            sender.join().unwrap();
        }
        println!("{won} of {ROUNDS} ended first");
        settle();
        assert_eq!(alive.load(SeqCst), 0);
    }
}

#[test]
fn plain_threads_wait_for_goroutines_in_selects() {
    for _ in 0..200 {
        let (tx, rx) = bounded(0);
        let handle = go!(move || rx.recv().unwrap());
        let told = thread::spawn(move || tx.send(4).unwrap());
        select! { <-handle => {} <-never::<()>() => {} }
        assert_eq!(handle.join().unwrap(), 4);
        told.join().unwrap();
    }
}
