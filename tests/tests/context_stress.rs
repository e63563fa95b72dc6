//! CX: contexts under races, the functions that they run, and what they leave behind.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::{CancelCause, Context, ContextError};
use gort::prelude::*;
use gort::runtime::num_goroutines;
use gort_tests::{Counted, Random, claims, resident_bytes, seed, settle};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

const LONG: Duration = Duration::from_secs(10_000);
const SHORT: Duration = Duration::from_millis(20);

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n / 10 } else { n }
}

/// Returns a function that counts its runs.
fn counts(n: &Arc<AtomicUsize>) -> impl FnOnce() + Send + 'static {
    let n = Arc::clone(n);
    move || {
        n.fetch_add(1, SeqCst);
    }
}

/// Waits until `ctx` is done.
fn wait(ctx: &Context) {
    assert_eq!(ctx.done().recv(), Err(RecvError));
}

claims! {
    // CX09
    fn deriving_during_a_cancel_never_misses_it() {
        for _ in 0..scaled(10_000) {
            let (parent, cancel) = Context::background().with_cancel_cause();
            let canceller = spawn(move || cancel.cancel("e"));
            let (child, _c) = parent.with_cancel();
            let (grandchild, _g) = child.with_timeout(LONG);
            assert_eq!(grandchild.done().recv(), Err(RecvError));
            assert_eq!(child.done().recv(), Err(RecvError));
            assert_eq!(child.cause().unwrap().to_string(), "e");
            assert_eq!(grandchild.cause().unwrap().to_string(), "e");
            canceller.join().unwrap();
        }
    }

    // CX02: a second canceller, too, returns only when all contexts are done.
    fn a_second_canceller_returns_no_sooner() {
        for _ in 0..scaled(500) {
            let (root, cancel) = Context::background().with_cancel();
            let mut leaves = Vec::new();
            let mut below = root.clone();
            for _ in 0..20 {
                below = below.with_cancel().0;
                leaves.extend((0..5).map(|_| below.with_cancel().0));
            }
            let leaves = Arc::new(leaves);
            let cancellers: Vec<_> = (0..3)
                .map(|_| {
                    let (cancel, leaves) = (cancel.clone(), leaves.clone());
                    move || {
                        cancel.cancel();
                        assert!(leaves.iter().all(|leaf| leaf.err().is_some()));
                    }
                })
                .collect();
            let cancellers: Vec<_> = cancellers.into_iter().map(spawn).collect();
            cancellers.into_iter().for_each(|canceller| canceller.join().unwrap());
        }
    }

    // CX10
    fn a_tree_whose_contexts_are_all_cancelled_at_once() {
        let (root, cancel) = Context::background().with_cancel();
        let mut all = vec![(root, cancel)];
        let mut row = 0..1;
        for _ in 0..4 {
            let next = all.len();
            for parent in row {
                for _ in 0..4 {
                    let child = all[parent].0.with_cancel();
                    all.push(child);
                }
            }
            row = next..all.len();
        }
        assert_eq!(all.len(), 341);
        let mut random = Random::new(seed());
        for i in (1..all.len()).rev() {
            all.swap(i, random.below(i as u64 + 1) as usize);
        }
        let contexts: Vec<_> = all.iter().map(|(ctx, _)| ctx.clone()).collect();
        let cancellers: Vec<_> = all
            .into_iter()
            .map(|(_, cancel)| spawn(move || cancel.cancel()))
            .collect();
        for ctx in contexts {
            assert_eq!(ctx.done().recv(), Err(RecvError));
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
        }
        cancellers.into_iter().for_each(|canceller| canceller.join().unwrap());
    }

    // CX11
    fn cancelling_the_child_when_the_parent_is_done_does_not_deadlock() {
        for _ in 0..scaled(2_000) {
            let (parent, cancel) = Context::background().with_cancel();
            let (child, cancel_child) = parent.with_cancel();
            let watcher = spawn(move || {
                assert_eq!(parent.done().recv(), Err(RecvError));
                cancel_child.cancel();
            });
            cancel.cancel();
            assert_eq!(child.done().recv(), Err(RecvError));
            watcher.join().unwrap();
        }
    }

    // CX13
    fn cancelled_and_dropped_children_leave_nothing_behind() {
        let (parent, cancel) = Context::background().with_cancel();
        let round = |n: usize| {
            for i in 0..n {
                let (child, cancel) = parent.with_cancel();
                let (timed, _t) = child.with_timeout(LONG);
                match i % 3 {
                    0 => {
                        drop(child.after_func(|| ()));
                        cancel.cancel();
                        yield_now();
                    }
                    1 => assert!(child.after_func(|| ()).stop()),
                    _ => {}
                }
                drop(timed);
            }
            settle();
        };
        round(1_000);
        let before = resident_bytes();
        round(scaled(300_000));
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown} bytes more");
        cancel.cancel();
    }

    // CX13: children that are alive when they are cancelled are dropped with the last handle.
    fn values_and_functions_are_dropped() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (root, cancel) = Context::background().with_cancel();
        let ctx = root.with_value(Counted::new(&alive));
        let captured = [0; 4].map(|_| Counted::new(&alive));
        let [a, b, c, d] = captured;
        let stopped = ctx.after_func(move || drop(a));
        drop(ctx.after_func(move || drop(b)));
        drop(Context::background().after_func(move || drop(c)));
        let (orphan, _o) = Context::background().with_cancel();
        drop(orphan.after_func(move || drop(d)));
        drop((orphan, _o));
        assert_eq!(alive.load(SeqCst), 3);
        assert!(stopped.stop());
        assert_eq!(alive.load(SeqCst), 2);
        cancel.cancel();
        settle();
        assert_eq!(alive.load(SeqCst), 1);
        drop(ctx);
        assert_eq!(alive.load(SeqCst), 0);
    }

    // CX16
    fn after_func_runs_once_in_a_goroutine_of_its_own() {
        let ran = Arc::new(AtomicUsize::new(0));
        // The function runs after a cancel, which does not wait for it.
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = bounded(0);
        let after = ctx.after_func(move || tx.send(gort::current().id()).unwrap());
        settle();
        assert!(rx.try_recv().is_err());
        cancel.cancel();
        cancel.cancel();
        assert_ne!(rx.recv(), Ok(gort::current().id()));
        assert!(rx.recv().is_err());
        assert!(!after.stop());

        // The function also runs after a timeout.
        let (ctx, _cancel) = Context::background().with_timeout(SHORT);
        let (tx, rx) = bounded(0);
        let after = ctx.after_func(move || tx.send(()).unwrap());
        rx.recv().unwrap();
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
        assert!(!after.stop());

        // The function runs if a parent is cancelled before the timeout.
        let (parent, cancel) = Context::background().with_cancel();
        let (ctx, _t) = parent.with_timeout(LONG);
        for ctx in [&ctx, &parent, &ctx.with_value(1)] {
            drop(ctx.after_func(counts(&ran)));
        }
        cancel.cancel();
        settle();
        assert_eq!(ran.load(SeqCst), 3);

        // The function runs at once if the context is already done.
        let (tx, rx) = bounded(1);
        let after = ctx.after_func(move || tx.send(()).unwrap());
        rx.recv().unwrap();
        assert!(!after.stop());
        settle();
        assert_eq!(ran.load(SeqCst), 3);
    }

    // CX16
    fn after_func_can_be_stopped() {
        let ran = Arc::new(AtomicUsize::new(0));
        let before = num_goroutines();
        for timed in [false, true] {
            let (ctx, cancel) = if timed {
                Context::background().with_timeout(LONG)
            } else {
                Context::background().with_cancel()
            };
            let after = ctx.after_func(counts(&ran));
            assert!(after.stop());
            assert!(!after.stop());
            settle();
            assert_eq!(num_goroutines(), before, "no goroutine waits any more");
            cancel.cancel();
            settle();
            assert!(!after.stop());
        }
        let never = Context::background().after_func(counts(&ran));
        assert!(never.stop());
        assert!(!never.stop());
        settle();
        assert_eq!(ran.load(SeqCst), 0);
        assert_eq!(num_goroutines(), before);
    }

    // CX16: the function of a context whose handles are gone waits for the contexts above it.
    fn after_func_of_a_dropped_context_runs_when_its_parent_is_done() {
        let ran = Arc::new(AtomicUsize::new(0));
        let (root, cancel) = Context::background().with_cancel();
        let stopped = {
            let (child, _c) = root.with_cancel();
            let (grandchild, _g) = child.with_cancel();
            drop(grandchild.after_func(counts(&ran)));
            grandchild.after_func(counts(&ran))
        };
        settle();
        assert_eq!(ran.load(SeqCst), 0);
        assert!(stopped.stop());
        cancel.cancel();
        settle();
        assert_eq!(ran.load(SeqCst), 1);
    }

    // CX16: exactly one of stop and cancel wins.
    fn stop_and_cancel_race() {
        for i in 0..scaled(10_000) {
            let ran = Arc::new(AtomicUsize::new(0));
            let (ctx, cancel) = if i % 4 == 0 {
                Context::background().with_timeout(LONG)
            } else {
                Context::background().with_cancel()
            };
            let (ctx, _child) = ctx.with_cancel();
            let after = ctx.after_func(counts(&ran));
            if i % 3 == 0 {
                drop((ctx, _child));
            }
            let canceller = spawn(move || cancel.cancel());
            let stopped = after.stop();
            canceller.join().unwrap();
            if stopped {
                assert_eq!(ran.load(SeqCst), 0);
            } else {
                while ran.load(SeqCst) == 0 {
                    yield_now();
                }
            }
        }
        settle();
    }

    // CX17
    fn when_err_is_set_done_is_closed() {
        for i in 0..scaled(10_000) {
            let (parent, cancel) = Context::background().with_cancel();
            let (ctx, _c) = if i % 2 == 0 {
                parent.with_cancel()
            } else {
                parent.with_timeout(Duration::from_micros(5))
            };
            let canceller = spawn(move || cancel.cancel());
            let mut spins = 0;
            while ctx.err().is_none() {
                spins += 1;
                if spins % 64 == 0 {
                    yield_now();
                }
            }
            let err = ctx.err();
            assert!(ctx.done().try_recv().unwrap_err().is_disconnected());
            canceller.join().unwrap();
            assert_eq!(ctx.err(), err);
        }
    }

    // CX17: the reverse holds, too.
    fn when_done_is_closed_err_is_set() {
        for i in 0..scaled(5_000) {
            let (parent, cancel) = Context::background().with_cancel();
            let timeout = if i % 2 == 0 { LONG } else { Duration::from_micros(20) };
            let (ctx, _c) = parent.with_timeout(timeout);
            let watchers = [0, 1, 2].map(|way| {
                let ctx = ctx.clone();
                spawn(move || {
                    match way {
                        0 => wait(&ctx),
                        1 => select! { <-ctx => {} },
                        _ => while ctx.done().try_recv().unwrap_err().is_empty() { yield_now() },
                    }
                    (ctx.err().unwrap(), ctx.cause().unwrap().to_string())
                })
            });
            cancel.cancel();
            let seen = watchers.map(|watcher| watcher.join().unwrap());
            assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
            assert_eq!(seen[0].0.to_string(), seen[0].1);
        }
    }

    // CX18
    fn the_cause_is_there_at_once_and_whole() {
        for _ in 0..scaled(5_000) {
            let (ctx, cancel): (_, CancelCause) = Context::background().with_cancel_cause();
            let (child, _c) = ctx.with_cancel();
            let canceller = spawn(move || cancel.cancel("the cause"));
            for ctx in [&child, &ctx] {
                let cause = loop {
                    match ctx.cause() {
                        Some(cause) => break cause,
                        None => yield_now(),
                    }
                };
                assert_eq!(cause.to_string(), "the cause");
                assert_eq!(ctx.err(), Some(ContextError::Canceled));
            }
            canceller.join().unwrap();
        }
    }

    // RU08: threads cancel and wait as well, while waiters come and go.
    fn threads_and_goroutines_wait_for_the_same_context() {
        for _ in 0..scaled(200) {
            let (ctx, cancel) = Context::background().with_cancel();
            let looked = Arc::new(AtomicUsize::new(0));
            let wait = || {
                let (ctx, looked) = (ctx.clone(), looked.clone());
                move || {
                    while ctx.done().recv_timeout(Duration::from_micros(50)).unwrap_err().is_timeout() {
                        looked.fetch_add(1, Relaxed);
                        select! {
                            <-ctx => break,
                            after(Duration::from_micros(20)) => {}
                        }
                    }
                    assert!(ctx.err().is_some());
                }
            };
            let goroutines = [0; 4].map(|_| spawn(wait()));
            let threads = [0; 2].map(|_| thread::spawn(wait()));
            gort::time::sleep(Duration::from_micros(300));
            thread::spawn(move || cancel.cancel()).join().unwrap();
            goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    }

    // CX16: the goroutine that stops the function drops it, so the destructor panics there.
    fn a_stopped_functions_destructor_panics_in_the_goroutine_that_stops_it() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("on purpose");
            }
        }
        for timeout in [LONG, Duration::MAX] {
            let (ctx, cancel) = Context::background().with_timeout(timeout);
            let bomb = Bomb;
            let after = ctx.after_func(move || drop(bomb));
            assert!(gort::recover(|| after.stop()).is_err());
            assert!(!after.stop());
            let (tx, rx) = bounded(1);
            drop(ctx.after_func(move || tx.send(()).unwrap()));
            cancel.cancel();
            rx.recv().unwrap();
        }
    }

    // CX16: with a deadline as well, the function is not a goroutine before the context is done.
    fn a_timed_after_func_is_no_goroutine_until_it_runs() {
        let before = num_goroutines();
        let (ctx, cancel) = Context::background().with_timeout(LONG);
        let ran = Arc::new(AtomicUsize::new(0));
        drop(ctx.after_func(counts(&ran)));
        settle();
        assert_eq!(num_goroutines(), before);
        cancel.cancel();
        settle();
        assert_eq!((ran.load(SeqCst), num_goroutines()), (1, before));
    }
}
