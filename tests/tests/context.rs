//! CX: what contexts promise.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::{AfterFunc, Cancel, CancelCause, Context, ContextError};
use gort::prelude::*;
use gort::runtime::{WaitReason, num_goroutines};
use gort::sync::{AcquireError, ErrGroup, Permit, Semaphore, SingleFlight};
use gort_tests::{Random, claims, parked, seed, settle};
use std::error::Error;
use std::fmt;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(10_000);

/// A cause that differs from others.
#[derive(Debug, PartialEq)]
struct Because(u32);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "because {}", self.0)
    }
}

impl Error for Because {}

fn live(ctx: &Context) {
    assert_eq!(ctx.err(), None);
    assert!(ctx.cause().is_none());
    assert_eq!(
        ctx.done().try_recv().unwrap_err().to_string(),
        "receiving on an empty channel"
    );
    let ready = select! {
        <-ctx => true,
        default => false,
    };
    assert!(!ready);
}

fn done(ctx: &Context, err: ContextError) {
    assert_eq!(ctx.err(), Some(err));
    assert!(ctx.cause().is_some());
    assert!(ctx.done().try_recv().unwrap_err().is_disconnected());
    assert_eq!(ctx.done().recv(), Err(RecvError));
    assert_eq!(ctx.done().iter().next(), None);
    assert!(ctx.done().recv_timeout(LONG).unwrap_err().is_disconnected());
    let ready = select! {
        r = <-ctx => r,
        default => Ok(()),
    };
    assert_eq!(ready, Err(RecvError));
}

fn canceled(ctx: &Context) {
    done(ctx, ContextError::Canceled);
}

/// Returns which `Because` the cause is, or 0 for the error itself.
fn because(ctx: &Context) -> u32 {
    let cause = ctx.cause().unwrap();
    match cause.downcast_ref::<Because>() {
        Some(Because(n)) => *n,
        None => {
            assert_eq!(cause.downcast_ref::<ContextError>(), ctx.err().as_ref());
            0
        }
    }
}

/// Waits until `ctx` is done.
fn wait(ctx: &Context) {
    assert_eq!(ctx.done().recv(), Err(RecvError));
}

claims! {
    // CX01: gort has no `TODO` context, which would be the same.
    fn the_background_is_never_done() {
        let ctx = Context::background();
        live(&ctx);
        assert_eq!(ctx.deadline(), None);
        assert!(ctx.done().recv_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
        assert_eq!(ctx.done().capacity(), Some(0));
        assert_eq!(format!("{ctx:?}"), "context.Background");
        live(&ctx.with_value(1_u8).without_cancel());
        assert_eq!(ContextError::Canceled.to_string(), "context canceled");
        assert_eq!(ContextError::DeadlineExceeded.to_string(), "context deadline exceeded");
    }

    // CX02
    fn cancel_reaches_the_whole_subtree_before_it_returns() {
        let (c1, cancel) = Context::background().with_cancel();
        let wrapper = c1.with_value("wrapped");
        let (c2, _cancel2) = wrapper.with_cancel();
        let (c3, _cancel3) = c2.with_timeout(LONG);
        let (c4, _cancel4) = c3.with_cancel_cause();
        let all = [&c1, &wrapper, &c2, &c3, &c4];
        all.into_iter().for_each(live);
        cancel.cancel();
        all.into_iter().for_each(canceled);
        cancel.cancel();
        cancel.clone().cancel();
        all.into_iter().for_each(canceled);
    }

    // CX02: waiters are woken too, in whatever way they wait.
    fn cancel_wakes_all_waiters() {
        let (ctx, cancel) = Context::background().with_cancel();
        let (child, _c) = ctx.with_timeout(LONG);
        let waits = |reason, f: fn(&Context)| {
            [&ctx, &child].map(|ctx| {
                let ctx = ctx.clone();
                parked(reason, move || f(&ctx))
            })
        };
        let receivers = waits(WaitReason::ChanReceive, wait);
        let timed = waits(WaitReason::ChanReceive, |ctx| {
            assert!(ctx.done().recv_timeout(LONG).unwrap_err().is_disconnected());
        });
        let selects = waits(WaitReason::Select, |ctx| {
            let (_tx, rx) = bounded::<()>(0);
            select! {
                r = <-ctx => assert_eq!(r, Err(RecvError)),
                <-ctx.done() => {}
                <-rx => unreachable!("nobody sends"),
                after(LONG) => unreachable!("too early"),
            }
        });
        let threads = [&ctx, &child].map(|ctx| {
            let ctx = ctx.clone();
            thread::spawn(move || wait(&ctx))
        });
        cancel.cancel();
        for waiter in receivers.into_iter().chain(timed).chain(selects) {
            waiter.join().unwrap();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    // CX03
    fn a_childs_cancel_touches_neither_parent_nor_siblings() {
        let (parent, cancel) = Context::background().with_cancel();
        let mut children: Vec<_> = (0..3).map(|_| parent.with_cancel()).collect();
        let (second, cancel_second) = children.remove(1);
        cancel_second.cancel();
        canceled(&second);
        live(&parent);
        children.iter().for_each(|(child, _)| live(child));
        cancel.cancel();
        children.iter().for_each(|(child, _)| canceled(child));
    }

    // CX04
    fn a_deadline_that_has_passed_is_done_at_once() {
        let now = Instant::now();
        for deadline in [now, now.checked_sub(Duration::from_secs(1)).unwrap_or(now)] {
            let (ctx, _cancel) = Context::background().with_deadline(deadline);
            // Converting between clocks makes the time later by some nanoseconds, so the context
            // might not be done yet.
            ctx.done().recv().unwrap_err();
            done(&ctx, ContextError::DeadlineExceeded);
            assert_eq!(because(&ctx), 0);
            assert_eq!(ctx.deadline(), Some(deadline));
        }
        let (ctx, _cancel) = Context::background().with_timeout(LONG);
        assert!(ctx.done().recv_timeout(Duration::ZERO).unwrap_err().is_timeout());
        let (ctx, cancel) = Context::background().with_timeout(SHORT);
        let waiters: Vec<_> = (0..4)
            .map(|i| {
                let ctx = ctx.clone();
                spawn(move || match i {
                    0 => wait(&ctx),
                    1 => select! { <-ctx => {} },
                    2 => while ctx.err().is_none() { yield_now() },
                    _ => thread::spawn(move || wait(&ctx)).join().unwrap(),
                })
            })
            .collect();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(Instant::now() >= ctx.deadline().unwrap());
        done(&ctx, ContextError::DeadlineExceeded);
        cancel.cancel();
        done(&ctx, ContextError::DeadlineExceeded);
        let (ctx, _cancel) = Context::background().with_timeout(Duration::MAX);
        live(&ctx);
        assert_eq!(ctx.deadline(), None);
    }

    // CX05
    fn the_earlier_deadline_wins() {
        let (short, _a) = Context::background().with_timeout(SHORT);
        let (long, _b) = short.with_timeout(LONG);
        let (none, _c) = long.with_cancel();
        let (shorter, _d) = none.with_deadline(short.deadline().unwrap() - SHORT / 2);
        assert_eq!(long.deadline(), short.deadline());
        assert_eq!(none.deadline(), short.deadline());
        assert!(shorter.deadline() < short.deadline());
        wait(&shorter);
        done(&shorter, ContextError::DeadlineExceeded);
        wait(&none);
        for ctx in [&short, &long, &none] {
            done(ctx, ContextError::DeadlineExceeded);
        }
    }

    // CX06: a context with a deadline is not a goroutine.
    fn cancel_before_the_deadline() {
        let before = num_goroutines();
        let (ctx, cancel) = Context::background().with_timeout(LONG);
        let (child, _c) = ctx.with_timeout(LONG);
        assert_eq!(num_goroutines(), before);
        let waiter = parked(WaitReason::ChanReceive, {
            let child = child.clone();
            move || wait(&child)
        });
        cancel.cancel();
        waiter.join().unwrap();
        canceled(&ctx);
        canceled(&child);
        assert_eq!(num_goroutines(), before);
    }

    // CX07
    fn the_first_cause_wins() {
        type Step = fn(&CancelCause, &CancelCause, &Cancel);
        let cancel_parent: Step = |parent, _, _| parent.cancel(Because(1));
        let cancel_child: Step = |_, child, _| child.cancel(Because(2));
        let cancel_plain: Step = |_, _, plain| plain.cancel();
        // parent ← child ← plain: the cause of each after the steps. 0 means its error.
        let table: [(&[Step], [Option<u32>; 3]); 10] = [
            (&[], [None, None, None]),
            (&[cancel_parent], [Some(1), Some(1), Some(1)]),
            (&[cancel_child], [None, Some(2), Some(2)]),
            (&[cancel_plain], [None, None, Some(0)]),
            (&[cancel_parent, cancel_child], [Some(1), Some(1), Some(1)]),
            (&[cancel_child, cancel_parent], [Some(1), Some(2), Some(2)]),
            (&[cancel_plain, cancel_parent], [Some(1), Some(1), Some(0)]),
            (&[cancel_plain, cancel_child], [None, Some(2), Some(0)]),
            (&[cancel_plain, cancel_child, cancel_parent], [Some(1), Some(2), Some(0)]),
            (&[cancel_parent, cancel_child, cancel_plain], [Some(1), Some(1), Some(1)]),
        ];
        for timed in [false, true] {
            for (i, (steps, causes)) in table.iter().enumerate() {
                let base = if timed {
                    Context::background().with_timeout(LONG).0
                } else {
                    Context::background()
                };
                let (parent, p) = base.with_cancel_cause();
                let (child, c) = parent.with_cancel_cause();
                let (plain, x) = child.with_cancel();
                steps.iter().for_each(|step| step(&p, &c, &x));
                for (ctx, cause) in [&parent, &child, &plain].into_iter().zip(causes) {
                    match cause {
                        None => live(ctx),
                        Some(n) => {
                            canceled(ctx);
                            assert_eq!(because(ctx), *n, "row {i}");
                        }
                    }
                }
            }
        }
    }

    // CX07: with deadlines, and without a cause.
    fn the_first_cause_wins_over_deadlines() {
        let (parent, p) = Context::background().with_cancel_cause();
        let (child, _c) = parent.with_timeout(SHORT);
        wait(&child);
        p.cancel(Because(1));
        assert_eq!((because(&parent), because(&child)), (1, 0));
        done(&child, ContextError::DeadlineExceeded);

        // On a slow machine the deadline may come before the cancel.
        let was_first = [SHORT, 10 * SHORT, 1_000 * SHORT].into_iter().any(|limit| {
            let (parent, _p) = Context::background().with_timeout(limit);
            let (child, c) = parent.with_cancel_cause();
            let (grandchild, _g) = child.with_cancel();
            c.cancel(Because(2));
            let was_first = parent.err().is_none();
            wait(&parent);
            if was_first {
                assert_eq!((because(&parent), because(&child), because(&grandchild)), (0, 2, 2));
                canceled(&grandchild);
            }
            was_first
        });
        assert!(was_first);

        // No goroutine looks at the contexts between the deadline and the cancel.
        let (parent, _p) = Context::background().with_timeout(SHORT);
        let (child, c) = parent.with_cancel_cause();
        gort::time::sleep_until(parent.deadline().unwrap() + Duration::from_millis(1));
        c.cancel(Because(3));
        assert_eq!(because(&child), 0);
        done(&child, ContextError::DeadlineExceeded);

        let (ctx, cancel) = Context::background().with_cancel_cause();
        cancel.cancel(ContextError::Canceled);
        assert_eq!(because(&ctx), 0);
        let (ctx, cancel) = Context::background().with_cancel_cause();
        cancel.cancel("in words");
        assert_eq!(ctx.cause().unwrap().to_string(), "in words");
        assert_eq!(ctx.with_cancel().0.cause().unwrap().to_string(), "in words");
    }

    // CX08
    fn a_child_of_a_done_parent_is_done_at_birth() {
        let (parent, cancel) = Context::background().with_cancel_cause();
        cancel.cancel(Because(7));
        for child in [
            parent.with_cancel().0,
            parent.with_timeout(LONG).0,
            parent.with_cancel_cause().0,
            parent.with_value(1).with_cancel().0.with_cancel().0,
        ] {
            canceled(&child);
            assert_eq!(because(&child), 7);
        }
        let (parent, _cancel) = Context::background().with_timeout(Duration::ZERO);
        wait(&parent);
        done(&parent.with_timeout(LONG).0, ContextError::DeadlineExceeded);

        // No goroutine has looked at these parents since their time was up.
        let parents = || Context::background().with_timeout(Duration::ZERO).0;
        done(&parents().with_cancel().0, ContextError::DeadlineExceeded);
        done(&parents().with_timeout(LONG).0, ContextError::DeadlineExceeded);
        let (tx, rx) = bounded(1);
        let after = parents().after_func(move || tx.send(()).unwrap());
        rx.recv().unwrap();
        assert!(!after.stop(), "it has run");
    }

    // CX12
    fn layers_keep_their_values() {
        for round in 0..if cfg!(debug_assertions) { 30 } else { 200 } {
            let seed = seed().wrapping_add(round);
            let mut random = Random::new(seed);
            let by_time = round % 2 == 1;
            let mut ctx = Context::background();
            let mut cancels = Vec::new();
            let mut layers: Vec<(Context, u64, u32)> = Vec::new();
            let (mut words, mut numbers) = (0, 0);
            for _ in 0..30 {
                match random.below(3) {
                    0 if random.below(2) == 0 => {
                        words = random.below(1_000);
                        ctx = ctx.with_value(words);
                    }
                    0 => {
                        numbers = random.below(1_000) as u32;
                        ctx = ctx.with_value(numbers);
                    }
                    1 => {
                        let (next, cancel) = ctx.with_cancel();
                        ctx = next;
                        cancels.push(cancel);
                    }
                    _ => {
                        let timeout = if by_time { SHORT } else { LONG };
                        let (next, cancel) = ctx.with_timeout(timeout);
                        ctx = next;
                        cancels.push(cancel);
                    }
                }
                layers.push((ctx.clone(), words, numbers));
            }
            let check = || {
                for (ctx, words, numbers) in &layers {
                    assert_eq!(ctx.value::<u64>().map_or(0, |v| *v), *words, "seed {seed}");
                    assert_eq!(ctx.value::<u32>().map_or(0, |v| *v), *numbers, "seed {seed}");
                    assert!(ctx.value::<i8>().is_none());
                }
            };
            check();
            if by_time {
                if ctx.deadline().is_some() {
                    wait(&ctx);
                    done(&ctx, ContextError::DeadlineExceeded);
                }
            } else if let Some(cancel) = cancels.get(random.below(30) as usize) {
                live(&ctx);
                cancel.cancel();
                canceled(&ctx);
            }
            check();
        }
    }

    // CX14
    fn values_are_found_by_type_nearest_first() {
        #[derive(Debug, PartialEq)]
        struct A(u8);
        #[derive(Debug, PartialEq)]
        struct B(u8);
        let c0 = Context::background();
        assert!(c0.value::<A>().is_none());
        let c1 = c0.with_value(A(1));
        let c2 = c1.with_value(B(2));
        let c3 = c2.with_cancel().0.with_value(A(3)).with_value(Some("s"));
        let c4 = c3.with_value(None::<&str>);
        let see = |ctx: &Context| (ctx.value::<A>().map(|a| a.0), ctx.value::<B>().map(|b| b.0));
        assert_eq!(see(&c1), (Some(1), None));
        assert_eq!(see(&c2), (Some(1), Some(2)));
        assert_eq!(see(&c3), (Some(3), Some(2)));
        assert_eq!(see(&c4), (Some(3), Some(2)));
        assert_eq!(*c3.value::<Option<&str>>().unwrap(), Some("s"));
        assert_eq!(*c4.value::<Option<&str>>().unwrap(), None, "the nearer hides the farther");
        assert!(c4.value::<u8>().is_none());
        assert!(Arc::ptr_eq(&c1.value::<A>().unwrap(), &c2.value::<A>().unwrap()));
    }

    // CX15
    fn without_cancel_keeps_only_the_values() {
        let (parent, cancel) = Context::background().with_timeout(LONG);
        let parent = parent.with_value("kept");
        let apart = parent.without_cancel();
        let (child, cancel_child) = apart.with_cancel();
        cancel.cancel();
        canceled(&parent);
        for ctx in [&apart, &child, &parent.without_cancel()] {
            live(ctx);
            assert_eq!(ctx.deadline(), None);
            assert_eq!(*ctx.value::<&str>().unwrap(), "kept");
        }
        cancel_child.cancel();
        canceled(&child);
        live(&apart);
    }

    // CX20: dropping a `Cancel` has no effect (the compiler warns of one that is not used).
    fn dropping_a_cancel_does_not_cancel() {
        let (parent, cancel) = Context::background().with_cancel();
        let (child, cancel_child) = parent.with_cancel();
        let (other, cancel_other) = parent.with_cancel_cause();
        drop((cancel_child, cancel_other));
        live(&child);
        live(&other);
        let grandchild = child.with_cancel().0;
        drop((child, other, parent));
        // The context in between has no handle left, and still passes the end on to its children.
        cancel.cancel();
        canceled(&grandchild);
    }

    // A long chain of contexts is cancelled and dropped without recursion.
    fn deep_chains_need_no_stack() {
        let (root, cancel) = Context::background().with_cancel();
        let mut ctx = root.clone();
        for i in 0..100_000_u32 {
            ctx = ctx.with_cancel().0;
            if i % 10 == 0 {
                ctx = ctx.with_value(i);
            }
        }
        gort::spawn(move || {
            cancel.cancel();
            canceled(&ctx);
            drop((root, ctx));
        })
        .join()
        .unwrap();
        let mut ctx = Context::background();
        for i in 0..100_000_u32 {
            ctx = ctx.with_cancel().0.with_value(i);
        }
        gort::spawn(move || drop(ctx)).join().unwrap();
    }

    // All types of contexts can be sent to other goroutines.
    fn everything_is_send_and_sync() {
        fn travels<T: Send + Sync + UnwindSafe + 'static>() {}
        travels::<(Context, Cancel, CancelCause, ContextError)>();
        travels::<(Semaphore, Permit, AcquireError)>();
        fn moves<T: Send + Sync + 'static>() {}
        moves::<(AfterFunc, ErrGroup<std::cell::Cell<u8>>)>();
        moves::<SingleFlight<u8, std::cell::Cell<u8>>>();
    }

    // A context has one done channel: all receivers that it returns are of the same channel, and
    // their clones outlive the context.
    fn the_channel_outlives_the_context() {
        let (ctx, cancel) = Context::background().with_cancel();
        let done = ctx.done().clone();
        assert!(done.same_channel(ctx.with_value(1).done()));
        assert!(!done.same_channel(Context::background().done()));
        assert!(Context::background().done().same_channel(Context::background().done()));
        drop(ctx);
        assert!(done.try_recv().unwrap_err().is_empty());
        let waiter = parked(WaitReason::ChanReceive, move || done.recv());
        settle();
        cancel.cancel();
        assert_eq!(waiter.join().unwrap(), Err(RecvError));
    }

    // TO07
    fn a_context_ends_a_sleep() {
        let began = Instant::now();
        assert_eq!(Context::background().sleep(SHORT), Ok(()));
        assert!(began.elapsed() >= SHORT);
        let (ctx, cancel) = Context::background().with_cancel();
        assert_eq!(ctx.sleep(Duration::ZERO), Ok(()));
        let sleeps = parked(WaitReason::ChanReceive, { let ctx = ctx.clone(); move || ctx.sleep(LONG) });
        let ever = parked(WaitReason::ChanReceive, { let ctx = ctx.clone(); move || ctx.sleep(Duration::MAX) });
        let thread = thread::spawn({ let ctx = ctx.clone(); move || ctx.sleep(LONG) });
        cancel.cancel();
        let canceled = Err(ContextError::Canceled);
        assert_eq!((sleeps.join().unwrap(), ever.join().unwrap()), (canceled, canceled));
        assert_eq!(gort::blocking(|| thread.join().unwrap()), canceled);
        assert_eq!(ctx.sleep(Duration::ZERO), canceled);
        let (ctx, _cancel) = Context::background().with_timeout(SHORT);
        assert_eq!(ctx.sleep(LONG), Err(ContextError::DeadlineExceeded));
        assert_eq!(ctx.sleep(Duration::ZERO), Err(ContextError::DeadlineExceeded));
    }
}
