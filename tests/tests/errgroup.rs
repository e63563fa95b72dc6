//! SM: error groups.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::{Context, ContextError};
use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason;
use gort::sync::ErrGroup;
use gort_tests::{Counted, claims, parked, role, run_child, settle};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

fn message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().unwrap(),
    }
}

/// Returns the group's result if its functions end in this order.
fn in_order(results: &[Result<(), &'static str>]) -> Result<(), &'static str> {
    let group = ErrGroup::new();
    group.set_limit(1);
    for &result in results {
        group.go(move || result);
    }
    group.wait()
}

claims! {
    // SM10
    fn wait_gives_the_first_error() {
        assert_eq!(in_order(&[]), Ok(()));
        assert_eq!(in_order(&[Ok(())]), Ok(()));
        assert_eq!(in_order(&[Err("e1")]), Err("e1"));
        assert_eq!(in_order(&[Err("e1"), Ok(())]), Err("e1"));
        assert_eq!(in_order(&[Ok(()), Err("e1")]), Err("e1"));
        assert_eq!(in_order(&[Err("e1"), Ok(()), Err("e2")]), Err("e1"));
        assert_eq!(in_order(&[Ok(()), Err("e2"), Err("e1")]), Err("e2"));
    }

    // SM10: `wait` waits for all goroutines, including those that end after the first error. The
    // group may be used again.
    fn wait_waits_for_all_and_the_group_can_be_used_again() {
        let group = ErrGroup::<String>::default();
        let (tx, rx) = bounded::<()>(0);
        let ended = Arc::new(AtomicUsize::new(0));
        for i in 0..10 {
            let (rx, ended) = (rx.clone(), ended.clone());
            group.go(move || {
                if i == 0 {
                    return Err("first".to_owned());
                }
                rx.recv().unwrap_err();
                ended.fetch_add(1, SeqCst);
                Ok(())
            });
        }
        let waiter = parked(WaitReason::WaitGroupWait, {
            let group = group.clone();
            move || group.wait()
        });
        assert!(!waiter.is_finished());
        drop(tx);
        assert_eq!(waiter.join().unwrap(), Err("first".to_owned()));
        assert_eq!(ended.load(SeqCst), 9);

        let group = ErrGroup::<String>::new();
        for _ in 0..3 {
            group.go(|| Ok(()));
            assert_eq!(group.wait(), Ok(()));
            assert_eq!(group.wait(), Ok(()));
        }
        group.go(|| Err("second use".to_owned()));
        assert_eq!(group.wait(), Err("second use".to_owned()));
    }

    // SM11
    fn the_first_error_cancels_the_context_and_is_its_cause() {
        let (parent, cancel) = Context::background().with_cancel();
        let (group, ctx) = ErrGroup::with_context(&parent);
        for i in 0..10 {
            let ctx = ctx.clone();
            group.go(move || {
                if i == 7 {
                    return Err(io::Error::other("seven"));
                }
                assert_eq!(ctx.done().recv(), Err(RecvError));
                Err(io::Error::other("told to stop"))
            });
        }
        assert_eq!(group.wait().unwrap_err().to_string(), "seven");
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        assert_eq!(ctx.cause().unwrap().to_string(), "seven");
        assert_eq!(parent.err(), None);
        cancel.cancel();
    }

    // SM11
    fn wait_cancels_the_context_if_no_goroutine_failed() {
        let (group, ctx) = ErrGroup::<&str>::with_context(&Context::background());
        for _ in 0..3 {
            group.go(|| Ok(()));
        }
        settle();
        assert_eq!(ctx.err(), None);
        assert_eq!(group.wait(), Ok(()));
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        let cause = ctx.cause().unwrap();
        assert_eq!(cause.downcast_ref::<ContextError>(), Some(&ContextError::Canceled));
    }

    // SM11: the end of the parent reaches the group's context.
    fn the_parent_cancels_the_groups_context() {
        let (parent, cancel) = Context::background().with_cancel_cause();
        let (group, ctx) = ErrGroup::with_context(&parent);
        group.go(move || match ctx.done().recv() {
            Ok(()) => unreachable!("it carries no values"),
            Err(RecvError) => Err(ctx.cause().unwrap().to_string()),
        });
        cancel.cancel("from above");
        assert_eq!(group.wait(), Err("from above".to_owned()));
    }

    // SM12
    fn the_limit_holds() {
        let group = ErrGroup::<()>::new();
        group.set_limit(10);
        let active = Arc::new(AtomicUsize::new(0));
        for _ in 0..1_024 {
            let active = active.clone();
            group.go(move || {
                assert!(active.fetch_add(1, SeqCst) < 10);
                yield_now();
                active.fetch_sub(1, SeqCst);
                Ok(())
            });
        }
        assert_eq!(group.wait(), Ok(()));
    }

    // SM12
    fn try_go_reports_a_full_group() {
        let group = ErrGroup::<()>::new();
        group.set_limit(42);
        let (tx, rx) = bounded::<()>(0);
        let wait = || {
            let rx = rx.clone();
            move || {
                rx.recv().unwrap_err();
                Ok(())
            }
        };
        for _ in 0..42 {
            assert!(group.try_go(wait()));
        }
        assert!(!group.try_go(wait()));
        // `go` waits for a place.
        let (blocked, job) = (group.clone(), wait());
        let blocked = parked(WaitReason::Semacquire, move || blocked.go(job));
        drop(tx);
        blocked.join().unwrap();
        assert_eq!(group.wait(), Ok(()));
        assert!(group.try_go(|| Ok(())));
        assert_eq!(group.wait(), Ok(()));
    }

    // SM12
    fn a_limit_of_0_admits_none() {
        let group = ErrGroup::<()>::new();
        group.set_limit(0);
        assert!(!group.try_go(|| unreachable!("there is no place")));
        let blocked = group.clone();
        let blocked = parked(WaitReason::Semacquire, move || blocked.go(|| Ok(())));
        assert_eq!(group.wait(), Ok(()));
        assert!(!blocked.is_finished());
    }

    // SM12: the limit may change only while no goroutine of the group runs.
    fn the_limit_must_not_change_under_running_goroutines() {
        let group = ErrGroup::<()>::new();
        let (tx, rx) = bounded::<()>(0);
        group.set_limit(2);
        group.go(move || {
            rx.recv().unwrap_err();
            Ok(())
        });
        let payload = recover(|| group.set_limit(3)).unwrap_err();
        assert!(message(&*payload).contains("while 1 goroutines"));
        drop(tx);
        assert_eq!(group.wait(), Ok(()));
        group.set_limit(3);
        group.set_limit(usize::MAX);
        assert!(group.try_go(|| Ok(())));
        assert_eq!(group.wait(), Ok(()));
    }

    // SM14: in a group, a panic reaches the waiter and cancels the context. An exit just ends its
    // goroutine.
    fn wait_panics_with_the_payload_of_a_panic() {
        let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
        group.set_limit(1);
        group.go(|| Err("an error as well".to_owned()));
        group.go(|| std::panic::resume_unwind(Box::new(17_u64)));
        group.go(|| std::panic::resume_unwind(Box::new(18_u64)));
        group.go(|| goexit());
        let payload = recover(|| group.wait()).unwrap_err();
        assert_eq!(payload.downcast_ref::<u64>(), Some(&17));
        assert_eq!(ctx.cause().unwrap().to_string(), "an error as well");
        assert_eq!(group.wait(), Err("an error as well".to_owned()), "the panic was given once");
        assert!(group.try_go(|| Ok(())), "their places came back");

        let group = ErrGroup::<String>::new();
        group.set_limit(1);
        group.go(|| std::panic::resume_unwind(Box::new("given once")));
        assert!(recover(|| group.wait()).is_err());
        assert_eq!(group.wait(), Ok(()));
        group.go(|| goexit());
        assert_eq!(group.wait(), Ok(()));
        assert!(group.try_go(|| Ok(())), "their places came back");
        assert_eq!(group.wait(), Ok(()));

        let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
        group.go(|| std::panic::resume_unwind(Box::new("lost")));
        assert_eq!(ctx.done().recv(), Err(RecvError));
        assert!(ctx.cause().unwrap().to_string().ends_with("panicked: lost"));
        assert!(recover(|| group.wait()).is_err());
    }

    // After `wait`, what the functions captured and all errors but the first are dropped.
    fn captures_and_later_errors_are_dropped() {
        let alive = Arc::new(AtomicUsize::new(0));
        let group = ErrGroup::new();
        for i in 0..100 {
            let captured = Counted::new(&alive);
            group.go(move || if i % 3 == 0 { Ok(()) } else { Err(captured) });
        }
        let first = group.wait().unwrap_err();
        assert_eq!(alive.load(SeqCst), 1);
        drop(first);
        assert_eq!(alive.load(SeqCst), 0);
    }

    // RU08
    fn threads_use_groups_too() {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        group.set_limit(2);
        let from_thread = thread::spawn({
            let group = group.clone();
            move || {
                for i in 0..100 {
                    group.go(move || if i == 50 { Err("fifty") } else { Ok(()) });
                }
                group.wait()
            }
        });
        assert_eq!(ctx.done().recv(), Err(RecvError));
        assert_eq!(from_thread.join().unwrap(), Err("fifty"));
    }
}

// PA01: a panic that ends the process does so before it can wake a waiter.
#[test]
fn a_panic_under_abort_ends_the_process() {
    const TEST: &str = "errgroup::a_panic_under_abort_ends_the_process";
    if role().is_some() {
        return gort::runtime::run(|| {
            let group = ErrGroup::<()>::new();
            group.go(|| panic!("the end"));
            drop(recover(|| group.wait()));
            println!("went on");
        });
    }
    let ended = run_child(TEST, "abort", &[("GORT_PANIC", "abort")]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(!ended.stdout.contains("went on"), "{}", ended.stdout);
    assert!(ended.stderr.contains("the end"), "{}", ended.stderr);
}
