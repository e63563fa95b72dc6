//! `#[gort::test(timeout = "…")]`: a test that is too slow fails, with all its goroutines, and the
//! other tests run.
//!
//! The tests that fail do so in a process that another test has started.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::time::{Ticker, after_func, sleep};
use gort_tests::{Ended, role, run_child};
use std::env;
use std::hint::black_box;
use std::num::ParseIntError;
use std::process::Command;
use std::thread;

/// Runs one test of this file that fails because it takes too long.
fn times_out(test: &'static str, words: &[&str]) -> Ended {
    let ended = run_child(test, "slow", &[("GORT_MAXPROCS", "2")]);
    let (_, name) = test.split_once("::").unwrap();
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(ended.status.code(), Some(101), "{said}");
    let line = format!("test {name} timed out after 1s\n\ngoroutine ");
    for words in words.iter().chain(&[line.as_str(), "1 failed"]) {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    ended
}

fn is_slow() -> bool {
    role().as_deref() == Some("slow")
}

#[gort::test(timeout = "1s")]
fn waits() {
    if is_slow() {
        let (_tx, rx) = bounded::<()>(0);
        go!(name = "beside it", clone [rx]; { rx.recv() });
        rx.recv().unwrap();
    }
}

#[test]
fn a_test_that_waits_for_ever_fails_with_its_goroutines() {
    if role().is_none() {
        let words = [
            "\"waits\" [chan receive]:\n    waits at ",
            "\"beside it\" [chan receive]:\n",
            "if it needs longer, write `#[gort::test(timeout = \"5m\")]`",
        ];
        times_out("test_attribute::waits", &words);
    }
}

#[gort::test(timeout = "1s", procs = 3)]
fn waits_elsewhere() {
    if is_slow() {
        select! {}
    }
}

#[test]
fn a_test_in_a_process_of_its_own_is_ended_there() {
    if role().is_none() {
        let words = ["with 3 Ps", "\"waits_elsewhere\" [select (no cases)]:"];
        times_out("test_attribute::waits_elsewhere", &words);
    }
}

#[gort::test(timeout = "1000ms")]
fn computes() {
    let mut n = 0_u64;
    while is_slow() {
        n = black_box(n + 1);
    }
}

#[test]
fn a_test_that_computes_for_ever_fails() {
    if role().is_none() {
        times_out("test_attribute::computes", &["\"computes\" [running]:"]);
    }
}

#[gort::test(timeout = "1s")]
fn sleeps() -> Result<(), ParseIntError> {
    if is_slow() {
        go!(|| panic!("said before"));
        sleep(Duration::from_secs(3600));
    }
    "1".parse::<i32>().map(drop)
}

#[test]
fn what_was_panicked_with_before_is_shown_too() {
    if role().is_none() {
        let ended = times_out("test_attribute::sleeps", &["\"sleeps\" [sleep]:"]);
        let times = ended.stderr.matches("said before").count();
        assert_eq!(times, 2, "by the hook, and with the test: {}", ended.stderr);
    }
}

#[gort::test(timeout = "1s")]
#[should_panic]
fn waits_and_should_panic() {
    assert!(is_slow(), "as it should");
    select! {}
}

#[test]
fn taking_too_long_is_not_the_panic_that_should_come() {
    if role().is_none() {
        let test = "test_attribute::waits_and_should_panic";
        times_out(test, &["did not panic as expected"]);
    }
}

#[gort::test(timeout = "2s")]
fn beside_others_1() {
    if is_slow() {
        select! {}
    }
}

#[gort::test]
fn beside_others_2() {
    sleep(Duration::from_millis(if is_slow() { 5_000 } else { 0 }));
}

#[test]
fn the_other_tests_of_the_process_go_on() {
    if role().is_some() {
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["beside_others_", "--test-threads=2"])
        .env("GORT_TESTS_ROLE", "slow")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    for words in [
        "test beside_others_1 ... FAILED",
        "test beside_others_2 ... ok",
        "\"beside_others_1\" [select (no cases)]:",
        "other goroutines in this process:\n\ngoroutine ",
        "\"beside_others_2\" [sleep]:",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[gort::test(timeout = "none")]
fn a_test_may_have_no_limit() {
    sleep(Duration::from_millis(10));
}

#[gort::test(timeout = "1s")]
fn takes_longer() {
    sleep(Duration::from_secs(match role().as_deref() {
        Some("slow") => 2,
        Some("endless") => 3_600,
        _ => 0,
    }));
}

#[test]
fn the_environment_replaces_the_limits_of_all_tests() {
    if role().is_some() {
        return;
    }
    let with = |limit, role| {
        let limit = [("GORT_TEST_TIMEOUT", limit)];
        run_child("test_attribute::takes_longer", role, &limit)
    };
    let unlimited = with("none", "slow");
    assert!(unlimited.status.success(), "{unlimited:?}");
    let bad = with("soon", "endless");
    assert_eq!(bad.status.code(), Some(101), "{bad:?}");
    for words in [
        "gort: GORT_TEST_TIMEOUT=\"soon\" is ignored: expected a number of seconds above zero, or `none`",
        "takes_longer timed out after 1s",
    ] {
        assert!(bad.stderr.contains(words), "no {words:?} in {bad:?}");
    }
}

#[gort::test(timeout = "1h", leaks = "allow")]
fn a_limit_goes_with_other_arguments() {
    go! {
        select! {}
    };
}

#[gort::test]
fn a_thread_helps_after_seconds() {
    if is_slow() {
        let (tx, rx) = bounded(0);
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_secs(8));
            tx.send(1).unwrap();
        });
        assert_eq!(rx.recv(), Ok(1));
        late.join().unwrap();
    }
}

#[test]
fn a_test_that_only_a_thread_can_help_is_reported_once_and_continues() {
    if role().is_some() {
        return;
    }
    let ended = run_child("test_attribute::a_thread_helps_after_seconds", "slow", &[]);
    assert!(ended.status.success(), "{ended:?}");
    let head = "gort: all goroutines are asleep";
    assert_eq!(ended.stderr.matches(head).count(), 1, "{ended:?}");
    let name = "\"a_thread_helps_after_seconds\" [chan receive]:";
    assert!(ended.stderr.contains(name), "{ended:?}");
}

#[gort::test]
fn leaves_a_goroutine_and_timers() {
    if !is_slow() {
        return;
    }
    go!(name = "forgotten"; { select! {} });
    let hour = Duration::from_secs(3_600);
    drop(after_func(hour, || unreachable!("in an hour")));
    drop(after_func(Duration::ZERO, || select! {}));
    // These do not count: no goroutine waits for them, and they start nothing.
    drop((Ticker::new(hour), gort::time::after(hour)));
}

#[gort::test]
fn leaves_a_timer() {
    drop(after_func(Duration::from_secs(3_600), || {
        unreachable!("in an hour")
    }));
}

#[test]
fn what_is_left_behind_is_told_apart_goroutines_and_timers() {
    if role().is_some() {
        return;
    }
    let ended = run_child("test_attribute::leaves_a_goroutine_and_timers", "slow", &[]);
    assert_eq!(ended.status.code(), Some(101), "{ended:?}");
    let said = ended.stdout + &ended.stderr;
    for words in [
        "the test left 2 goroutine(s) behind:",
        "\"forgotten\" [select (no cases)] at ",
        "[select (no cases)] at tests/tests/test_attribute.rs",
        ", started by a timer that was armed at tests/tests/test_attribute.rs",
        "and 1 timer(s), which are not goroutines, but will start some:\n  due in 3",
        "s, armed at tests/tests/test_attribute.rs",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    // A timer alone is not a leak, because it is not a goroutine.
    let ended = run_child("test_attribute::leaves_a_timer", "slow", &[]);
    assert!(ended.status.success(), "{ended:?}");
}
