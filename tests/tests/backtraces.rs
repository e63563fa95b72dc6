//! `GORT_DEBUG=backtrace=1`: dumps show where parked goroutines are.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const WATCHDOG: Duration = Duration::from_secs(120);

fn observed(name: &str, procs: usize, options: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_observed"))
        .arg(name)
        .env("GORT_MAXPROCS", procs.to_string())
        .env("GORT_DEBUG", options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!("{name}, {procs} Ps, hangs: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Returns the part of a dump about the goroutine with this heading.
fn block<'a>(dump: &'a str, heading: &str) -> &'a str {
    let start = dump
        .find(heading)
        .unwrap_or_else(|| panic!("no {heading:?} in {dump}"));
    dump[start..].split("\n\n").next().unwrap()
}

#[test]
fn a_dump_names_the_functions_in_which_goroutines_wait() {
    for name in ["dump", "dump-from-thread"] {
        for procs in [1, 2, 8] {
            let output = observed(name, procs, "backtrace=1");
            assert!(output.status.success(), "{output:?}");
            let dump = String::from_utf8(output.stdout).unwrap();
            for (heading, function) in [
                ("\"receives\" [chan receive]:", "wait_for_a_value"),
                ("\"selects\" [select]:", "wait_in_a_select"),
                ("\"locks\" [sync.Mutex.Lock]:", "wait_for_a_lock"),
                ("\"deep\" [chan receive]:", "wait_for_a_value"),
            ] {
                // After the first lines, which every dump has: function, file and line, function, …
                let lines: Vec<_> = block(&dump, heading).lines().skip(3).collect();
                assert!(lines.len() >= 4, "{dump}");
                assert_eq!(lines[0].rsplit([':', ' ']).next(), Some(function), "{dump}");
                for line in &lines {
                    for inside in ["gopark", "mcall", "catch_unwind", "goexit", "0x"] {
                        assert!(!line.contains(inside), "{line:?} in {dump}");
                    }
                }
                assert!(
                    lines[1].starts_with("        ") && lines[1].contains("observed.rs:"),
                    "{dump}"
                );
                assert!(
                    lines[2].contains("closure") || lines[2].contains("wait_deep_down"),
                    "{dump}"
                );
            }
        }
    }
}

#[test]
fn a_deep_stack_is_cut_off() {
    let output = observed("dump", 2, "backtrace=1");
    let dump = String::from_utf8(output.stdout).unwrap();
    let deep = block(&dump, "\"deep\" [");
    assert!(
        (50..=100).contains(&deep.matches("wait_deep_down\n").count()),
        "{deep}"
    );
    assert_eq!(deep.lines().last(), Some("    ..."), "{deep}");
}

#[test]
fn a_deadlock_report_names_the_functions_too() {
    for procs in [1, 2, 8] {
        let output = observed("deadlock", procs, "backtrace=1");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(report.contains("deadlock!"), "{report}");
        let main = block(&report, "goroutine 1 \"main\" [chan receive]:");
        assert!(main.contains("wait_for_a_value\n"), "{report}");
    }
}

#[test]
fn without_the_option_a_dump_shows_no_stacks() {
    let output = observed("dump", 2, "");
    let dump = String::from_utf8(output.stdout).unwrap();
    assert_eq!(dump.matches("\ngoroutine ").count(), 5, "{dump}");
    assert!(!dump.contains("wait_"), "{dump}");
}

#[test]
fn goroutines_wake_each_other_while_dumps_look_at_their_stacks() {
    for procs in [1, 2, 8] {
        let output = observed("dump-while-busy", procs, "backtrace=1");
        assert!(output.status.success(), "{procs} Ps: {output:?}");
    }
}
