//! DL, ST: how programs end: deadlock reports, stack overflows, main returning.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const WATCHDOG: Duration = Duration::from_secs(60);
/// Number of attempts at a race.
const ROUNDS: usize = if cfg!(debug_assertions) { 5 } else { 20 };

/// Runs a scenario with `procs` Ps.
fn scenario(name: &str, procs: usize) -> Output {
    scenario_with(name, procs, |_| {})
}

/// Runs a scenario with `procs` Ps. `meanwhile` may act on the process while it runs.
fn scenario_with(name: &str, procs: usize, meanwhile: impl FnOnce(&mut Child)) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scenario"))
        .arg(name)
        .env("GORT_MAXPROCS", procs.to_string())
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    meanwhile(&mut child);
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!(
                "{name} with {procs} Ps hangs: {:?}",
                child.wait_with_output()
            );
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Checks that a scenario ends with a deadlock report that contains all of `words`.
fn is_reported(name: &str, procs: usize, words: &[&str]) {
    let output = scenario(name, procs);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{name}, {procs} Ps: {output:?}"
    );
    for word in words {
        assert!(
            stderr.contains(word),
            "{name}, {procs} Ps: no {word:?} in:\n{stderr}"
        );
    }
}

/// Checks that a scenario ends without a report, and prints `words`.
fn completes(name: &str, procs: usize, words: &str) {
    completes_with(name, procs, words, |_| {});
}

fn completes_with(name: &str, procs: usize, words: &str, meanwhile: impl FnOnce(&mut Child)) {
    let output = scenario_with(name, procs, meanwhile);
    assert!(output.status.success(), "{name}, {procs} Ps: {output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains(words),
        "{name}: {output:?}"
    );
}

// DL01, DL13
#[test]
fn a_deadlock_is_reported_with_every_goroutine_and_where_it_waits() {
    for procs in [1, 2, 4, 16] {
        for _ in 0..ROUNDS {
            is_reported(
                "stuck-receiving",
                procs,
                &[
                    "all goroutines are asleep - deadlock!",
                    "goroutine 1 \"main\" [chan receive]:",
                    "goroutine 2 \"sender\" [chan send]:",
                    "scenario.rs:",
                    "spawned at",
                ],
            );
        }
    }
}

// DL04
#[test]
fn the_report_names_each_wait_reason() {
    is_reported(
        "stuck-everywhere",
        2,
        &[
            "[sync.Mutex.Lock]:",
            "[sync.WaitGroup.Wait]:",
            "[select]:",
            "[select (no cases)]:",
            "[chan receive (nil chan)]:",
            "[chan receive]:",
            "[sync.RWMutex.RLock]:",
            "[sync.RWMutex.Lock]:",
            "[sync.Barrier.Wait]:",
        ],
    );
}

// DL15, MU03
#[test]
fn locking_a_mutex_twice_is_reported() {
    is_reported("mutex-twice", 2, &["deadlock!", "[sync.Mutex.Lock]:"]);
}

// RW05, RW09
#[test]
fn what_a_readers_writer_lock_cannot_do_is_reported() {
    for procs in [1, 2, 8] {
        let words = ["deadlock!", "[sync.RWMutex.RLock]:", "[sync.RWMutex.Lock]:"];
        is_reported("read-write-read", procs, &words);
        is_reported(
            "read-then-write",
            procs,
            &["deadlock!", "[sync.RWMutex.Lock]:"],
        );
    }
}

// TO06
#[test]
fn time_limits_that_are_never_reached_hide_no_deadlock() {
    let words = ["deadlock!", "[chan receive]:", "[timeout]:", "scenario.rs:"];
    for procs in [1, 2] {
        is_reported("stuck-with-endless-limits", procs, &words);
    }
}

// CO09, DL04
#[test]
fn waiting_for_a_flag_that_is_set_without_a_notification_is_reported() {
    let words = ["deadlock!", "[sync.Cond.Wait]:", "scenario.rs:"];
    is_reported("flag-without-notification", 2, &words);
}

// ON03, DL04
#[test]
fn a_function_that_needs_its_own_once_is_reported() {
    is_reported("once-in-once", 2, &["deadlock!", "[sync.Once.Do]:"]);
}

// NP16
#[test]
fn a_past_wait_for_a_descriptor_does_not_hide_a_deadlock() {
    for procs in [1, 2] {
        is_reported(
            "stuck-after-traffic",
            procs,
            &["deadlock!", "[chan receive (nil chan)]:"],
        );
    }
}

// DL04: `semacquire`, for permits that can never be there.
#[test]
fn waiting_for_impossible_permits_is_reported() {
    is_reported("stuck-at-a-semaphore", 2, &["deadlock!", "[semacquire]:"]);
}

// CX06: a cancelled context's deadline leaves nothing that could wake a goroutine.
#[test]
fn a_cancelled_contexts_deadline_does_not_delay_the_report() {
    for procs in [1, 2, 8] {
        let words = [
            "deadlock!",
            "goroutine 1 \"main\" [chan receive (nil chan)]:",
        ];
        is_reported("context-cancelled-before-its-deadline", procs, &words);
        completes("woken-by-deadline", procs, "woken");
    }
}

// PA20
#[test]
fn goexit_in_main_lets_the_others_finish_and_then_reports() {
    is_reported(
        "goexit-in-main",
        2,
        &["no goroutines (main called goexit) - deadlock!"],
    );
    let output = scenario("goexit-in-main-others-finish", 2);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("finished"),
        "{output:?}"
    );
}

// DL01
#[test]
fn a_deadlock_of_an_inner_main_is_reported() {
    for procs in [1, 2, 8] {
        let words = [
            "asleep - deadlock!",
            "goroutine 1 \"main\" [join]:",
            "goroutine 2 \"main\" [chan receive]:",
        ];
        is_reported("stuck-in-an-inner-main", procs, &words);
        // The caller of the inner main waits for ever, as it would on a plain thread.
        let words = ["asleep - deadlock!", "goroutine 1 \"main\" [join]:"];
        is_reported("goexit-in-an-inner-main", procs, &words);
    }
}

// DL02: the goroutine that parks last has no P, and the monitor sleeps. So its thread has to notice
// the deadlock.
#[test]
fn a_deadlock_in_a_blocking_call_is_reported() {
    for procs in [1, 2, 8] {
        for name in [
            "stuck-in-a-blocking-call",
            "locked-and-stuck-in-a-blocking-call",
        ] {
            is_reported(name, procs, &["all goroutines are asleep - deadlock!"]);
        }
    }
}

#[test]
fn a_deadlock_is_reported_although_a_thread_has_gone() {
    for procs in [1, 2, 8] {
        is_reported(
            "stuck-after-a-thread-has-gone",
            procs,
            &["all goroutines are asleep - deadlock!"],
        );
    }
}

// DL03
#[test]
fn a_deadlock_of_a_goroutine_locked_to_its_thread_is_reported() {
    for procs in [1, 2, 8] {
        is_reported("locked-and-stuck", procs, &["deadlock!"]);
        is_reported("another-locked-and-stuck", procs, &["deadlock!"]);
    }
}

// DL02
#[test]
fn a_deadlock_in_an_initialiser_is_reported() {
    for procs in [1, 2, 8] {
        let words = ["deadlock!", "goroutine 1 \"main\" [chan receive]:"];
        is_reported("stuck-in-initialiser", procs, &words);
    }
}

// TI21: timers that no goroutine waits for keep nothing alive. TI15: neither do stopped timers.
#[test]
fn goroutines_that_wait_for_stopped_timers_are_reported() {
    for procs in [1, 2, 8] {
        is_reported(
            "stuck-with-timers",
            procs,
            &[
                "all goroutines are asleep - deadlock!",
                "\"main\" [chan receive]:",
                "\"receiver\" [chan receive]:",
                "\"selects\" [select]:",
                "\"joins\" [select]:",
                "\"joined\" [chan receive]:",
            ],
        );
    }
}

// DL05, DL07, DL09
#[test]
fn nothing_is_reported_while_a_goroutine_can_still_be_woken() {
    for procs in [1, 2, 8] {
        for name in [
            "woken-by-timer",
            "woken-by-timer-channel",
            "woken-by-foreign-thread",
            "woken-by-an-inner-main",
            "woken-by-another-threads-main",
            "woken-by-blocking-call",
            "woken-by-a-locked-goroutine",
            "woken-by-unannounced-call",
            "woken-by-another-process",
        ] {
            completes(name, procs, "woken");
        }
    }
}

// DL09: after main has returned, the thread that called `run` is like any other thread.
#[test]
fn nothing_is_reported_when_main_has_returned() {
    for procs in [1, 2, 8] {
        completes("stuck-when-main-has-returned", procs, "finished");
    }
}

// DL06, DL07: a goroutine reads a pipe by a call that blocks its thread.
#[test]
fn nothing_is_reported_while_a_goroutine_reads_from_another_process() {
    for procs in [1, 2, 8] {
        for name in ["woken-by-pipe", "woken-by-pipe-announced"] {
            completes_with(name, procs, "woken", |child| {
                thread::sleep(Duration::from_millis(100));
                child.stdin.as_ref().unwrap().write_all(b"x").unwrap();
            });
        }
    }
}

// DL08: a goroutine waits for the signal by a call that blocks its thread. `signals.rs` tests
// `gort::signal`.
#[test]
fn nothing_is_reported_while_a_goroutine_waits_for_a_signal() {
    for procs in [1, 2, 8] {
        completes_with("woken-by-signal", procs, "woken", |child| {
            // The child blocks the signal before it says this. Before, the signal would kill it.
            let mut said = [0; 6];
            let stdout = child.stdout.as_mut().unwrap();
            stdout.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"ready\n");
            // Gives the child time to report that nothing can wake it, which would be wrong.
            thread::sleep(Duration::from_millis(100));
            // SAFETY: a child that has not been waited for keeps its number.
            let sent = unsafe { libc::kill(child.id().cast_signed(), libc::SIGUSR1) };
            assert_eq!(sent, 0);
        });
    }
}

// DL14: `.ci/no-false-deadlock` runs many more rounds.
#[test]
fn nothing_is_reported_while_goroutines_park_and_wake_each_other_all_the_time() {
    for procs in [1, 2, 16] {
        for _ in 0..ROUNDS {
            completes("small-ring-of-parks", procs, "woken");
        }
        completes("ring-of-parks", procs, "woken");
    }
}

// DL09
#[test]
fn a_deadlock_is_reported_once_the_last_foreign_thread_has_gone() {
    is_reported("foreign-thread-gives-up", 2, &["deadlock!"]);
}

// ST04, ST05
#[test]
fn a_stack_overflow_names_the_goroutine_and_aborts() {
    for name in [
        "overflow-by-recursion",
        "overflow-by-large-frame",
        "overflow-while-unwinding",
    ] {
        let output = scenario(name, 2);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.signal(),
            Some(libc::SIGABRT),
            "{name}: {output:?}"
        );
        assert!(
            stderr.contains("stack overflow in goroutine 2"),
            "{name}: {stderr}"
        );
        assert!(stderr.contains("spawned at"), "{name}: {stderr}");
    }
    let output = scenario("overflow-by-recursion", 2);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("goroutine 2 \"deep\"") && stderr.contains("64 KiB"),
        "{stderr}"
    );
}

// ST06
#[test]
fn a_stack_overflow_is_reported_while_another_goroutine_is_parked_in_the_midst_of_unwinding() {
    for procs in [1, 2, 8] {
        let output = scenario("overflow-beside-unwinding", procs);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
        assert!(
            stderr.contains("fatal: stack overflow in goroutine")
                && stderr.contains("\"deep\", spawned"),
            "{procs} Ps: {stderr}"
        );
    }
}

// ST04, PA26
#[test]
fn other_faults_are_left_to_the_previous_handler() {
    let output = scenario("null-dereference", 2);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    let output = scenario("overflow-in-thread", 2);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("has overflowed its stack"), "{stderr}");
}

// GO06
#[test]
fn main_returning_ends_a_program_with_many_parked_goroutines() {
    let output = scenario("many-parked-at-exit", 2);
    assert!(output.status.success(), "{output:?}");
}
