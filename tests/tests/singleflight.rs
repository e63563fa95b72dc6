//! SM: single flight.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::{WaitReason, num_goroutines};
use gort::sync::SingleFlight;
use gort_tests::{Counted, claims, parked, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Starts a call that ends when the sender is dropped, and `n` callers that share it.
fn shared<V: Clone + Send + 'static>(
    n: usize,
    f: impl FnOnce() -> V + Send + 'static,
) -> (Sender<()>, Vec<JoinHandle<(V, bool)>>) {
    let flight = SingleFlight::new();
    let (tx, rx) = bounded::<()>(0);
    let first = flight.clone();
    let runs = parked(WaitReason::ChanReceive, move || {
        first.run("key", || {
            rx.recv().unwrap_err();
            f()
        })
    });
    let mut all = vec![runs];
    for _ in 0..n {
        let flight = flight.clone();
        all.push(parked(WaitReason::WaitGroupWait, move || {
            flight.run("key", || unreachable!("another runs"))
        }));
    }
    (tx, all)
}

claims! {
    // SM13
    fn concurrent_calls_share_one_execution() {
        let flight = SingleFlight::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded::<()>(0);
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let (flight, calls, rx) = (flight.clone(), calls.clone(), rx.clone());
                spawn(move || {
                    flight.run("key".to_owned(), || {
                        calls.fetch_add(1, SeqCst);
                        rx.recv().unwrap_err();
                        "bar".to_owned()
                    })
                })
            })
            .collect();
        settle();
        assert_eq!(waiting(WaitReason::WaitGroupWait), 9);
        drop(tx);
        for caller in callers {
            assert_eq!(caller.join().unwrap(), ("bar".to_owned(), true));
        }
        assert_eq!(calls.load(SeqCst), 1);
    }

    // SM13: under load. A call that has ended is not shared.
    fn calls_one_after_the_other_run_each() {
        let flight = SingleFlight::<u8, usize>::default();
        for i in 0..10 {
            assert_eq!(flight.run(1, || i), (i, false));
        }
        let calls = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..100)
            .map(|i| {
                let (flight, calls) = (flight.clone(), calls.clone());
                spawn(move || {
                    (0..50)
                        .map(|_| {
                            let call = || {
                                yield_now();
                                calls.fetch_add(1, SeqCst)
                            };
                            flight.run(i % 7, call).0
                        })
                        .is_sorted()
                })
            })
            .collect();
        for caller in callers {
            assert!(caller.join().unwrap(), "an old result was given");
        }
        assert!((1..=5_000).contains(&calls.load(SeqCst)));
    }

    // SM13: calls of different keys do not wait for each other, even inside one another.
    fn keys_are_independent() {
        let flight = SingleFlight::new();
        let inner = flight.clone();
        let (v, shared) = flight.run(1, move || inner.run(2, || 5).0 + 1);
        assert_eq!((v, shared), (6, false));
    }

    // SM14
    fn a_panic_reaches_all_callers() {
        let (tx, callers) = shared(4, || -> u32 { std::panic::resume_unwind(Box::new("at sea")) });
        drop(tx);
        let payloads: Vec<_> = callers
            .into_iter()
            .map(|caller| caller.join().unwrap_err().into_panic())
            .collect();
        assert_eq!(payloads[0].downcast_ref::<&str>(), Some(&"at sea"));
        for payload in &payloads[1..] {
            assert_eq!(payload.downcast_ref::<String>().unwrap(), "at sea");
        }
    }

    // SM14
    fn a_goexit_reaches_all_callers() {
        let (tx, callers) = shared(4, || -> u32 { goexit() });
        drop(tx);
        for caller in callers {
            assert!(caller.join().unwrap_err().is_exited());
        }
    }

    // SM14
    fn forget_lets_a_new_call_start() {
        let flight = SingleFlight::new();
        let (tx1, rx1) = bounded(0);
        let (tx2, rx2) = bounded(0);
        let call = |rx: Receiver<i32>| {
            let flight = flight.clone();
            move || flight.run("key", || rx.recv().unwrap())
        };
        let first = parked(WaitReason::ChanReceive, call(rx1));
        flight.forget(&"key");
        flight.forget(&"key");
        let second = parked(WaitReason::ChanReceive, call(rx2));
        tx1.send(1).unwrap();
        assert_eq!(first.join().unwrap(), (1, false));
        // The end of the first call has not removed the second.
        let third = parked(WaitReason::WaitGroupWait, {
            let flight = flight.clone();
            move || flight.run("key", || unreachable!("the second runs"))
        });
        tx2.send(2).unwrap();
        assert_eq!(second.join().unwrap(), (2, true));
        assert_eq!(third.join().unwrap(), (2, true));
    }

    // SM14: afterwards the flight works as before.
    fn the_flight_is_usable_after_a_panic_and_after_goexit() {
        let flight = SingleFlight::new();
        for _ in 0..3 {
            assert!(recover(|| flight.run(1, || std::panic::resume_unwind(Box::new(1)))).is_err());
            let exits = flight.clone();
            let exits = spawn(move || exits.run(1, || goexit()));
            assert!(exits.join().unwrap_err().is_exited());
            assert_eq!(flight.run(1, || 3), (3, false));
        }
    }

    // Keys, results and closures are dropped, and nothing of an ended call remains.
    fn nothing_is_left_behind() {
        let alive = Arc::new(AtomicUsize::new(0));
        let flight = SingleFlight::new();
        let callers: Vec<_> = (0..100)
            .map(|i| {
                let (flight, alive) = (flight.clone(), alive.clone());
                let captured = Counted::new(&alive);
                spawn(move || {
                    let (value, _) = flight.run(i % 3, move || {
                        let _captured = captured;
                        yield_now();
                        Arc::new(Counted::new(&alive))
                    });
                    drop(value);
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        assert_eq!(alive.load(SeqCst), 0);
    }

    // RU08
    fn threads_and_goroutines_share_calls() {
        let flight = SingleFlight::new();
        let (tx, rx) = bounded::<()>(0);
        let first = parked(WaitReason::ChanReceive, {
            let flight = flight.clone();
            move || {
                flight.run(1, || {
                    rx.recv().unwrap_err();
                })
            }
        });
        let thread = thread::spawn({
            let flight = flight.clone();
            move || flight.run(1, || ())
        });
        drop(tx);
        first.join().unwrap();
        thread.join().unwrap();
    }

    // SM20
    fn run_chan_returns_at_once_and_gives_the_result_once() {
        let flight = SingleFlight::new();
        let (tx, rx) = bounded::<()>(0);
        let ended = Arc::new(AtomicUsize::new(0));
        let slow = || {
            let (rx, ended) = (rx.clone(), ended.clone());
            move || {
                rx.recv().unwrap_err();
                ended.fetch_add(1, SeqCst);
                "value"
            }
        };
        let (kept, dropped) = (flight.run_chan(1, slow()), flight.run_chan(2, slow()));
        let shared = flight.run_chan(3, slow());
        let also = flight.run_chan(3, || unreachable!("another runs"));
        drop(dropped);
        assert!(kept.try_recv().unwrap_err().is_empty());
        drop(tx);
        assert_eq!(kept.recv(), Ok(("value", false)));
        assert_eq!(kept.recv(), Err(RecvError));
        for rx in [shared, also] {
            assert_eq!(select! { v = <-rx => v }, Ok(("value", true)));
            assert_eq!(rx.recv(), Err(RecvError));
        }
        while num_goroutines() > 1 {
            yield_now();
        }
        assert_eq!(ended.load(SeqCst), 3);
        // A plain thread can do the same, with a clone of the flight.
        let thread = thread::spawn(move || flight.clone().run_chan(1, || "again").recv());
        assert_eq!(gort::blocking(|| thread.join().unwrap()), Ok(("again", false)));
    }

    // SM21
    fn run_and_run_chan_share_one_execution_and_its_end() {
        for way in 0..3 {
            let flight = SingleFlight::new();
            let calls = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = bounded::<()>(0);
            let f = {
                let calls = calls.clone();
                move || {
                    calls.fetch_add(1, SeqCst);
                    rx.recv().unwrap_err();
                    match way {
                        0 => 7,
                        1 => std::panic::resume_unwind(Box::new("on purpose")),
                        _ => goexit(),
                    }
                }
            };
            // The call that executes `f` may be a `run` or a `run_chan`.
            let mut chans = Vec::new();
            let mut callers = Vec::new();
            let theirs = flight.clone();
            if way == 1 {
                callers.push(parked(WaitReason::ChanReceive, move || theirs.run("key", f)));
            } else {
                chans.push(flight.run_chan("key", f));
            }
            while callers.len() < 3 {
                let flight = flight.clone();
                callers.push(parked(WaitReason::WaitGroupWait, move || {
                    flight.run("key", || unreachable!("another runs"))
                }));
            }
            while chans.len() < 3 {
                chans.push(flight.run_chan("key", || unreachable!("another runs")));
            }
            drop(tx);
            for caller in callers {
                match (way, caller.join()) {
                    (0, result) => assert_eq!(result.unwrap(), (7, true)),
                    (1, result) => assert!(result.unwrap_err().is_panic()),
                    (_, result) => assert!(result.unwrap_err().is_exited()),
                }
            }
            for rx in chans {
                let expected = if way == 0 { Ok((7, true)) } else { Err(RecvError) };
                assert_eq!((rx.recv(), rx.recv()), (expected, Err(RecvError)));
            }
            assert_eq!(calls.load(SeqCst), 1);
            assert_eq!(flight.run("key", || 8), (8, false));
        }
    }
}
