//! Tests the deadlock report with nested and concurrent `run`, with endless time limits, and while
//! standard error is locked. The report is never missing and never false.
//!
//! A scenario is a process without libtest's threads, which could wake any goroutine. It is this
//! executable, which becomes the scenario before libtest begins.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::prelude::*;
use gort::runtime::run;
use gort::sync::{Condvar, RwLock, Semaphore};
use gort::time::{Ticker, Timer, after_func, sleep, sleep_until};
use std::env;
use std::io::{Read, stderr};
use std::process::{Command, Stdio, exit};
use std::thread;
use std::time::Instant;

/// Environment variable with the scenario that a process runs.
const SCENARIO: &str = "GORT_FAULT_DEADLOCK_SCENARIO";
/// A scenario that runs longer counts as hanging.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs before `main`, while this process has one thread.
extern "C" fn become_scenario() {
    if let Ok(name) = env::var(SCENARIO) {
        scenario(&name);
        println!("came to its end");
        exit(0);
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = become_scenario;

/// How a scenario ended, and what it printed on both outputs.
struct Ended {
    status: Option<i32>,
    said: String,
}

fn run_scenario(name: &str, procs: &str) -> Ended {
    let mut child = Command::new(env::current_exe().unwrap())
        .env(SCENARIO, name)
        .env("GORT_MAXPROCS", procs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = thread::spawn(move || {
        let mut text = String::new();
        drop(out.read_to_string(&mut text));
        text
    });
    let err = thread::spawn(move || {
        let mut text = String::new();
        drop(err.read_to_string(&mut text));
        text
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill().unwrap();
            drop(child.wait());
            panic!(
                "{name} with {procs} Ps hangs\n{}\n{}",
                out.join().unwrap(),
                err.join().unwrap()
            );
        }
        thread::sleep(Duration::from_millis(2));
    };
    Ended {
        status: status.code(),
        said: out.join().unwrap() + &err.join().unwrap(),
    }
}

/// Checks that the scenario ends with a report that contains `words`.
fn is_reported(name: &str, words: &[&str]) {
    for procs in ["1", "2", "8"] {
        let ended = run_scenario(name, procs);
        let said = &ended.said;
        assert_eq!(ended.status, Some(2), "{name} with {procs} Ps: {said}");
        for word in words.iter().chain(&["asleep - deadlock!\n\ngoroutine "]) {
            assert!(
                said.contains(word),
                "{name} with {procs} Ps: no {word:?} in {said}"
            );
        }
    }
}

/// Checks that nothing is reported: the scenario reaches its end.
fn comes_to_its_end(name: &str) {
    for procs in ["1", "2", "8"] {
        let ended = run_scenario(name, procs);
        assert_eq!(
            (ended.status, ended.said.as_str()),
            (Some(0), "came to its end\n"),
            "{name} with {procs} Ps"
        );
    }
}

/// Waits for a value that no goroutine sends.
fn wait_in_vain() {
    let (_tx, rx) = bounded::<()>(0);
    rx.recv().unwrap();
}

/// Waits until the others have gone to sleep, as far as this can be known.
fn a_while() {
    thread::sleep(Duration::from_millis(200));
}

/// Longer than any clock can express.
const FOR_EVER: Duration = Duration::MAX;
/// A time that the clock can express.
const TWO_CENTURIES: Duration = Duration::from_secs(200 * 365 * 86_400);

/// Operations with a limit that never comes. Each of them alone is a deadlock.
const ENDLESS: &[(&str, fn())] = &[
    ("sleep", || sleep(FOR_EVER)),
    ("sleep two centuries", || sleep(TWO_CENTURIES)),
    ("sleep until", || {
        sleep_until(Instant::now() + TWO_CENTURIES);
    }),
    ("receive", || {
        let (_tx, rx) = bounded::<()>(0);
        let _ = rx.recv_timeout(FOR_EVER);
    }),
    ("receive until", || {
        let (_tx, rx) = bounded::<()>(0);
        let _ = rx.recv_deadline(Instant::now() + TWO_CENTURIES);
    }),
    ("send", || {
        let (tx, _rx) = bounded(0);
        let _ = tx.send_timeout((), FOR_EVER);
    }),
    ("select", || {
        let (_tx, rx) = bounded::<()>(0);
        select! {
            _ = <-rx => {}
            after(FOR_EVER) => {}
        }
    }),
    ("lock", || {
        let mutex = Mutex::new(());
        let _guard = mutex.lock();
        drop(mutex.lock_timeout(FOR_EVER));
    }),
    ("read", || {
        let lock = RwLock::new(());
        let _guard = lock.write();
        drop(lock.read_timeout(FOR_EVER));
    }),
    ("write", || {
        let lock = RwLock::new(());
        let _guard = lock.read();
        drop(lock.write_timeout(FOR_EVER));
    }),
    ("condition", || {
        let mutex = Mutex::new(());
        let condition = Condvar::new();
        let _ = condition.wait_timeout(mutex.lock(), FOR_EVER);
    }),
    ("permits", || {
        let permits = Semaphore::new(0);
        drop(permits.acquire_timeout(1, FOR_EVER));
    }),
    ("timer", || {
        let timer = Timer::new(FOR_EVER);
        timer.recv().unwrap();
    }),
    ("ticker", || {
        let ticker = Ticker::new(FOR_EVER);
        ticker.recv().unwrap();
    }),
    ("timer in a select", || {
        let timer = Timer::new(FOR_EVER);
        select! {
            _ = <-timer => {}
        }
    }),
    ("function", || {
        let _timer = after_func(FOR_EVER, || unreachable!());
        wait_in_vain();
    }),
    ("context", || {
        let (ctx, _cancel) = Context::background().with_timeout(TWO_CENTURIES);
        let _ended = ctx.done().recv();
    }),
    ("several", || {
        go!(|| sleep(FOR_EVER));
        let (_tx, rx) = bounded::<()>(0);
        let _ = rx.recv_timeout(FOR_EVER);
    }),
];

fn scenario(name: &str) {
    match name {
        "nested" => run(|| {
            run(|| ());
            wait_in_vain();
        }),
        "nested in a goroutine" => run(|| {
            go!(|| run(|| ())).join().unwrap();
            wait_in_vain();
        }),
        "nested and blocking" => run(|| {
            gort::blocking(|| run(gort::yield_now));
            wait_in_vain();
        }),
        "nested that panics" => run(|| {
            gort::recover(|| run(|| std::panic::resume_unwind(Box::new(0)))).unwrap_err();
            wait_in_vain();
        }),
        "without an outer run" => {
            let (tx, rx) = bounded(0);
            let inner = gort::spawn(move || run(move || rx.recv()));
            a_while();
            tx.send(1).unwrap();
            assert_eq!(inner.join().unwrap(), Ok(1));
        }
        "beside a thread" => {
            // The main of the thread's runtime is stuck, and so is ours.
            thread::spawn(|| run(wait_in_vain));
            run(wait_in_vain);
        }
        "beside a thread that is done" => {
            thread::spawn(|| {
                a_while();
                run(gort::yield_now);
            });
            run(wait_in_vain);
        }
        "one after the other" => {
            for _ in 0..3 {
                run(|| run(|| ()));
            }
            run(|| {
                run(|| ());
                wait_in_vain();
            });
        }
        "sent when an inner main has been left for good" => {
            let (tx, rx) = bounded(0);
            let receiver = gort::spawn(move || {
                go!(|| run(|| gort::goexit()));
                rx.recv()
            });
            a_while();
            tx.send(1).unwrap();
            assert_eq!(receiver.join().unwrap(), Ok(1));
        }
        "holds stderr" => {
            // While this thread exists, sysmon looks for the deadlock. Sysmon's thread does not
            // hold the lock.
            thread::spawn(a_while);
            run(|| {
                let _lock = stderr().lock();
                wait_in_vain();
            });
        }
        name => {
            let (_, wait) = ENDLESS.iter().find(|(known, _)| *known == name).unwrap();
            let wait = *wait;
            run(move || {
                wait();
                unreachable!("{FOR_EVER:?} is over");
            });
        }
    }
}

// FT11
#[test]
fn a_deadlock_is_reported_after_a_nested_run() {
    is_reported("nested", &["\"main\" [chan receive]"]);
    is_reported("one after the other", &["\"main\" [chan receive]"]);
}

#[test]
fn a_deadlock_is_reported_after_a_run_in_a_goroutine_in_blocking_and_one_that_panics() {
    is_reported("nested in a goroutine", &["\"main\" [chan receive]"]);
    is_reported("nested and blocking", &["\"main\" [chan receive]"]);
    is_reported("nested that panics", &["\"main\" [chan receive]"]);
}

// FT11
#[test]
fn a_main_that_a_thread_can_still_wake_is_not_reported() {
    comes_to_its_end("without an outer run");
}

#[test]
fn a_thread_can_still_wake_others_after_an_inner_main_has_called_goexit() {
    comes_to_its_end("sent when an inner main has been left for good");
}

#[test]
fn mains_of_several_threads_are_reported_when_all_are_stuck() {
    is_reported("beside a thread", &["\"main\" [chan receive]"]);
}

#[test]
fn a_main_is_reported_after_another_threads_has_returned() {
    is_reported("beside a thread that is done", &["\"main\" [chan receive]"]);
}

// FT11
#[test]
fn the_report_does_not_wait_for_the_holder_of_standard_error() {
    is_reported("holds stderr", &["\"main\" [chan receive]"]);
}

#[test]
fn a_wait_with_an_endless_limit_is_no_timer() {
    let stuck: Vec<_> = thread::scope(|s| {
        let waits = ENDLESS.iter().map(|&(name, _)| {
            (
                name,
                s.spawn(move || is_reported(name, &["goroutine 1 \"main\" ["])),
            )
        });
        let waits: Vec<_> = waits.collect();
        waits
            .into_iter()
            .filter_map(|(name, wait)| wait.join().is_err().then_some(name))
            .collect()
    });
    assert_eq!(stuck, [""; 0], "these are not reported");
}
