//! EX: runs programs under many schedules. The tests check that a seed is one schedule, how
//! programs fail, and what failed programs leave behind.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::explore::{Failure, FailureKind, Options, Strategy};
use gort::prelude::*;
use gort::runtime::{goroutines, num_goroutines};
use gort::sync::Condvar;
use gort_tests::claims;
use std::cell::Cell;
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::{env, thread};

const STRATEGIES: [Strategy; 3] = [
    Strategy::Random,
    Strategy::Pct { changes: 3 },
    Strategy::Exhaustive,
];

/// Returns which goroutine took which step, in one schedule of five goroutines that use several
/// primitives.
fn steps_of_five(seed: u64) -> Vec<(u32, u32)> {
    let steps = Arc::new(StdMutex::new(Vec::new()));
    let log = Arc::clone(&steps);
    let program = move || {
        let lock = Arc::new(Mutex::new(()));
        let (tx, rx) = bounded(1);
        let all = WaitGroup::new();
        for who in 0..5 {
            let (log, lock, tx, rx) = (log.clone(), lock.clone(), tx.clone(), rx.clone());
            all.go(move || {
                for step in 0..4 {
                    log.lock().unwrap().push((who, step));
                    drop(lock.lock());
                    select! {
                        tx <- who => {}
                        _ = <-rx => {}
                    }
                    gort::time::sleep(Duration::from_millis(1));
                }
            });
        }
        all.wait();
        while rx.try_recv().is_ok() {}
    };
    // Which goroutines are stuck in the end (all send, or all receive) does not matter here.
    drop(Options::new().schedules(1).seed(seed).run(program));
    let steps = steps.lock().unwrap();
    steps.clone()
}

claims! {
    // EX01
    fn one_seed_is_one_schedule_whatever_else_runs() {
        let first = steps_of_five(7);
        assert!(first.len() >= 5, "{first:?}");
        let stop = Arc::new(AtomicBool::new(false));
        let busy = thread::spawn({
            let stop = Arc::clone(&stop);
            move || while !stop.load(SeqCst) { std::hint::spin_loop() }
        });
        for _ in 0..100 {
            assert_eq!(steps_of_five(7), first);
        }
        stop.store(true, SeqCst);
        busy.join().unwrap();
        assert!((0..50).any(|seed| steps_of_five(seed) != first));
    }
}

// EX01
#[test]
fn one_seed_is_one_schedule_in_each_process() {
    let steps_in_process = |procs: &str| {
        let exe = env::current_exe().unwrap();
        let output = Command::new(exe)
            .args([
                "prints_the_steps_of_seed_7",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env("GORT_MAXPROCS", procs)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.contains("[(")).unwrap();
        line[line.find("[(").unwrap()..line.find(")]").unwrap()].to_owned()
    };
    assert_eq!(steps_in_process("1"), steps_in_process("8"));
}

#[gort::test]
#[ignore = "for another process"]
fn prints_the_steps_of_seed_7() {
    println!("{:?}", steps_of_five(7));
}

fn panics() {
    let (tx, rx) = bounded(1);
    go!(clone [tx]; { _ = tx.send(1); });
    go!(move || _ = tx.send(2));
    assert_eq!(rx.recv(), Ok(1), "the first is 1");
}

fn deadlocks() {
    let locks = [Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2))];
    let [a, b] = locks.clone();
    let other = go!(name = "ba"; {
        let _b = b.lock();
        drop(a.lock());
    });
    let _a = locks[0].lock();
    drop(locks[1].lock());
    drop(_a);
    other.join().unwrap();
}

fn leaks() {
    let place = Arc::new((Mutex::new(false), Condvar::new()));
    go!(name = "waiter", clone [place]; {
        let full = place.0.lock();
        drop(place.1.wait(full));
    });
    *place.0.lock() = true;
    place.1.notify_one();
}

fn never_ends() {
    loop {
        yield_now();
    }
}

/// A program, how it fails, and words of the failure's message.
type Failing = (fn(), FailureKind, &'static [&'static str]);

const PROGRAMS: [Failing; 4] = [
    (
        panics,
        FailureKind::Panic,
        &["goroutine 1 panicked", "the first is 1"],
    ),
    (
        deadlocks,
        FailureKind::Deadlock,
        &[
            "goroutine 1 [sync.Mutex.Lock]",
            "goroutine 2 \"ba\" [sync.Mutex.Lock]",
        ],
    ),
    (
        leaks,
        FailureKind::Leak,
        &["\"waiter\" [sync.Cond.Wait] at tests/tests/explore.rs:"],
    ),
    (
        never_ends,
        FailureKind::TooManySteps,
        &["the schedule did not end within 10000 steps"],
    ),
];

fn options() -> Options {
    Options::new().max_steps(10_000)
}

// EX03
#[gort::test]
fn the_four_kinds_of_failure_are_told_apart() {
    for (program, kind, words) in PROGRAMS {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let failure = options()
            .run(move || {
                counted.fetch_add(1, SeqCst);
                program();
            })
            .unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure}");
        for words in words {
            assert!(failure.message().contains(words), "{failure}");
        }
        assert_eq!(failure.schedules(), u64::from(runs.load(SeqCst)));
        assert!(
            failure.to_string().contains("tests/tests/explore.rs:"),
            "{failure}"
        );
    }
}

// EX03
#[gort::test]
fn an_unjoined_panic_is_a_failure_and_a_joined_one_is_not() {
    let at_once = || {
        go!(name = "careless"; { panic!("for nobody") });
    };
    let later = || {
        let handle = go!(name = "careless"; { panic!("for nobody") });
        while !handle.is_finished() {
            yield_now();
        }
    };
    let scoped = || {
        let scope = gort::recover(|| gort::scope(|s| _ = s.spawn(|| panic!("for the scope"))));
        assert!(scope.is_err());
    };
    for program in [at_once as fn(), later] {
        let failure = options().run(program).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Panic);
        assert_eq!(
            failure.message(),
            "goroutine 2 \"careless\" panicked: for nobody"
        );
    }
    let joins = || assert!(go!(|| panic!("for who joins")).join().is_err());
    assert!(options().schedules(20).run(joins).is_ok());
    // A scope passes the panic on to its caller.
    assert!(options().schedules(20).run(scoped).is_ok());
}

// EX02
#[gort::test]
fn a_failure_is_repeated_by_its_seed() {
    for (program, ..) in PROGRAMS {
        for strategy in STRATEGIES {
            let failure = options().strategy(strategy).run(program).unwrap_err();
            let again = options()
                .schedules(1)
                .seed(failure.seed())
                .run(program)
                .unwrap_err();
            assert_eq!(again.to_string(), failure.to_string());
            assert_eq!((again.kind(), again.schedules()), (failure.kind(), 1));
            assert_eq!(again.seed(), failure.seed());
        }
    }
}

// EX02
#[gort::test]
fn a_long_path_that_no_seed_can_hold_is_found_again_by_counting() {
    // Between any two choices that matter there are many that do not.
    let program = || {
        let other = go!(|| drop(Mutex::new(()).lock()));
        let mine = Mutex::new(());
        let arms = [(); 4].map(|()| {
            (0..40).for_each(|_| drop(mine.lock()));
            let (a, b) = (bounded(1), bounded(1));
            a.0.send(()).unwrap();
            b.0.send(()).unwrap();
            select! {
                _ = <-a.1 => 0,
                _ = <-b.1 => 1,
            }
        });
        other.join().unwrap();
        assert_ne!(arms, [1; 4]);
    };
    let exhaustive = Options::new()
        .strategy(Strategy::Exhaustive)
        .schedules(100_000);
    let failure = exhaustive.run(program).unwrap_err();
    assert_eq!(
        failure.seed() >> 60,
        0xD,
        "the seed is not the number of a schedule: {failure}"
    );
    let again = Options::new()
        .schedules(1)
        .seed(failure.seed())
        .run(program)
        .unwrap_err();
    assert_eq!(again.to_string(), failure.to_string());
}

/// Runs one of the tests below in a process with a seed. Returns what the process prints.
fn with_seed(test: &str, seed: u64) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("GORT_EXPLORE_SEED", seed.to_string())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

// EX02
#[gort::test]
fn the_environments_seed_is_run_first() {
    let failure = options().run(deadlocks).unwrap_err();
    let said = with_seed("tells_what_it_finds", failure.seed());
    assert!(said.contains(&format!("after 1: {failure}")), "{said}");
}

#[gort::test(leaks = "allow")]
#[ignore = "for another process"]
fn tells_what_it_finds() {
    let failure = options().run(deadlocks).unwrap_err();
    println!("after {}: {failure}", failure.schedules());
}

// EX08
#[gort::test]
fn a_spinner_that_yields_starves_no_other_goroutine() {
    for strategy in STRATEGIES {
        let report = Options::new()
            .strategy(strategy)
            .schedules(1_000)
            .max_steps(200)
            .run(|| {
                let flag = Arc::new(AtomicBool::new(false));
                for _ in 0..2 {
                    go!(clone [flag]; {
                        while !flag.load(SeqCst) {
                            yield_now();
                        }
                    });
                }
                let setter = go!(clone [flag]; { flag.store(true, SeqCst) });
                while !flag.load(SeqCst) {
                    yield_now();
                }
                setter.join().unwrap();
            });
        assert!(report.is_ok(), "{strategy:?}: {report:?}");
    }
}

gort::goroutine_local! {
    static SEEN: Cell<u32> = const { Cell::new(0) };
}

claims! {
    // EX09
    fn every_schedule_starts_afresh() {
        let before = num_goroutines();
        let first = gort::time::now();
        let panicked = Arc::new(AtomicU32::new(0));
        let panics = Arc::clone(&panicked);
        let report = Options::new().strategy(Strategy::Random).run(move || {
            // The schedule's root goroutine is one more.
            assert_eq!(num_goroutines(), before + 1);
            assert_eq!(SEEN.replace(1), 0);
            let start = gort::time::now();
            assert!(
                start - first < Duration::from_secs(3_000),
                "a clock of another schedule"
            );
            gort::time::sleep(Duration::from_secs(3_600));
            assert_eq!(gort::time::now() - start, Duration::from_secs(3_600));
            let failing = go!(|| {
                assert_eq!(SEEN.replace(1), 0);
                panic!("as it should");
            });
            panics.fetch_add(u32::from(failing.join().is_err()), SeqCst);
        });
        assert_eq!(report.unwrap().schedules, 1_000);
        assert_eq!(panicked.load(SeqCst), 1_000);
        assert_eq!(num_goroutines(), before);
    }

    // EX09: the goroutines of a schedule that fails are no longer counted, and disturb no other
    // schedule.
    fn what_a_failure_leaves_behind_does_not_count() {
        let before = num_goroutines();
        for (program, ..) in PROGRAMS {
            options().run(program).unwrap_err();
            assert_eq!(num_goroutines(), before);
            assert_eq!(goroutines().len(), before);
        }
        assert!(
            Options::new()
                .schedules(100)
                .run(|| drop(go!(|| yield_now())))
                .is_ok()
        );
    }
}

/// Starts goroutines in the order of a map with random keys.
fn by_hash() {
    let map: HashMap<u32, u32> = (0..8).map(|n| (n, n)).collect();
    let sum = Arc::new(Mutex::new(0));
    for &n in map.values() {
        go!(clone [sum]; {
            for _ in 0..n {
                *sum.lock() += 1;
            }
        });
    }
    panic!("fails in any case");
}

// EX10
#[gort::test]
fn a_program_that_is_not_deterministic_is_reported() {
    let says_so = |failure: &Failure| {
        failure.kind() == FailureKind::OtherChoices
            && failure.message().contains("met other choices")
    };
    let random = Options::new().strategy(Strategy::Random).schedules(20);
    let failures = (0..20).map(|seed| random.seed(seed).run(by_hash).unwrap_err());
    let replayed = failures.map(|failure| {
        let again = Options::new().schedules(1).seed(failure.seed());
        again.run(by_hash).unwrap_err()
    });
    // Some replays do not notice: if the program panics before the other goroutines run, the
    // schedule is the same by chance.
    assert!(replayed.filter(says_so).count() > 10);
    // A strategy that runs every schedule notices without a replay.
    let runs = AtomicU32::new(0);
    let failure = Options::new().strategy(Strategy::Exhaustive).run(move || {
        let n = 1 + runs.fetch_add(1, SeqCst) % 2;
        let lock = Arc::new(Mutex::new(()));
        let all: Vec<_> = (0..n)
            .map(|_| go!(clone [lock]; { drop(lock.lock()) }))
            .collect();
        drop(lock.lock());
        all.into_iter().for_each(|handle| handle.join().unwrap());
    });
    assert!(says_so(&failure.unwrap_err()));
}

// EX10: with the old seed a corrected program passes, or the mismatch is reported.
#[gort::test]
fn the_old_seed_gives_no_other_kind_of_failure_for_a_corrected_program() {
    let failure = Options::new().run(deadlocks).unwrap_err();
    let fixed = || {
        let a = Arc::new(Mutex::new(1));
        let other = go!(clone [a]; { drop(a.lock()) });
        drop(a.lock());
        other.join().unwrap();
    };
    let again = Options::new().schedules(1).seed(failure.seed());
    let told = again.run(fixed).map_err(|failure| failure.kind());
    assert!(
        matches!(told, Ok(_) | Err(FailureKind::OtherChoices)),
        "{told:?}"
    );
}

#[gort::test(explore = 500)]
fn the_attribute_explores() {
    let count = Arc::new(Mutex::new(0));
    let other = go!(clone [count]; { *count.lock() += 1; });
    *count.lock() += 1;
    other.join().unwrap();
    assert_eq!(*count.lock(), 2);
}

#[gort::test(explore = 500)]
#[should_panic(expected = "to repeat it, set GORT_EXPLORE_SEED=")]
fn the_attribute_panics_with_the_failures_text() {
    panics();
}
