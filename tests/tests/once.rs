//! ON: `Once`, `OnceLock` and `LazyLock`, between goroutines and plain threads.
//!
//! Go's `OnceFunc` and `OnceValue` are `LazyLock` here.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason::OnceDo;
use gort::sync::{LazyLock, Once, OnceLock};
use gort::time::sleep;
use gort_tests::{claims, parked, settle, waiting};
use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

/// Counts the allocations of one thread, since other threads of the runtime allocate as well.
struct Counting;

static THREAD: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn this_thread() -> u64 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::pthread_self() }
}

// SAFETY: this forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if THREAD.load(Relaxed) == this_thread() {
            ALLOCATIONS.fetch_add(1, Relaxed);
        }
        // SAFETY: the caller's layout is valid, and is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's memory and layout are those of an allocation, and are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}

fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn text(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().unwrap(),
    }
}

/// Returns the message that `f` panics with.
fn panics<T>(f: impl FnOnce() -> T) -> String {
    match recover(f) {
        Ok(_) => panic!("it does not panic"),
        Err(payload) => text(&*payload).to_owned(),
    }
}

/// Plain data that only the `Once` protects.
struct Plain(UnsafeCell<usize>);
// SAFETY: only the function of the `Once` writes the data, and it is read only after that function.
unsafe impl Sync for Plain {}

claims! {
    // ON01
    fn the_function_runs_once_and_all_callers_see_what_it_did() {
        for _ in 0..scaled(50) {
            let (once, data) = (leaked(Once::new()), leaked(Plain(UnsafeCell::new(0))));
            assert!(!once.is_completed());
            let call = move || {
                once.call_once(|| {
                    yield_now();
                    // SAFETY: see `Plain`.
                    unsafe { *data.0.get() += 1 };
                });
                assert!(once.is_completed());
                // SAFETY: see `Plain`.
                assert_eq!(unsafe { *data.0.get() }, 1);
            };
            let thread = thread::spawn(call);
            let goroutines: Vec<_> = (0..10).map(|_| spawn(call)).collect();
            goroutines.into_iter().for_each(|one| one.join().unwrap());
            thread.join().unwrap();
        }
    }

    // ON01
    fn other_callers_wait_until_the_first_has_finished() {
        let once = leaked(Once::new());
        let (tx, rx) = bounded::<()>(0);
        let first = spawn(move || once.call_once(|| rx.recv().unwrap()));
        settle();
        let others: Vec<_> = (0..10)
            .map(|_| parked(OnceDo, move || once.call_once(|| unreachable!())))
            .collect();
        assert!(!once.is_completed());
        tx.send(()).unwrap();
        first.join().unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
    }

    // ON02
    fn a_panic_counts_as_done_and_goes_to_the_first_caller_only() {
        let once = leaked(Once::new());
        let (tx, rx) = bounded::<()>(0);
        let first = spawn(move || {
            once.call_once(|| {
                rx.recv().unwrap();
                panic!("first");
            });
        });
        settle();
        let others: Vec<_> = (0..3)
            .map(|_| parked(OnceDo, move || once.call_once(|| unreachable!())))
            .collect();
        tx.send(()).unwrap();
        let payload = first.join().unwrap_err().into_panic();
        assert_eq!(text(&*payload), "first");
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(once.is_completed());
        once.call_once(|| unreachable!());
    }

    // ON02, ON06: an exit counts as done as well.
    fn an_exit_counts_as_done() {
        let once = leaked(Once::new());
        let first = spawn(move || once.call_once(|| goexit())).join();
        assert!(first.unwrap_err().is_exited());
        once.call_once(|| unreachable!());
        assert_eq!(format!("{once:?}"), "Once { completed: true }");
    }

    // ON03
    fn a_function_that_needs_its_own_once_waits_for_ever() {
        let once = leaked(Once::new());
        let recursive = parked(OnceDo, move || once.call_once(|| once.call_once(|| ())));
        assert!(!recursive.is_finished());
        let cell = leaked(OnceLock::new());
        parked(OnceDo, move || *cell.get_or_init(|| *cell.get_or_init(|| 1)));
        static LAZY: LazyLock<i32> = LazyLock::new(|| *LAZY + 1);
        parked(OnceDo, || *LAZY);
        assert_eq!(waiting(OnceDo), 3);
    }

    // ON04
    fn each_use_of_a_lazy_value_panics_as_the_first_did() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        static LITERAL: LazyLock<i32> = LazyLock::new(|| {
            CALLS.fetch_add(1, SeqCst);
            panic!("x")
        });
        static FORMATTED: LazyLock<i32> =
            LazyLock::new(|| panic!("y{}", CALLS.fetch_add(1, SeqCst)));
        static OTHER: LazyLock<i32> = LazyLock::new(|| {
            CALLS.fetch_add(1, SeqCst);
            std::panic::panic_any(1)
        });
        for _ in 0..3 {
            assert_eq!(panics(|| *LITERAL), "x");
        }
        assert_eq!(CALLS.load(SeqCst), 1);
        for _ in 0..3 {
            assert_eq!(panics(|| *LazyLock::force(&FORMATTED)), "y1");
        }
        assert_eq!(CALLS.load(SeqCst), 2);
        assert_eq!(*recover(|| *OTHER).unwrap_err().downcast::<i32>().unwrap(), 1);
        for _ in 0..2 {
            assert_eq!(panics(|| *OTHER), "the function of a `LazyLock` panicked");
        }
        assert_eq!(CALLS.load(SeqCst), 3);
        assert_eq!(format!("{:?}", *leaked(&LITERAL)), "LazyLock(<failed>)");
    }

    // ON05
    fn a_lazy_value_is_made_once() {
        let calls = AtomicUsize::new(0);
        let lazy = LazyLock::new(|| calls.fetch_add(1, SeqCst) + 1);
        assert_eq!(format!("{lazy:?}"), "LazyLock(<uninit>)");
        for _ in 0..10 {
            assert_eq!(*lazy, 1);
        }
        assert_eq!(format!("{lazy:?}"), "LazyLock(1)");
        static PAIR: LazyLock<(i32, i32)> = LazyLock::new(|| {
            sleep(Duration::from_millis(2));
            (1, 2)
        });
        let goroutines: Vec<_> = (0..10).map(|_| spawn(|| *PAIR)).collect();
        let thread = thread::spawn(|| *PAIR);
        for one in goroutines {
            assert_eq!(one.join().unwrap(), (1, 2));
        }
        assert_eq!(thread.join().unwrap(), (1, 2));
        assert_eq!(*LazyLock::<Vec<u8>>::default(), []);
    }

    // ON06
    fn a_lazy_value_whose_maker_exits_is_not_made_again() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        static LAZY: LazyLock<i32> = LazyLock::new(|| {
            CALLS.fetch_add(1, SeqCst);
            goexit()
        });
        assert!(spawn(|| *LAZY).join().unwrap_err().is_exited());
        for _ in 0..2 {
            let message = spawn(|| panics(|| *LAZY)).join().unwrap();
            assert_eq!(message, "the function of a `LazyLock` exited its goroutine");
        }
        assert_eq!(CALLS.load(SeqCst), 1);
    }

    // ON07
    fn what_the_function_captured_is_dropped_when_it_has_run() {
        let captured = Arc::new(5);
        let lazy = LazyLock::new({
            let captured = captured.clone();
            move || *captured + 1
        });
        assert_eq!(Arc::strong_count(&captured), 2);
        assert_eq!(*lazy, 6);
        assert_eq!(Arc::strong_count(&captured), 1);
        // It is dropped after a panic, too, and if the function was never called.
        let in_panic = captured.clone();
        let failing: LazyLock<i32, _> = LazyLock::new(move || panic!("{in_panic}"));
        assert_eq!(panics(|| *failing), "5");
        assert_eq!(Arc::strong_count(&captured), 1);
        let unused = captured.clone();
        drop(LazyLock::new(move || *unused));
        assert_eq!(Arc::strong_count(&captured), 1);
        let once = Once::new();
        let in_once = captured.clone();
        once.call_once(move || drop(in_once));
        assert_eq!(Arc::strong_count(&captured), 1);
    }

    // ON08
    fn after_completion_nothing_is_allocated() {
        let once = Once::new();
        let cell = OnceLock::new();
        let lazy = LazyLock::new(|| 1);
        let all = |n| {
            for _ in 0..n {
                once.call_once(|| drop(Box::new(1)));
                assert_eq!(*cell.get_or_init(|| *Box::new(1)), *lazy);
            }
        };
        // Nothing below waits, so the goroutine stays on one thread.
        THREAD.store(this_thread(), Relaxed);
        drop(std::hint::black_box(Box::new(1)));
        assert_eq!(ALLOCATIONS.swap(0, Relaxed), 1);
        all(1);
        ALLOCATIONS.store(0, Relaxed);
        all(scaled(1_000_000));
        assert_eq!(ALLOCATIONS.load(Relaxed), 0);
        THREAD.store(0, Relaxed);
    }

    fn a_once_lock_is_set_once() {
        let mut cell = OnceLock::new();
        assert_eq!(cell.get(), None);
        assert_eq!(cell.get_mut(), None);
        assert_eq!(format!("{cell:?}"), "OnceLock(<uninit>)");
        assert_eq!(cell.set(1), Ok(()));
        assert_eq!(cell.set(2), Err(2));
        assert_eq!(*cell.get_or_init(|| unreachable!()), 1);
        *cell.get_mut().unwrap() += 2;
        assert_eq!(cell.get(), Some(&3));
        assert_eq!(format!("{cell:?}"), "OnceLock(3)");
        assert_eq!(cell.clone(), cell);
        assert_eq!((cell.take(), cell.take()), (Some(3), None));
        // The cell can be used again.
        assert_eq!(*cell.get_or_init(|| 4), 4);
        assert_eq!((cell.clone().into_inner(), OnceLock::<i32>::default().into_inner()), (Some(4), None));
        assert_eq!(OnceLock::from(5).get(), Some(&5));
        assert_ne!(OnceLock::from(5), cell);
    }

    fn a_once_lock_drops_its_value_once() {
        let value = Arc::new(());
        let cell = OnceLock::from(value.clone());
        assert!(cell.set(value.clone()).is_err());
        assert_eq!(Arc::strong_count(&value), 2);
        drop(cell);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    fn of_several_that_set_one_wins() {
        for _ in 0..scaled(50) {
            let cell = leaked(OnceLock::new());
            let setters: Vec<_> = (0..8).map(|i| spawn(move || cell.set(i).is_ok())).collect();
            let made = spawn(move || *cell.get_or_init(|| 8)).join().unwrap();
            let won: Vec<_> = setters.into_iter().map(|one| one.join().unwrap()).collect();
            assert_eq!(cell.get(), Some(&made));
            match won.iter().position(|&won| won) {
                Some(winner) => assert_eq!(made, winner),
                None => assert_eq!(made, 8),
            }
            assert!(won.iter().filter(|&&won| won).count() <= 1);
        }
    }

    fn a_once_lock_stays_empty_after_a_panic_or_an_exit() {
        for exits in [false, true] {
            let cell = leaked(OnceLock::new());
            let (tx, rx) = bounded::<()>(0);
            let first = spawn(move || {
                cell.get_or_init(|| {
                    rx.recv().unwrap();
                    if exits {
                        goexit();
                    }
                    std::panic::resume_unwind(Box::new("no value"));
                });
            });
            settle();
            // One of the goroutines that wait then runs its own initialiser.
            let calls = Arc::new(AtomicUsize::new(0));
            let others: Vec<_> = (0..10)
                .map(|_| {
                    let calls = calls.clone();
                    parked(OnceDo, move || {
                        *cell.get_or_init(|| {
                            yield_now();
                            calls.fetch_add(1, SeqCst)
                        })
                    })
                })
                .collect();
            assert_eq!(cell.get(), None);
            tx.send(()).unwrap();
            assert!(first.join().is_err());
            assert!(others.into_iter().all(|other| other.join().unwrap() == 0));
            assert_eq!(calls.load(SeqCst), 1);
            assert_eq!(cell.get(), Some(&0));
        }
    }

    // PA: nothing cancels an exit.
    fn an_exiting_goroutine_does_not_wait() {
        let once = leaked(Once::new());
        let (tx, rx) = bounded::<()>(0);
        let first = spawn(move || once.call_once(|| rx.recv().unwrap()));
        settle();
        let exiting = spawn(move || {
            drop(recover(|| std::panic::catch_unwind(|| goexit())));
            once.call_once(|| unreachable!());
            unreachable!();
        });
        assert!(exiting.join().unwrap_err().is_exited());
        tx.send(()).unwrap();
        first.join().unwrap();
    }

    // ON09
    fn an_initialiser_that_fails_leaves_the_cell_empty() {
        let cell = leaked(OnceLock::<u32>::new());
        assert_eq!(cell.get_or_try_init(|| Err("no")), Err("no"));
        assert_eq!(cell.get(), None);
        assert!(recover(|| cell.get_or_try_init(|| -> Result<u32, ()> { panic!("on purpose") })).is_err());
        assert_eq!(cell.get(), None);
        let exits = spawn(move || { let _ = cell.get_or_try_init(|| -> Result<u32, ()> { goexit() }); });
        assert!(exits.join().unwrap_err().is_exited());
        assert_eq!(cell.get(), None);
        assert_eq!(cell.get_or_try_init(|| Ok::<_, ()>(1)), Ok(&1));
        assert_eq!(cell.get_or_try_init(|| -> Result<_, ()> { unreachable!("there is a value") }), Ok(&1));
        assert_eq!((cell.set(2), cell.get_or_init(|| 2)), (Err(2), &1));
    }

    // ON10
    fn one_initialiser_runs_at_a_time_and_if_it_fails_another_runs() {
        let cell = leaked(OnceLock::<usize>::new());
        let (runs, at_once) = (leaked(AtomicUsize::new(0)), leaked(AtomicUsize::new(0)));
        let (tx, go_on) = bounded::<()>(0);
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let go_on = go_on.clone();
                spawn(move || cell.get_or_try_init(|| {
                    assert_eq!(at_once.fetch_add(1, SeqCst), 0);
                    let run = runs.fetch_add(1, SeqCst);
                    let _ = go_on.recv();
                    yield_now();
                    at_once.fetch_sub(1, SeqCst);
                    if run < 4 { Err(run) } else { Ok(run) }
                }).copied())
            })
            .collect();
        settle();
        assert_eq!((waiting(OnceDo), runs.load(SeqCst)), (9, 1));
        tx.send(()).unwrap();
        settle();
        assert_eq!((waiting(OnceDo), runs.load(SeqCst)), (8, 2));
        drop(tx);
        let mut results: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        results.sort();
        assert_eq!(results[..6], [Ok(4); 6]);
        assert_eq!(results[6..], [Err(0), Err(1), Err(2), Err(3)]);
        assert_eq!(runs.load(SeqCst), 5);
    }
}
