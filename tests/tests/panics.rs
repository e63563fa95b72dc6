//! PA: panics, `goexit`, deferred code and `recover`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::__macro::defer;
use gort::prelude::*;
use gort::recover;
use gort::runtime::{max_procs, metrics};
use gort_tests::{Counted, claims, settle};
use std::any::Any;
use std::hint;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

/// The ways to leave a function.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leave {
    Return,
    Panic,
    Exit,
}

const WAYS: [Leave; 3] = [Leave::Return, Leave::Panic, Leave::Exit];

impl Leave {
    fn now(self) {
        match self {
            Self::Return => {}
            Self::Panic => panic!("on the way out"),
            Self::Exit => goexit(),
        }
    }

    #[track_caller]
    fn check<T>(self, ended: &Result<T, JoinError>) {
        match (self, ended) {
            (Self::Return, Ok(_)) => {}
            (Self::Exit, Err(e)) if e.is_exited() => {}
            (Self::Panic, Err(e)) if e.to_string() == "the goroutine panicked: on the way out" => {}
            (_, Ok(_)) => panic!("{self:?} returned"),
            (_, Err(e)) => panic!("{self:?} gave {e:?}"),
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .unwrap_or("not a text")
}

/// Panics without calling the panic hook, so that loops print nothing.
fn quiet_panic(i: usize) -> ! {
    resume_unwind(Box::new(i))
}

claims! {
    // PA04
    fn deferred_blocks_run_last_first_however_the_function_is_left() {
        for way in WAYS {
            let log = Arc::new(Mutex::new(Vec::new()));
            let ended = spawn({
                let log = log.clone();
                move || {
                    let _one = defer(|| log.lock().push(1));
                    let _two = defer(|| log.lock().push(2));
                    let _three = defer(|| log.lock().push(3));
                    log.lock().push(0);
                    way.now();
                }
            })
            .join();
            way.check(&ended);
            assert_eq!(*log.lock(), [0, 3, 2, 1], "{way:?}");
        }
    }

    // PA06
    fn after_recover_the_caller_continues_and_later_deferred_blocks_run() {
        let log = Mutex::new(Vec::new());
        let function = || {
            let _last = defer(|| log.lock().push("later deferred block"));
            let caught = recover(|| -> () { panic!("caught") });
            log.lock().push(text(&*caught.unwrap_err()).to_owned().leak());
        };
        function();
        log.lock().push("caller");
        assert_eq!(*log.lock(), ["caught", "later deferred block", "caller"]);
    }

    // PA07: `recover` is lexical, so its depth does not matter, and without a panic it returns the
    // value.
    fn recover_works_at_any_depth_and_gives_the_value_without_a_panic() {
        fn helper(f: fn() -> i32) -> Result<i32, Box<dyn Any + Send>> {
            recover(|| recover(f).unwrap_or_else(|payload| resume_unwind(payload)))
        }
        assert_eq!(helper(|| 1).unwrap(), 1);
        let caught = helper(|| panic!("caught by a helper"));
        assert_eq!(text(&*caught.unwrap_err()), "caught by a helper");
        // A deferred block sees nothing of the panic that is unwinding. The caller does.
        let outer = recover(|| {
            defer! { assert_eq!(recover(|| 2).unwrap(), 2); }
            panic!("goes on");
        });
        assert_eq!(text(&*outer.unwrap_err()), "goes on");
    }

    // PA08
    fn an_outer_recover_sees_nothing_of_what_an_inner_one_caught() {
        let outer = recover(|| {
            let inner = recover(|| -> () { panic!("inner") });
            text(&*inner.unwrap_err()).to_owned()
        });
        assert_eq!(outer.unwrap(), "inner");
    }

    // PA09
    fn what_was_recovered_can_be_the_result() {
        let attempt = |f: fn() -> i32| {
            recover(f).unwrap_or_else(|payload| *payload.downcast::<i32>().unwrap())
        };
        assert_eq!(attempt(|| resume_unwind(Box::new(5))), 5);
        assert_eq!(attempt(|| 6), 6);
    }

    // PA10
    fn a_deferred_block_may_need_a_large_frame_while_unwinding() {
        for way in WAYS {
            let sum = Arc::new(AtomicUsize::new(0));
            let ended = spawn({
                let sum = sum.clone();
                move || {
                    let _deferred = defer(|| {
                        let large = hint::black_box([1_u8; 100 * 1024]);
                        sum.store(large.iter().map(|&b| usize::from(b)).sum(), SeqCst);
                    });
                    way.now();
                }
            })
            .join();
            way.check(&ended);
            assert_eq!(sum.load(SeqCst), 100 * 1024);
        }
    }

    // PA13
    fn a_nested_panic_that_is_recovered_leaves_the_first_in_force() {
        let caught = recover(|| {
            let _deferred = defer(|| {
                let nested = recover(|| -> () { panic!("second") });
                assert_eq!(text(&*nested.unwrap_err()), "second");
                assert!(thread::panicking());
            });
            panic!("first");
        });
        assert_eq!(text(&*caught.unwrap_err()), "first");
        assert!(!thread::panicking());
    }

    // PA17
    fn rethrown_panics_unwind_to_exactly_the_right_level() {
        fn interpret(level: usize, levels: usize, catcher: usize) -> usize {
            if level == levels {
                quiet_panic(catcher);
            }
            match recover(|| interpret(level + 1, levels, catcher)) {
                Ok(caught_at) => caught_at,
                Err(payload) if *payload.downcast_ref::<usize>().unwrap() == level => level,
                Err(payload) => resume_unwind(payload),
            }
        }
        for i in 0..1_000 {
            assert_eq!(interpret(0, 6, i % 6), i % 6);
        }
        assert!(!thread::panicking());
    }

    // PA19
    fn goexit_runs_deferred_blocks_and_is_not_a_panic() {
        let (tx, rx) = bounded(0);
        let goroutine = spawn(move || {
            let _deferred = defer(|| tx.send(recover(|| 1).is_ok()).unwrap());
            goexit();
        });
        assert_eq!(rx.recv(), Ok(true));
        assert!(goroutine.join().unwrap_err().is_exited());
    }

    // PA19: `recover` lets an exit pass.
    fn goexit_passes_through_recover() {
        let returned = Arc::new(AtomicUsize::new(0));
        let goroutine = spawn({
            let returned = returned.clone();
            move || {
                let _never = recover(|| recover(|| goexit()));
                returned.fetch_add(1, SeqCst);
            }
        });
        assert!(goroutine.join().unwrap_err().is_exited());
        assert_eq!(returned.load(SeqCst), 0);
    }

    // PA23
    fn nothing_takes_goexit_back() {
        let (tx, rx) = unbounded();
        let never = bounded::<()>(0);
        let waits: [fn(&Receiver<()>); 6] = [
            |_| yield_now(),
            |_| gort::time::sleep(Duration::from_millis(1)),
            |never| _ = never.recv(),
            |never| _ = never.recv_timeout(Duration::from_secs(3600)),
            |never| select! { _ = <-never => {} },
            |_| spawn(|| ()).join().unwrap(),
        ];
        for wait in waits {
            let (tx, never) = (tx.clone(), never.1.clone());
            let ended = spawn(move || {
                defer! { tx.send("deferred").unwrap(); }
                drop(catch_unwind(|| goexit()));
                // Operations that do not wait still work.
                tx.send("caught").unwrap();
                wait(&never);
                tx.send("waited").unwrap();
            });
            assert!(ended.join().unwrap_err().is_exited());
        }
        drop(tx);
        let said: Vec<_> = rx.iter().collect();
        assert_eq!(said, ["caught", "deferred"].repeat(6));
    }

    // PA23
    fn a_goroutine_that_catches_its_exit_and_returns_has_exited() {
        let alive = Arc::new(AtomicUsize::new(0));
        let value = Counted::new(&alive);
        let ended = spawn(move || {
            drop(catch_unwind(|| goexit()));
            value
        });
        assert!(ended.join().unwrap_err().is_exited());
        assert_eq!(alive.load(SeqCst), 0, "the value it returned was dropped");
    }

    // RU07
    fn a_scope_in_an_exiting_goroutine_waits_all_the_same() {
        let ended = spawn(|| {
            drop(catch_unwind(|| goexit()));
            let mut numbers = [0; 8];
            gort::scope(|s| {
                for number in &mut numbers {
                    s.spawn(move || *number = 1);
                }
            });
            assert_eq!(numbers, [1; 8]);
            numbers
        });
        assert!(ended.join().unwrap_err().is_exited());
    }

    // PA23
    fn a_panic_recovered_during_goexit_does_not_cancel_it() {
        let variants: [fn(); 3] = [
            || {
                let _deferred = defer(|| drop(recover(|| -> () { panic!("recovered") })));
                goexit();
            },
            || {
                drop(recover(|| {
                    let _exits = defer(|| drop(recover(|| -> () { panic!("recovered") })));
                    goexit();
                }));
            },
            || {
                drop(recover(|| -> () { panic!("recovered before") }));
                goexit();
            },
        ];
        for variant in variants {
            let ended = spawn(move || {
                variant();
                unreachable!("goexit came back");
            });
            assert!(ended.join().unwrap_err().is_exited());
        }
    }

    // PA24
    fn leaving_from_any_depth_runs_the_outer_deferred_block_with_intact_data() {
        fn deep(kib: usize, way: Leave) {
            let frame = hint::black_box([7_u8; 1024]);
            if kib == 0 {
                way.now();
            } else {
                deep(kib - 1, way);
            }
            assert_eq!(frame[kib], 7);
        }
        for kib in (0..=if cfg!(debug_assertions) { 60 } else { 100 }).step_by(5) {
            for way in WAYS {
                let (tx, rx) = bounded(1);
                let ended = spawn(move || {
                    let mut data = [0_u8; 64];
                    let tx = tx;
                    let _deferred = defer(|| {
                        data.fill(42);
                        tx.send(data.iter().all(|&b| b == 42)).unwrap();
                    });
                    deep(kib, way);
                })
                .join();
                way.check(&ended);
                assert_eq!(rx.recv(), Ok(true));
            }
        }
    }

    // PA25
    fn after_a_panic_far_down_the_stack_is_sound() {
        fn deep(n: usize) {
            let frame = hint::black_box([n as u8; 1024]);
            if n == 0 {
                quiet_panic(0);
            }
            deep(n - 1);
            hint::black_box(frame);
        }
        let large = gort::Builder::new().stack_size(1024 * 1024);
        let goroutine = large.spawn(|| {
            for _ in 0..20 {
                assert!(recover(|| deep(100)).is_err());
                yield_now();
                assert!(!std::backtrace::Backtrace::force_capture().to_string().is_empty());
                let large = hint::black_box([3_u8; 200 * 1024]);
                assert!(large.iter().all(|&b| b == 3));
            }
        });
        goroutine.unwrap().join().unwrap();
    }

    // PA27
    fn a_deferred_block_may_park_however_the_function_is_left() {
        for way in WAYS {
            for _ in 0..20 {
                let mutex = Arc::new(Mutex::new(()));
                let (tx, rx) = bounded(0);
                let held = mutex.lock();
                let goroutine = spawn({
                    let mutex = mutex.clone();
                    move || {
                        let _deferred = defer(|| {
                            tx.send(1).unwrap();
                            drop(mutex.lock());
                            gort::time::sleep(Duration::from_micros(50));
                            spawn(|| {}).join().unwrap();
                            yield_now();
                            tx.send(2).unwrap();
                        });
                        way.now();
                    }
                });
                settle();
                assert_eq!(rx.recv(), Ok(1));
                settle();
                assert!(rx.try_recv().is_err());
                drop(held);
                assert_eq!(rx.recv(), Ok(2));
                way.check(&goroutine.join());
            }
        }
    }

    // PA28
    fn goroutines_that_park_while_they_unwind_do_not_confuse_each_other() {
        for _ in 0..20 {
            let (release, parked) = bounded::<()>(0);
            let a = spawn(move || {
                let _deferred = defer(|| {
                    parked.recv().unwrap();
                    assert!(thread::panicking());
                });
                panic!("on the way out");
            });
            settle();
            assert!(!a.is_finished() && !thread::panicking());
            let b = spawn(|| {
                assert!(!thread::panicking());
                let caught = recover(|| {
                    let _deferred = defer(yield_now);
                    panic!("on the way out");
                });
                assert!(!thread::panicking());
                caught.map_err(|payload| text(&*payload) == "on the way out")
            });
            assert_eq!(b.join().unwrap(), Err(true));
            assert!(!thread::panicking());
            release.send(()).unwrap();
            Leave::Panic.check(&a.join());
            assert!(!thread::panicking());
        }
    }

    // PA28: many goroutines unwind at the same time, in every state.
    fn many_goroutines_unwind_at_once() {
        let unrelated = spawn(|| {
            for _ in 0..200 {
                assert!(!thread::panicking());
                yield_now();
            }
        });
        let handles: Vec<_> = (0..60)
            .map(|i| {
                spawn(move || {
                    let _outer = defer(move || (0..i % 5).for_each(|_| yield_now()));
                    let _inner = defer(|| gort::time::sleep(Duration::from_micros(100)));
                    if i % 3 == 0 {
                        goexit();
                    }
                    quiet_panic(i);
                })
            })
            .collect();
        for (i, handle) in handles.into_iter().enumerate() {
            match handle.join().unwrap_err().try_into_panic() {
                Err(_exited) => assert_eq!(i % 3, 0),
                Ok(payload) => {
                    assert_ne!(i % 3, 0);
                    assert_eq!(*payload.downcast::<usize>().unwrap(), i);
                }
            }
        }
        unrelated.join().unwrap();
    }

    // PA28: a goroutine that returns from a blocking call and finds every P taken waits for a P on
    // its own thread.
    fn goroutines_that_wait_for_a_p_while_they_unwind_do_not_confuse_others() {
        let stop = Arc::new(AtomicBool::new(false));
        let wrong = Arc::new(AtomicUsize::new(0));
        let busy: Vec<_> = (0..2 * max_procs())
            .map(|_| {
                go!(clone [stop, wrong]; {
                    while !stop.load(SeqCst) {
                        wrong.fetch_add(usize::from(thread::panicking()), SeqCst);
                        yield_now();
                    }
                })
            })
            .collect();
        let unwinding: Vec<_> = (0..8)
            .map(|i| {
                go!(clone [wrong]; {
                    for _ in 0..10 {
                        let caught = recover(|| {
                            let _deferred = defer(|| {
                                gort::blocking(|| thread::sleep(Duration::from_millis(1)));
                                wrong.fetch_add(usize::from(!thread::panicking()), SeqCst);
                            });
                            quiet_panic(i);
                        });
                        assert!(caught.is_err());
                        wrong.fetch_add(usize::from(thread::panicking()), SeqCst);
                    }
                })
            })
            .collect();
        unwinding.into_iter().for_each(|one| one.join().unwrap());
        stop.store(true, SeqCst);
        busy.into_iter().for_each(|one| one.join().unwrap());
        assert_eq!(wrong.load(SeqCst), 0, "wrong answers of `panicking()`");
    }

    // PA28: afterwards the thread is shared again. A goroutine that is tied to its thread hands its
    // P to another M each time it waits.
    fn a_goroutine_that_has_waited_for_a_p_while_unwinding_is_not_tied_to_its_thread() {
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..2 * max_procs())
            .map(|_| {
                go!(clone [stop]; {
                    while !stop.load(SeqCst) {
                        yield_now();
                    }
                })
            })
            .collect();
        let unwound = go!(clone [stop]; {
            let caught = recover(|| {
                let _deferred = defer(|| gort::blocking(|| thread::sleep(Duration::from_millis(30))));
                quiet_panic(0);
            });
            assert!(caught.is_err());
            stop.store(true, SeqCst);
            let before = metrics().handoffs;
            (0..1_000).for_each(|_| yield_now());
            metrics().handoffs - before
        });
        let handoffs = unwound.join().unwrap();
        assert!(handoffs < 500, "{handoffs} times another M was given the P");
        busy.into_iter().for_each(|one| one.join().unwrap());
    }
}
