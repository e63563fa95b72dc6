//! `#[gort::test(bubble)]`.
//!
//! The tests that fail do so in a process that another test has started.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::time::{now, sleep};
use gort_tests::role;
use std::env;
use std::num::ParseIntError;
use std::process::Command;

const HOUR: Duration = Duration::from_secs(3600);

fn is_bad() -> bool {
    role().as_deref() == Some("bad")
}

#[gort::test(bubble)]
fn bubble_1_waits_for_ever_if_bad() {
    let (tx, rx) = bounded(1);
    if is_bad() {
        rx.recv().unwrap();
    }
    tx.send(()).unwrap();
}

#[gort::test(bubble, timeout = "20s")]
fn bubble_2_returns_a_result() -> Result<(), ParseIntError> {
    let start = now();
    let number = go!(|| {
        sleep(HOUR);
        "3600".parse::<u64>()
    });
    assert_eq!(number.join().unwrap()?, (now() - start).as_secs());
    assert_eq!(gort::current().name(), Some("bubble_2_returns_a_result"));
    Ok(())
}

#[gort::test(bubble)]
#[should_panic(expected = "as it should")]
fn bubble_3_should_panic() {
    sleep(HOUR);
    panic!("as it should");
}

#[gort::test(bubble, timeout = "1s")]
fn bubble_4_is_busy_if_bad() {
    while is_bad() {
        // The bubble's clock stands still, because this goroutine never waits. Real time passes.
        gort::yield_now();
    }
}

#[gort::test(bubble)]
fn bubble_5_returns_an_error_if_bad() -> Result<(), ParseIntError> {
    let text = if is_bad() { "no number" } else { "1" };
    text.parse::<u32>().map(drop)
}

// VT21
#[test]
fn a_bubble_that_fails_leaves_the_others_alone() {
    if role().is_some() {
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["bubble_", "--test-threads=1"])
        .env("GORT_TESTS_ROLE", "bad")
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for words in [
        "test bubble_1_waits_for_ever_if_bad ... FAILED",
        "deadlock: all goroutines in bubble are blocked\n\ngoroutine ",
        "\"bubble_1_waits_for_ever_if_bad\" [chan receive]:",
        "test bubble_2_returns_a_result ... ok",
        "test bubble_3_should_panic - should panic ... ok",
        "test bubble_4_is_busy_if_bad ... FAILED",
        "test bubble_4_is_busy_if_bad timed out after 1s\n",
        "test bubble_5_returns_an_error_if_bad ... FAILED",
        "the test returned ParseIntError",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}
