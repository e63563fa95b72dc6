//! EX: which orders there are, and that all of them are run.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::explore::{Options, Strategy};
use gort::prelude::*;
use gort::sync::Notify;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex as StdMutex;

const PCT: Strategy = Strategy::Pct { changes: 3 };

/// Returns the different outcomes of a program under the schedules that are run, and the report.
fn outcomes<T: Ord + Debug + Send + 'static>(
    options: Options,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> (BTreeSet<T>, gort::explore::Report) {
    let seen = Arc::new(StdMutex::new(BTreeSet::new()));
    let sees = Arc::clone(&seen);
    let report = options.run(move || {
        let outcome = program();
        sees.lock().unwrap().insert(outcome);
    });
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen, report.unwrap_or_else(|failure| panic!("{failure}")))
}

/// Returns the order in which two goroutines made their two steps each. A step is a lock and a
/// change under it.
fn two_steps_each() -> Vec<u32> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let both = [0, 1].map(|who| {
        go!(clone [log]; {
            log.lock().push(who);
            log.lock().push(who);
        })
    });
    for handle in both {
        handle.join().unwrap();
    }
    let log = log.lock();
    log.clone()
}

/// Like `two_steps_each`, but the goroutines share nothing that the explorer sees: there are only
/// yields between the steps.
fn two_unseen_steps_each() -> Vec<u32> {
    let log = Arc::new(StdMutex::new(Vec::new()));
    let both = [0, 1].map(|who| {
        go!(clone [log]; {
            log.lock().unwrap().push(who);
            yield_now();
            log.lock().unwrap().push(who);
        })
    });
    for handle in both {
        handle.join().unwrap();
    }
    let log = log.lock().unwrap();
    log.clone()
}

// EX06
#[gort::test]
fn every_order_of_a_small_program_is_run_and_that_is_said() {
    for program in [two_steps_each, two_unseen_steps_each] {
        let (orders, report) = outcomes(Options::new().strategy(Strategy::Exhaustive), program);
        assert_eq!(orders.len(), 6, "{orders:?}");
        assert!(report.exhausted && report.schedules < 1_000, "{report:?}");
        // Without a strategy all orders are run as well.
        let (orders, report) = outcomes(Options::new(), program);
        assert_eq!((orders.len(), report.exhausted), (6, true));
        for strategy in [Strategy::Random, PCT] {
            let (_, report) = outcomes(Options::new().strategy(strategy), program);
            assert!(!report.exhausted && report.schedules == 1_000, "{report:?}");
        }
    }
}

// EX06
#[gort::test]
fn a_run_of_fewer_schedules_than_there_are_is_not_exhausted() {
    let few = Options::new().strategy(Strategy::Exhaustive).schedules(5);
    let (_, report) = outcomes(few, two_steps_each);
    assert!(!report.exhausted && report.schedules == 5, "{report:?}");
    let (_, report) = outcomes(Options::new().schedules(0), two_steps_each);
    assert!(!report.exhausted && report.schedules == 0, "{report:?}");
}

// EX06: equivalent schedules are not run twice.
#[gort::test]
fn goroutines_that_use_different_locks_run_in_one_order() {
    let program = |shared: bool| {
        move || {
            let locks = [Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0))];
            let all = [0, 1].map(|who| {
                let lock = Arc::clone(&locks[if shared { 0 } else { who }]);
                go!(move || (0..3).for_each(|_| *lock.lock() += 1))
            });
            for handle in all {
                handle.join().unwrap();
            }
            let sum = *locks[0].lock() + *locks[1].lock();
            assert_eq!(sum, 6);
        }
    };
    let exhaustive = Options::new()
        .strategy(Strategy::Exhaustive)
        .schedules(100_000);
    let (_, apart) = outcomes(exhaustive, program(false));
    let (_, shared) = outcomes(exhaustive, program(true));
    assert!(apart.exhausted && shared.exhausted);
    // Three steps in each goroutine have 20 orders, if the order matters.
    assert!(shared.schedules >= 20, "{shared:?}");
    assert!(
        apart.schedules * 4 < shared.schedules,
        "{apart:?}, {shared:?}"
    );
}

/// Returns three choices: which of two ready arms a select takes, which of two goroutines gets a
/// lock first, and which of two timers due at one moment comes first.
fn choices() -> (u32, u32, u32) {
    let (a, b) = (bounded(1), bounded(1));
    a.0.send(()).unwrap();
    b.0.send(()).unwrap();
    let arm = select! {
        _ = <-a.1 => 0,
        _ = <-b.1 => 1,
    };
    let first = |what: fn(u32, &Mutex<()>)| {
        let (lock, order) = (
            Arc::new(Mutex::new(())),
            Arc::new(StdMutex::new(Vec::new())),
        );
        let both = [0, 1].map(|who| {
            go!(clone [lock, order]; {
                what(who, &lock);
                order.lock().unwrap().push(who);
            })
        });
        for handle in both {
            handle.join().unwrap();
        }
        let order = order.lock().unwrap();
        order[0]
    };
    let winner = first(|_, lock| drop(lock.lock()));
    let timer = first(|_, _| gort::time::sleep(Duration::from_secs(1)));
    (arm, winner, timer)
}

// EX07
#[gort::test]
fn choices_other_than_the_next_goroutine_are_explored_too() {
    for options in [
        Options::new().strategy(Strategy::Random),
        Options::new().strategy(PCT),
        Options::new(),
    ] {
        let (seen, _) = outcomes(options.schedules(200), choices);
        assert_eq!(seen.len(), 8, "{options:?}: {seen:?}");
    }
    for seed in 0..20 {
        let one = || outcomes(Options::new().schedules(1).seed(seed), choices).0;
        assert_eq!(one(), one());
    }
}

// EX07: if a select waits, the peer that comes first decides which arm runs. The explorer makes no
// choice of its own there.
#[gort::test]
fn a_select_has_as_many_outcomes_as_arms_that_are_ready() {
    let select_of_two = |ready: u32| {
        move || {
            let (a, b) = (bounded(1), bounded(1));
            for tx in [&a.0, &b.0].into_iter().take(ready as usize) {
                tx.send(()).unwrap();
            }
            select! {
                _ = <-a.1 => 0,
                _ = <-b.1 => 1,
            }
        }
    };
    let all = Options::new().strategy(Strategy::Exhaustive);
    let (two, report) = outcomes(all, select_of_two(2));
    assert_eq!((two.len(), report.schedules), (2, 2));
    let (one, report) = outcomes(all, select_of_two(1));
    assert_eq!(one.len(), 1);
    assert!(report.exhausted && report.schedules <= 2);
}

// EX06: waits of all kinds, until all orders have been run.
#[gort::test]
fn all_orders_of_other_waits_end_well() {
    let small: [fn(); 5] = [
        || {
            let (tx, rx) = bounded(0);
            let sender = go!(move || tx.send(1).unwrap());
            assert_eq!(rx.recv(), Ok(1));
            sender.join().unwrap();
            assert_eq!(rx.recv(), Err(RecvError));
        },
        || {
            let notify = Arc::new(Notify::new());
            let other = go!(clone [notify]; { notify.notify_one() });
            notify.wait();
            other.join().unwrap();
        },
        || {
            let barrier = Arc::new(gort::sync::Barrier::new(2));
            let other = go!(clone [barrier]; { barrier.wait().is_leader() });
            let mine = barrier.wait().is_leader();
            assert_ne!(other.join().unwrap(), mine);
        },
        || {
            let cell = Arc::new(gort::sync::OnceLock::new());
            let other = go!(clone [cell]; { *cell.get_or_init(|| 1) });
            let mine = *cell.get_or_init(|| 2);
            assert_eq!(other.join().unwrap(), mine);
        },
        || {
            let gate = gort::sync::Semaphore::new(1);
            let other = go!(clone [gate]; { drop(gate.acquire(1)) });
            drop(gate.acquire(1));
            other.join().unwrap();
            assert_eq!(gate.available_permits(), 1);
        },
    ];
    for (i, program) in small.into_iter().enumerate() {
        let all = Options::new()
            .strategy(Strategy::Exhaustive)
            .schedules(100_000);
        let (_, report) = outcomes(all, program);
        assert!(report.exhausted, "{i}: {report:?}");
    }
}

// EX05, EX09: the other primitives, with some schedules each.
#[gort::test]
fn all_that_waits_can_be_explored() {
    let programs: [fn(); 12] = [
        // An operation during unwinding is a point where others may run, too.
        || {
            let lock = Arc::new(Mutex::new(0));
            let (tx, rx) = bounded::<()>(0);
            let failing = go!(clone [lock]; {
                let (_tx, _guard) = (tx, lock.lock());
                panic!("as it should");
            });
            let other = go!(clone [lock]; { *lock.lock() += 1 });
            assert_eq!(rx.recv(), Err(RecvError));
            assert!(failing.join().is_err());
            other.join().unwrap();
            assert_eq!(*lock.lock(), 1);
        },
        || {
            let exits = go!(|| {
                let lock = Mutex::new(1);
                let _guard = lock.lock();
                gort::goexit();
            });
            assert!(exits.join().unwrap_err().is_exited());
        },
        || {
            let (a, b) = (Mutex::new(0), Mutex::new(0));
            gort::scope(|s| {
                s.spawn(|| *a.lock() += 1);
                s.spawn(|| *b.lock() += *a.lock());
            });
            assert_eq!(*a.lock(), 1);
        },
        || {
            let set = gort::JoinSet::new();
            for n in 1..=3 {
                set.spawn(move || {
                    yield_now();
                    n
                });
            }
            assert_eq!(set.join_all().iter().sum::<i32>(), 6);
        },
        || {
            let group = gort::sync::ErrGroup::<&str>::new();
            group.set_limit(1);
            for fails in [false, true] {
                group.go(move || if fails { Err("as it should") } else { Ok(()) });
            }
            assert_eq!(group.wait(), Err("as it should"));
        },
        || {
            let group = gort::sync::ErrGroup::<&str>::new();
            group.set_limit(1);
            let other = go!(clone [group]; { group.set_limit(2) });
            group.set_limit(3);
            other.join().unwrap();
        },
        || {
            let (tx, rx) = gort::sync::watch::channel(0);
            let writer = go!(move || (1..3).for_each(|n| tx.send(n)));
            while rx.changed().is_ok() {}
            assert_eq!(*rx.borrow(), 2);
            writer.join().unwrap();
        },
        || {
            let (tx, rx) = gort::sync::broadcast::channel(4);
            let late = tx.subscribe();
            let sender = go!(move || (0..3).for_each(|n| _ = tx.send(n)));
            for rx in [rx, late] {
                assert_eq!((0..3).map(|_| rx.recv().unwrap()).sum::<i32>(), 3);
            }
            sender.join().unwrap();
        },
        || {
            let (tx, rx) = gort::sync::oneshot::channel();
            go!(move || _ = tx.send(1));
            assert_eq!(rx.recv(), Ok(1));
        },
        || {
            let second = Duration::from_secs(1);
            let (ctx, cancel) = gort::context::Context::background().with_timeout(second);
            let late = go!(clone [ctx]; { ctx.sleep(2 * second).is_err() });
            let called = Arc::new(StdMutex::new(false));
            let theirs = Arc::clone(&called);
            ctx.after_func(move || *theirs.lock().unwrap() = true);
            assert!(late.join().unwrap());
            gort::synctest::wait();
            assert!(*called.lock().unwrap());
            cancel.cancel();
        },
        || {
            let second = Duration::from_secs(1);
            let slow = gort::time::timeout(second, move |ctx| ctx.sleep(2 * second).is_ok());
            assert_ne!(slow.ok(), Some(true));
            let ticker = gort::time::Ticker::new(second);
            let start = gort::time::now();
            ticker.recv().unwrap();
            assert_eq!(gort::time::now() - start, second);
        },
        || {
            let flights = gort::sync::SingleFlight::new();
            let other = go!(clone [flights]; { flights.run("key", || 1).0 });
            assert_eq!(flights.run("key", || 1).0 + other.join().unwrap(), 2);
        },
    ];
    for (i, program) in programs.into_iter().enumerate() {
        for strategy in [Strategy::Random, PCT, Strategy::Exhaustive] {
            let options = Options::new().strategy(strategy).schedules(200);
            let ran = options.run(program);
            assert!(ran.is_ok(), "{i}, {strategy:?}: {}", ran.unwrap_err());
        }
    }
}
