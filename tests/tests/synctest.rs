//! Bubbles: a clock that jumps when all goroutines are blocked.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{Select, after, tick};
use gort::context::Context;
use gort::prelude::*;
use gort::sync::{Condvar, Mutex, Semaphore, oneshot};
use gort::synctest;
use gort::time::{Ticker, Timer, after_func, now, sleep};
use gort_tests::claims;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Drops the result of a call.
fn ignore<T>(_: T) {}

/// Returns the text that a bubble panics with.
fn panic_of<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> String {
    said_by(|| ignore(synctest::run(f)))
}

/// Returns the text that `f` panics with.
fn said_by(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("no panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

const DEADLOCK: &str = "deadlock: all goroutines in bubble are blocked\n";

/// Runs `wait` in a bubble together with a goroutine that sleeps for an hour. A plain thread calls
/// `end` when `wait` waits. Checks that the clock has not moved by then.
fn time_stands(wait: impl FnOnce() + Send + 'static, end: impl FnOnce() + Send + 'static) {
    let (waits, is_waiting) = mpsc::channel();
    let ender = thread::spawn(move || {
        is_waiting.recv().unwrap();
        // If the clock jumped wrongly, it would do so in this time.
        thread::sleep(20 * MS);
        end();
    });
    synctest::run(move || {
        let start = now();
        let sleeper = go!(|| sleep(HOUR));
        waits.send(()).unwrap();
        wait();
        assert_eq!(now(), start);
        sleeper.join().unwrap();
        assert_eq!(now() - start, HOUR);
    });
    ender.join().unwrap();
}

claims! {
    // VT01: an hour passes at once, and is exactly one hour.
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

    // VT02: the waiter sees what a chain of a hundred goroutines has done.
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

    // VT03: a timer delivers the moment at which it was due, whenever it is read.
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

    // VT08: the root is alive.
    fn a_root_that_can_never_run_is_a_deadlock() {
        let text = panic_of(|| {
            let (_tx, rx) = bounded::<()>(0);
            rx.recv()
        });
        assert!(text.starts_with(DEADLOCK), "{text}");
        assert!(text.contains("[chan receive]"), "{text}");
        assert!(text.contains("synctest.rs"), "{text}");
    }

    // VT08: the root has returned.
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

    // VT08: a ticker that no goroutine waits for does not hide the deadlock.
    fn a_ticker_does_not_hide_a_deadlock() {
        let text = panic_of(|| {
            let _ticker = Ticker::new(SECOND);
            let (_tx, rx) = bounded::<()>(0);
            rx.recv()
        });
        assert!(text.starts_with(DEADLOCK), "{text}");
    }

    // VT15: a goroutine that waits for a lock is blocked, and the lock's holder may sleep.
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

    // VT18: two mutexes are locked in opposite orders. The report names both goroutines, and where
    // they wait.
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

    // VT04: a goroutine that a timer starts belongs to the bubble, and so do the goroutines that it
    // starts.
    fn timers_start_goroutines_of_the_bubble() {
        synctest::run(|| {
            let start = now();
            let (tx, rx) = unbounded();
            let timer = after_func(SECOND, move || {
                tx.send(now() - start).unwrap();
                let tx = tx.clone();
                go!(move || {
                    sleep(SECOND);
                    tx.send(now() - start).unwrap();
                });
            });
            sleep(3 * SECOND);
            assert_eq!(rx.try_iter().collect::<Vec<_>>(), [SECOND, 2 * SECOND]);
            assert!(!timer.stop());
        });
    }

    // VT05: a timer that is pending when the bubble ends is not called, and its closure is dropped
    // by then.
    fn pending_timers_go_with_the_bubble() {
        struct Told(mpsc::Sender<&'static str>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.send("dropped").unwrap();
            }
        }
        let (tx, rx) = mpsc::channel();
        synctest::run(move || {
            for _ in 0..3 {
                let told = Told(tx.clone());
                after_func(SECOND, move || told.0.send("called").unwrap());
            }
        });
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), ["dropped"; 3]);
        // The next bubble finds a clean clock.
        let before = Instant::now();
        let end = synctest::run(|| {
            sleep(HOUR);
            now()
        });
        assert!(end >= before + HOUR);
        assert!(rx.try_recv().is_err());
    }

    // VT06: sleepers and timers that are due at one moment run in any order.
    fn wake_ups_due_at_one_moment_come_in_any_order() {
        let firsts = |timers: bool| {
            (0..1_000).map(move |_| {
                synctest::run(move || {
                    let (tx, rx) = unbounded();
                    for n in 0..2 {
                        let tx = tx.clone();
                        if timers {
                            after_func(SECOND, move || tx.send(n).unwrap());
                        } else {
                            go!(move || {
                                sleep(SECOND);
                                tx.send(n)
                            });
                        }
                    }
                    sleep(2 * SECOND);
                    rx.recv().unwrap()
                })
            })
        };
        for timers in [false, true] {
            let first: u32 = firsts(timers).sum();
            assert!(
                (1..1_000).contains(&first),
                "{timers}: the second was first {first} times"
            );
        }
    }

    // VT07: a timer with a duration of 0 can be read at once.
    fn a_timer_of_0_is_due() {
        synctest::run(|| {
            let start = now();
            assert_eq!(Timer::new(Duration::ZERO).try_recv(), Ok(start));
            assert_eq!(after(Duration::ZERO).try_recv(), Ok(start));
            let called = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&called);
            after_func(Duration::ZERO, move || theirs.store(true, Relaxed));
            // The timer fires after the others are blocked and before the waiter runs.
            synctest::wait();
            assert!(called.load(Relaxed));
            assert_eq!(now(), start);
        });
    }

    // VT09: waiting for what was made outside is allowed, and stops the clock.
    fn waiting_for_the_outside_holds_the_clock() {
        let (tx, rx) = bounded::<()>(0);
        time_stands(move || rx.recv().unwrap(), move || tx.send(()).unwrap());
        let (tx, rx) = bounded::<()>(0);
        time_stands(
            move || {
                let (_tx, own) = bounded::<()>(0);
                select! {
                    <-rx => {},
                    <-own => unreachable!("nobody sends"),
                    <-after(SECOND) => unreachable!("the clock stands"),
                }
            },
            move || tx.send(()).unwrap(),
        );
        let group = WaitGroup::new();
        group.add(1);
        let theirs = group.clone();
        time_stands(move || group.wait(), move || theirs.done());
        let semaphore = Semaphore::new(0);
        let theirs = semaphore.clone();
        time_stands(
            move || ignore(semaphore.acquire(1)),
            move || theirs.add_permits(1),
        );
        let (tx, rx) = oneshot::channel();
        time_stands(move || rx.recv().unwrap(), move || tx.send(()).unwrap());
        let timer = Timer::new(20 * MS);
        time_stands(move || ignore(timer.recv().unwrap()), || ());
        let timer = after(20 * MS);
        time_stands(move || ignore(timer.recv_timeout(MS).unwrap()), || ());
        let ticks = tick(20 * MS);
        time_stands(
            move || {
                select! {
                    <-ticks => {},
                    <-after(MS) => unreachable!("the clock stands"),
                }
            },
            || (),
        );
        let (ctx, cancel) = Context::background().with_timeout(HOUR);
        time_stands(move || ignore(ctx.done().recv()), move || cancel.cancel());
        let (ctx, _cancel) = Context::background().with_timeout(20 * MS);
        time_stands(move || ignore(ctx.done().recv()), || ());
        let (tx, rx) = bounded::<()>(0);
        let outside = go!(move || rx.recv().unwrap());
        time_stands(
            move || outside.join().unwrap(),
            move || tx.send(()).unwrap(),
        );
    }

    // VT10: only the bubble's goroutines may use its channels and timers.
    fn channels_and_timers_stay_in_their_bubble() {
        let make = || {
            synctest::run(|| {
                let (tx, rx) = bounded::<u32>(1);
                // After several operations without a waiter the channel's ring needs no lock.
                for n in 0..8 {
                    tx.send(n).unwrap();
                    assert_eq!(rx.recv(), Ok(n));
                }
                let (rendezvous, other_end) = bounded::<u32>(0);
                let (many, _many) = unbounded::<u32>();
                (
                    tx,
                    rx,
                    rendezvous,
                    other_end,
                    many,
                    _many,
                    Timer::new(HOUR),
                    after_func(HOUR, || ()),
                    Ticker::new(HOUR),
                    after(HOUR),
                )
            })
        };
        let (tx, rx, rendezvous, other_end, many, _many, timer, call, ticker, alarm) = &make();
        let uses: [(&str, &dyn Fn()); 25] = [
            ("send on a channel", &|| ignore(tx.send(1))),
            ("send on a channel", &|| ignore(tx.try_send(1))),
            ("send on a channel", &|| ignore(tx.send_timeout(1, MS))),
            ("send on a channel", &|| ignore(rendezvous.send(1))),
            ("send on a channel", &|| ignore(rendezvous.try_send(1))),
            ("send on a channel", &|| ignore(many.send(1))),
            ("send on a channel", &|| ignore(many.try_send(1))),
            ("receive from a channel", &|| ignore(rx.recv())),
            ("receive from a channel", &|| ignore(rx.try_recv())),
            ("receive from a channel", &|| ignore(rx.recv_timeout(MS))),
            ("receive from a channel", &|| ignore(other_end.recv())),
            ("receive from a channel", &|| ignore(other_end.try_recv())),
            ("receive from a channel", &|| ignore(timer.recv())),
            ("receive from a channel", &|| ignore(timer.try_recv())),
            ("receive from a channel", &|| ignore(alarm.recv_timeout(MS))),
            (
                "select on a channel",
                &|| select! { <-rx => {}, default => {} },
            ),
            (
                "select on a channel",
                &|| select! { <-rx => {}, <-after(MS) => {} },
            ),
            (
                "select on a channel",
                &|| select! { tx <- 1 => {}, default => {} },
            ),
            (
                "select on a channel",
                &|| select! { <-alarm => {}, <-after(MS) => {} },
            ),
            ("select on a channel", &|| {
                let mut select = Select::new();
                select.recv(rx);
                ignore(select.try_ready());
            }),
            ("close of a channel", &|| ignore(tx.close())),
            ("close of a channel", &|| ignore(rx.close())),
            ("stop of a timer", &|| ignore(timer.stop())),
            ("reset of a timer", &|| ignore(call.reset(MS))),
            ("stop of a ticker", &|| ticker.stop()),
        ];
        for (i, (words, use_it)) in uses.iter().enumerate() {
            let said = said_by(use_it);
            assert!(
                said.starts_with(&format!("{words} from outside its bubble")),
                "{i}: {said}"
            );
        }
        // The channels of another bubble are refused as well.
        let theirs = make();
        let said = panic_of(move || ignore(theirs.0.send(1)));
        assert!(
            said.starts_with("send on a channel from outside its bubble"),
            "{said}"
        );
    }

    // VT10: a value that could not be sent is dropped. Handles may be dropped anywhere, and waiters
    // notice.
    fn dropping_is_allowed_anywhere() {
        let value = Arc::new(());
        let (tx, rx) = synctest::run(|| bounded(2));
        let theirs = Arc::clone(&value);
        said_by(|| ignore(tx.send(theirs)));
        assert_eq!(Arc::strong_count(&value), 1);
        let theirs = Arc::clone(&value);
        said_by(|| ignore(tx.try_send(theirs)));
        let theirs = Arc::clone(&value);
        said_by(|| select! { tx <- theirs => {}, default => {} });
        assert_eq!(Arc::strong_count(&value), 1);
        drop(rx);
        // The channel holds a value.
        let theirs = Arc::clone(&value);
        let both = synctest::run(move || {
            let (tx, rx) = bounded(2);
            tx.send(theirs).unwrap();
            (tx, rx)
        });
        drop(both);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    // VT12: a condition variable and the bubble's clock.
    fn conditions_are_durable() {
        synctest::run(|| {
            let start = now();
            let pair = Arc::new((Mutex::new(0), Condvar::new()));
            let waiters: Vec<_> = (0..3)
                .map(|_| {
                    let pair = Arc::clone(&pair);
                    go!(move || {
                        let mut guard = pair.1.wait(pair.0.lock());
                        *guard += 1;
                        now() - start
                    })
                })
                .collect();
            sleep(MS);
            pair.1.notify_one();
            sleep(MS);
            assert_eq!(*pair.0.lock(), 1);
            pair.1.notify_all();
            let mut times: Vec<_> = waiters.into_iter().map(|one| one.join().unwrap()).collect();
            times.sort();
            assert_eq!(times, [MS, 2 * MS, 2 * MS]);
            let guard = pair.0.lock();
            assert!(pair.1.wait_timeout(guard, HOUR).1.timed_out());
            assert_eq!(now() - start, 2 * MS + HOUR);
        });
    }

    // VT13: after `wait` and after `run`, plain loads see what other goroutines did before they
    // blocked or ended.
    fn wait_and_run_come_after_what_was_done() {
        /// Adds one, but not atomically: two calls at the same time would lose one.
        fn add_one(to: &AtomicU32) {
            to.store(to.load(Relaxed) + 1, Relaxed);
        }
        for _ in 0..100 {
            let count = Arc::new(AtomicU32::new(0));
            let theirs = Arc::clone(&count);
            synctest::run(move || {
                for _ in 0..5 {
                    let theirs = Arc::clone(&theirs);
                    go!(clone [theirs]; { add_one(&theirs); });
                    synctest::wait();
                    add_one(&theirs);
                    after_func(SECOND, clone_and_add(&theirs));
                    sleep(SECOND);
                    synctest::wait();
                }
                assert_eq!(theirs.load(Relaxed), 15);
                go!(move || go!(move || add_one(&theirs)));
            });
            assert_eq!(count.load(Relaxed), 16);
        }
        fn clone_and_add(to: &Arc<AtomicU32>) -> impl FnMut() + Send + use<> {
            let to = Arc::clone(to);
            move || add_one(&to)
        }
    }

    // VT11: a wait group made in a bubble counts goroutines of that bubble only, and may be used
    // again there. A group from outside may be used inside.
    fn wait_groups_stay_in_their_bubble() {
        let group = synctest::run(|| {
            let group = WaitGroup::new();
            for _ in 0..2 {
                group.go(|| sleep(SECOND));
                group.wait();
            }
            group
        });
        let said = said_by(|| group.add(1));
        assert!(
            said.starts_with("add to a wait group from outside its bubble"),
            "{said}"
        );
        let said = panic_of(move || group.go(|| ()));
        assert!(
            said.starts_with("add to a wait group from outside its bubble"),
            "{said}"
        );
        let group = WaitGroup::new();
        let theirs = group.clone();
        synctest::run(move || {
            theirs.go(|| ());
            theirs.wait();
        });
        group.go(|| ());
        group.wait();
    }

    // VT14: a hundred bubbles at the same time, each with a hundred goroutines.
    fn bubbles_do_not_disturb_each_other() {
        let bubbles: Vec<_> = (1..=100)
            .map(|n| {
                go!(move || {
                    synctest::run(move || {
                        let start = now();
                        let group = WaitGroup::new();
                        for i in 0..100 {
                            group.go(move || sleep(n * i * SECOND));
                        }
                        group.wait();
                        now() - start
                    })
                })
            })
            .collect();
        for (n, bubble) in (1..).zip(bubbles) {
            assert_eq!(bubble.join().unwrap(), n * 99 * SECOND);
        }
    }

    // VT20: the clock stops when the root returns.
    fn a_sleeper_left_when_the_root_returns_is_in_a_deadlock() {
        let text = panic_of(|| {
            go!(name = "sleeper"; { sleep(HOUR); });
        });
        assert!(text.starts_with(DEADLOCK), "{text}");
        assert!(text.contains("\"sleeper\" [sleep]"), "{text}");
    }

    // VT20: the root's panic takes precedence over the deadlock report. It is raised when the other
    // goroutines have ended or can never run.
    fn the_panic_of_the_root_comes_first() {
        let count = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&count);
        let said = panic_of(move || {
            go!(clone [theirs]; {
                for _ in 0..100 {
                    gort::yield_now();
                }
                theirs.store(1, Relaxed);
            });
            go!(|| {
                let (_tx, rx) = bounded::<()>(0);
                rx.recv()
            });
            panic!("the root's");
        });
        assert_eq!(said, "the root's");
        assert_eq!(count.load(Relaxed), 1);
    }

    // A panic of another goroutine stays in its handle. The root's panic reaches a plain thread as
    // well, and an exit is passed on.
    fn ends_of_the_root_reach_the_caller() {
        let text = synctest::run(|| {
            let other = go!(|| panic!("another's"));
            other.join().unwrap_err().to_string()
        });
        assert!(text.contains("another's"), "{text}");
        let said = thread::spawn(|| panic_of(|| panic!("the root's")))
            .join()
            .unwrap();
        assert_eq!(said, "the root's");
        assert_eq!(thread::spawn(|| synctest::run(|| 7)).join().unwrap(), 7);
        let exited = go!(|| synctest::run(|| gort::goexit()));
        assert!(exited.join().unwrap_err().is_exited());
    }

    // Refused are a bubble in a bubble, `wait` outside a bubble, and `wait` in two goroutines.
    fn bubbles_do_not_nest_and_have_one_waiter() {
        let said = panic_of(|| synctest::run(|| ()));
        assert!(said.contains("do not nest"), "{said}");
        let said = said_by(synctest::wait);
        assert!(said.contains("outside a bubble"), "{said}");
        let said = thread::spawn(|| said_by(synctest::wait)).join().unwrap();
        assert!(said.contains("outside a bubble"), "{said}");
        // While one goroutine waits, the other one is not blocked.
        let said = synctest::run(|| {
            let both = [(); 2].map(|()| go!(synctest::wait()));
            both.map(|one| one.join().map_err(|e| e.to_string()))
        });
        let [said] = &said
            .iter()
            .filter_map(|end| end.as_ref().err())
            .collect::<Vec<_>>()[..]
        else {
            panic!("{said:?}")
        };
        assert!(said.contains("in two goroutines"), "{said}");
    }
}
