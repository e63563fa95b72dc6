//! RU: what is dropped, when, and what happens if it is not dropped or if dropping fails.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::mem_forget, reason = "RU19 is about it")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::num_goroutines;
use gort_tests::{Counted, claims, role, run_child, settle};
use std::mem;
use std::panic::resume_unwind;
use std::process;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// A value that counts drops. The first drop panics.
struct FirstDropPanics(Arc<AtomicUsize>);

impl Drop for FirstDropPanics {
    fn drop(&mut self) {
        if self.0.fetch_add(1, SeqCst) == 0 {
            resume_unwind(Box::new("in a destructor"));
        }
    }
}

claims! {
    // RU03: what was left in the channel is dropped once, whichever end is dropped last.
    fn a_destructor_that_panics_while_a_channel_is_dropped_is_an_ordinary_panic() {
        for receiver_first in [false, true] {
            for capacity in [Some(4), None] {
                let drops = Arc::new(AtomicUsize::new(0));
                let (tx, rx) = capacity.map_or_else(unbounded, bounded);
                (0..3).for_each(|_| assert!(tx.send(FirstDropPanics(drops.clone())).is_ok()));
                let caught = recover(move || {
                    if receiver_first {
                        drop(rx);
                        drop(tx);
                    } else {
                        drop(tx);
                        drop(rx);
                    }
                });
                assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "in a destructor");
                assert_eq!(drops.load(SeqCst), 3);
                assert!(!thread::panicking());
            }
        }
    }

    // RU04
    fn a_panic_in_an_arms_body_leaves_the_channels_usable() {
        let (tx, rx) = bounded::<usize>(1);
        let (reply, replies) = bounded::<usize>(0);
        let (_never, nothing) = bounded::<usize>(0);
        for i in 0..1_000 {
            // The receive arm is ready at once, or only when the sender runs.
            let sender = if i % 2 == 0 {
                tx.send(i).unwrap();
                None
            } else {
                let tx = tx.clone();
                Some(go!(move || tx.send(i).unwrap()))
            };
            let caught = recover(|| -> () {
                select! {
                    v = <-rx => resume_unwind(Box::new(v.unwrap())),
                    _ = <-nothing => unreachable!(),
                    reply <- i => unreachable!(),
                }
            });
            assert_eq!(*caught.unwrap_err().downcast::<usize>().unwrap(), i);
            if let Some(sender) = sender {
                sender.join().unwrap();
            }
        }
        // The selects left no waiter behind. A waiter would take the values that are sent here.
        assert_eq!((rx.len(), nothing.len()), (0, 0));
        assert!(replies.try_recv().is_err());
        tx.send(1).unwrap();
        assert!(tx.try_send(2).is_err());
        assert_eq!(rx.recv(), Ok(1));
        let peer = go!(move || reply.send(3).unwrap());
        assert_eq!(replies.recv(), Ok(3));
        peer.join().unwrap();
    }

    // RU16: a value that is not `Send` may be made in a goroutine and live across its waits.
    // (ui-tests shows that it cannot be moved into one.)
    fn an_rc_made_in_a_goroutine_lives_across_waits_and_moves() {
        let all: Vec<_> = (0..8)
            .map(|i| {
                spawn(move || {
                    let one = Rc::new(i);
                    for _ in 0..100 {
                        let another = Rc::clone(&one);
                        yield_now();
                        assert_eq!((*another, Rc::strong_count(&one)), (i, 2));
                    }
                    Rc::try_unwrap(one).unwrap()
                })
            })
            .collect();
        let sum: i32 = all.into_iter().map(|one| one.join().unwrap()).sum();
        assert_eq!(sum, 28);
    }

    // RU19
    fn what_is_forgotten_leaks_and_no_more() {
        let alive = Arc::new(AtomicUsize::new(0));
        for capacity in [0, 2] {
            // A sender that is forgotten keeps its channel open.
            let (tx, rx) = bounded(capacity);
            mem::forget(tx.clone());
            let parked = go!(move || rx.recv().map(|value: Counted| drop(value)));
            settle();
            assert!(tx.send(Counted::new(&alive)).is_ok());
            parked.join().unwrap().unwrap();
            assert!(tx.send(Counted::new(&alive)).is_err(), "no receiver is left");
            // A receiver that is forgotten keeps its channel open, too.
            let (tx, rx) = bounded(1);
            mem::forget(rx);
            assert!(tx.send(Counted::new(&alive)).is_ok());
            drop(tx);
        }
        assert_eq!(alive.load(SeqCst), 2, "each in a channel of its own, for ever");

        // A guard that is forgotten locks for ever, and `try_lock` says so.
        let mutex = Arc::new(Mutex::new(0));
        mem::forget(mutex.lock());
        assert!(mutex.try_lock().is_err());

        // Forgetting a timer's channel, or a handle, leaves no goroutine behind.
        mem::forget(gort::channel::after(Duration::from_millis(1)));
        mem::forget(spawn(yield_now));
        gort::time::sleep(Duration::from_millis(3));
        settle();
        let before = num_goroutines();
        assert_eq!(spawn(|| 7).join().unwrap(), 7);
        assert_eq!((before, num_goroutines()), (1, 1));
    }
}

/// A value that prints when it is dropped.
struct Tells(&'static str);

impl Drop for Tells {
    fn drop(&mut self) {
        println!("{} dropped", self.0);
    }
}

// RU05: the end of the process drops no captures, as with threads. That holds also for a goroutine
// that never ran.
#[test]
fn goroutines_that_are_left_when_the_process_ends_drop_nothing() {
    const NAME: &str = concat!(
        module_path!(),
        "::goroutines_that_are_left_when_the_process_ends_drop_nothing"
    );
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert!(ended.status.success(), "{ended:?}");
            assert_eq!(
                ended.stdout.matches("parked dropped").count(),
                0,
                "{ended:?}"
            );
            // The process may end between the two lines.
            let [ran, dropped] =
                ["fresh ran", "fresh dropped"].map(|words| ended.stdout.matches(words).count());
            assert!(dropped <= ran, "{ended:?}");
            assert!(ended.stdout.contains("main dropped"), "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        let _main = Tells("main");
        let (tx, rx) = bounded::<()>(0);
        for _ in 0..100 {
            let (rx, value) = (rx.clone(), Tells("parked"));
            spawn(move || {
                let _ = rx.recv();
                drop(value);
            });
        }
        settle();
        // Keeps the channel open until the process ends.
        mem::forget(tx);
        for _ in 0..100 {
            let value = Tells("fresh");
            spawn(move || {
                println!("fresh ran");
                drop(value);
            });
        }
    });
    process::exit(0);
}
