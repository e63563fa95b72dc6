//! TO: functions with a time limit.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::{Context, ContextError};
use gort::prelude::*;
use gort::runtime::{goroutines, num_goroutines};
use gort::time::{Elapsed, sleep, sleep_until, timeout};
use gort::{on_system_stack, recover};
use gort_tests::{Counted, claims};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

/// Makes a function that sends its context out, and returns `value`.
fn with_context<T>(value: T) -> (Receiver<Context>, impl FnOnce(&Context) -> T) {
    let (tx, rx) = bounded(1);
    let run = move |ctx: &Context| {
        tx.send(ctx.clone()).unwrap();
        value
    };
    (rx, run)
}

fn until_alone() {
    while num_goroutines() > 1 {
        yield_now();
    }
}

claims! {
    // TO01, TO02
    fn what_returns_in_time_gives_its_value_and_its_context_is_done() {
        for limit in [LONG, Duration::MAX] {
            let (contexts, run) = with_context(7);
            assert_eq!(timeout(limit, run), Ok(7));
            assert_eq!(contexts.recv().unwrap().err(), Some(ContextError::Canceled));
        }
    }

    // TO01, TO02
    fn what_waits_for_longer_is_told_by_its_context_and_elapses() {
        let (tx, rx) = bounded(1);
        let result = timeout(SHORT, move |ctx| {
            let _ = ctx.done().recv();
            tx.send(ctx.err()).unwrap();
            7
        });
        assert_eq!(result, Err(Elapsed));
        assert_eq!(rx.recv(), Ok(Some(ContextError::DeadlineExceeded)));
        assert_eq!(timeout(Duration::ZERO, |_| 7), Err(Elapsed));
        until_alone();
    }

    // TO03: the function continues. What it returns is dropped, and what it panics with is printed
    // and reaches no goroutine.
    fn a_function_that_ignores_its_context_continues() {
        static PRINTED: AtomicUsize = AtomicUsize::new(0);
        std::panic::set_hook(Box::new(|_| {
            PRINTED.fetch_add(1, SeqCst);
        }));
        let alive = Arc::new(AtomicUsize::new(0));
        for way in 0..3 {
            let (release, gate) = bounded::<()>(0);
            let value = Counted::new(&alive);
            let result = timeout(SHORT, move |_| {
                let _ = gate.recv();
                match way {
                    0 => value,
                    1 => panic!("too late"),
                    _ => goexit(),
                }
            });
            assert!(result.is_err());
            assert_eq!((alive.load(SeqCst), num_goroutines()), (1, 2));
            // A test's leak check would list these goroutines.
            let here = goroutines().iter().filter(|info| {
                info.spawned_at.is_some_and(|at| at.file().ends_with("timeouts.rs"))
            }).count();
            assert_eq!(here, 1);
            drop(release);
            until_alone();
            assert_eq!(alive.load(SeqCst), 0);
        }
        assert_eq!(PRINTED.load(SeqCst), 1);
    }

    // Some of the functions return a little before the time and some a little after it. In both
    // cases the result must not depend on when the caller looks.
    fn what_it_returns_is_given_only_if_it_was_in_time() {
        for _ in 0..50 {
            let result = timeout(SHORT, |ctx| {
                thread::sleep(SHORT);
                ctx.err().is_none()
            });
            assert_ne!(result, Ok(false));
        }
        until_alone();
    }

    // TO04
    fn a_panic_is_the_callers_and_so_is_an_exit() {
        let caught = recover(|| timeout::<(), _>(LONG, |_| resume_unwind(Box::new("mine"))));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"mine"));
        let exits = spawn(|| timeout::<(), _>(LONG, |_| goexit()));
        assert!(exits.join().unwrap_err().is_exited());
        let thread = thread::spawn(|| {
            recover(|| timeout::<(), _>(LONG, |_| goexit())).map_err(|payload| {
                *payload.downcast::<&str>().unwrap()
            })
        });
        let said = gort::blocking(|| thread.join().unwrap());
        assert_eq!(said.unwrap_err(), "the function of `timeout` exited its goroutine");
        assert_eq!(timeout(LONG, |_| timeout(SHORT, |_| sleep(LONG))), Ok(Err(Elapsed)));
    }

    // TO05
    fn at_the_very_time_it_is_one_of_the_two() {
        let alive = Arc::new(AtomicUsize::new(0));
        for limit in [SHORT, Duration::from_micros(50)] {
            for _ in 0..100 {
                let value = Counted::new(&alive);
                let result = timeout(limit, move |ctx| {
                    if let Some(deadline) = ctx.deadline() {
                        sleep_until(deadline);
                    }
                    value
                });
                drop(result);
            }
            until_alone();
            assert_eq!(alive.load(SeqCst), 0);
        }
        // With no time at all the function still starts.
        let calls = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let (value, called) = (Counted::new(&alive), calls.clone());
            let result = timeout(Duration::ZERO, move |_| {
                called.fetch_add(1, SeqCst);
                value
            });
            assert!(result.is_err());
        }
        until_alone();
        assert_eq!((calls.load(SeqCst), alive.load(SeqCst)), (100, 0));
    }

    fn it_is_refused_on_the_system_stack_before_anything_is_started() {
        let calls = Arc::new(AtomicUsize::new(0));
        let theirs = calls.clone();
        let refused = recover(|| on_system_stack(|| {
            timeout(LONG, move |_| theirs.fetch_add(1, SeqCst))
        }));
        assert!(refused.is_err());
        until_alone();
        assert_eq!(calls.load(SeqCst), 0);
    }
}
