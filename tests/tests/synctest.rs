//! Bubbles: a clock that jumps when all are blocked.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::bounded;
use gort::prelude::*;
use gort::sync::Mutex;
use gort::synctest;
use gort::time::{Ticker, Timer, now, sleep};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What a bubble panics with.
fn panic_of<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> String {
    let result = catch_unwind(AssertUnwindSafe(|| synctest::run(f)));
    let payload = result.err().expect("no panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

/// VT01: an hour passes at once, and is exactly one.
#[gort::test]
fn the_clock_jumps_when_all_are_blocked() {
    let real = Instant::now();
    let passed = synctest::run(|| {
        let start = now();
        sleep(HOUR);
        now() - start
    });
    assert_eq!(passed, HOUR);
    assert!(real.elapsed() < HOUR);
}

/// VT02: the waiter sees what a chain of a hundred has done.
#[gort::test]
fn wait_returns_when_all_others_are_blocked_or_gone() {
    for _ in 0..50 {
        let done = synctest::run(|| {
            let (first, mut rx) = bounded::<()>(0);
            for _ in 0..100 {
                let (tx, next) = bounded(0);
                go!(move || {
                    rx.recv().unwrap();
                    tx.send(())
                });
                rx = next;
            }
            let done = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&done);
            go!(move || {
                rx.recv().unwrap();
                theirs.store(true, Relaxed);
            });
            synctest::wait();
            assert!(!done.load(Relaxed));
            first.send(()).unwrap();
            synctest::wait();
            done.load(Relaxed)
        });
        assert!(done);
    }
}

/// VT03: what a timer delivers is the moment at which it was due, whenever it is read.
#[gort::test]
fn timers_are_exact() {
    synctest::run(|| {
        let start = now();
        let timer = Timer::new(SECOND);
        assert_eq!(timer.recv().unwrap() - start, SECOND);
        timer.reset(2 * SECOND);
        sleep(5 * SECOND);
        assert_eq!(timer.recv().unwrap() - start, 3 * SECOND);
        assert_eq!(now() - start, 6 * SECOND);
        timer.reset(3 * SECOND);
        sleep(SECOND);
        timer.reset(3 * SECOND);
        assert_eq!(timer.recv().unwrap() - start, 10 * SECOND);
        assert_eq!(now() - start, 10 * SECOND);
    });
}

const DEADLOCK: &str = "deadlock: all goroutines in bubble are blocked\n";

/// VT08: with the root alive.
#[gort::test(leaks = "allow")]
fn a_root_that_can_never_run_is_a_deadlock() {
    let text = panic_of(|| {
        let (_tx, rx) = bounded::<()>(0);
        rx.recv()
    });
    assert!(text.starts_with(DEADLOCK), "{text}");
    assert!(text.contains("[chan receive]"), "{text}");
    assert!(text.contains("synctest.rs"), "{text}");
}

/// VT08: with the root gone.
#[gort::test(leaks = "allow")]
fn a_goroutine_left_behind_is_a_deadlock() {
    let text = panic_of(|| {
        go!(name = "left"; {
            let (_tx, rx) = bounded::<()>(0);
            rx.recv()
        });
    });
    assert!(text.starts_with(DEADLOCK), "{text}");
    assert_eq!(text.matches("\ngoroutine ").count(), 1, "{text}");
    assert!(text.contains("\"left\" [chan receive]"), "{text}");
}

/// VT08: a ticker that nobody waits for does not hide it.
#[gort::test(leaks = "allow")]
fn a_ticker_keeps_nobody_alive() {
    let text = panic_of(|| {
        let _ticker = Ticker::new(SECOND);
        let (_tx, rx) = bounded::<()>(0);
        rx.recv()
    });
    assert!(text.starts_with(DEADLOCK), "{text}");
}

/// VT15: who waits for a lock is blocked, and its holder may sleep.
#[gort::test]
fn a_holder_may_sleep_under_a_mutex() {
    let real = Instant::now();
    let passed = synctest::run(|| {
        let start = now();
        let mutex = Arc::new(Mutex::new(()));
        let theirs = Arc::clone(&mutex);
        let (locked, has_locked) = bounded(1);
        go!(move || {
            let _guard = theirs.lock();
            locked.send(()).unwrap();
            sleep(HOUR);
        });
        has_locked.recv().unwrap();
        drop(mutex.lock());
        now() - start
    });
    assert_eq!(passed, HOUR);
    assert!(real.elapsed() < HOUR);
}

/// VT18: two mutexes in opposite orders; the report names both goroutines, and where they wait.
#[gort::test(leaks = "allow")]
fn opposite_orders_of_locks_are_reported() {
    let text = panic_of(|| {
        let locks = Arc::new([Mutex::new(()), Mutex::new(())]);
        let both = [("first", 0), ("second", 1)].map(|(name, first)| {
            let locks = Arc::clone(&locks);
            go!(name = name; {
                let _one = locks[first].lock();
                sleep(MS);
                let _other = locks[1 - first].lock();
            })
        });
        for one in both {
            one.join().unwrap();
        }
    });
    assert!(text.starts_with(DEADLOCK), "{text}");
    for name in ["first", "second"] {
        let block = format!("\"{name}\" [sync.Mutex.Lock]:\n    waits at ");
        assert!(text.contains(&block), "{text}");
    }
}
