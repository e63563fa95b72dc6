//! `GORT_DEBUG`: the effects of its options, seen from outside.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// Returns `observed NAME` with `procs` Ps and these options.
fn observed(name: &str, procs: usize, options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observed"));
    command
        .arg(name)
        .env("GORT_MAXPROCS", procs.to_string())
        .env("GORT_DEBUG", options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Ends the process when the test ends, in any way.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Returns the lines that a program writes to standard error while it runs.
fn watch(name: &str, procs: usize, options: &str) -> (Killed, impl Iterator<Item = String>) {
    let mut child = Killed(observed(name, procs, options).spawn().unwrap());
    let lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    (child, lines.map_while(Result::ok))
}

/// Returns the values in a line of the form `… key=value …`, by their keys.
fn fields(line: &str) -> HashMap<&str, &str> {
    line.split(' ')
        .filter_map(|word| word.split_once('='))
        .collect()
}

#[test]
fn a_bad_option_is_one_line_that_names_the_known_ones() {
    let output = observed("done", 2, "sched=5,scheddetail=0,seed=x")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = stderr_of(&output);
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    for (line, bad) in lines.iter().zip(["\"sched=5\"", "\"seed=x\""]) {
        for word in [bad, "ignored", "schedtrace=MS", "scheddetail=1", "seed=N"] {
            assert!(line.contains(word), "no {word:?} in {line}");
        }
    }
}

#[test]
fn nothing_is_printed_without_options() {
    assert_eq!(stderr_of(&observed("done", 2, "").output().unwrap()), "");
}

/// Returns what the program chose in a run in which the monitor did not take the P. (The monitor
/// goes by real time, so a run in which it takes the P cannot be repeated.)
fn undisturbed_choices(options: &str) -> String {
    for _ in 0..100 {
        let output = observed("choices", 1, options).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        if let Some(choices) = text.strip_suffix(" after 0 handoffs\n") {
            return choices.to_owned();
        }
    }
    panic!("the P was taken in each of 100 runs");
}

#[test]
fn a_seed_repeats_the_schedule_on_one_p() {
    let first = undisturbed_choices("seed=7");
    assert_eq!(first.matches('(').count(), 160, "{first}");
    assert_eq!(undisturbed_choices("seed=7"), first);
    assert_ne!(undisturbed_choices("seed=8"), first);
    assert_ne!(undisturbed_choices(""), undisturbed_choices(""));
}

#[test]
fn schedtrace_prints_a_line_every_so_often_also_while_everything_sleeps() {
    for (name, procs) in [("sleeping", 2), ("waiting-for-thread", 1), ("spinning", 4)] {
        let (_child, lines) = watch(name, procs, "schedtrace=10");
        let mut before = 0;
        for (i, line) in lines.take(30).enumerate() {
            let (time, rest) = line
                .strip_prefix("SCHED ")
                .and_then(|line| line.split_once("ms: "))
                .unwrap_or_else(|| panic!("{line}"));
            let time: u64 = time.parse().unwrap();
            assert!(i == 0 || time > before, "{line}");
            before = time;
            let fields = fields(rest);
            let number = |key: &str| -> usize {
                fields
                    .get(key)
                    .unwrap_or_else(|| panic!("no {key} in {line}"))
                    .parse()
                    .unwrap()
            };
            assert_eq!(number("gomaxprocs"), procs);
            assert!(number("idleprocs") <= procs, "{line}");
            assert!(number("idlethreads") <= number("threads"), "{line}");
            let _ = (
                number("spinningthreads"),
                number("needspinning"),
                number("runqueue"),
            );
            let queues = rest.split_once('[').unwrap().1.strip_suffix(']').unwrap();
            assert_eq!(queues.split(' ').count(), procs, "{line}");
            assert!(
                queues.split(' ').all(|n| n.parse::<usize>().is_ok()),
                "{line}"
            );
        }
    }
}

#[test]
fn scheddetail_adds_a_line_for_each_p_and_thread_and_goroutine() {
    let (_child, lines) = watch("sleeping", 3, "schedtrace=10,scheddetail=1");
    let mut threads = 0;
    let mut counts = HashMap::new();
    // The number of consecutive traces that list everything. A thread that is just starting may be
    // missing.
    let mut complete = 0;
    for line in lines.take(5000) {
        let fields = fields(&line);
        if line.starts_with("SCHED") {
            let all = [("P", 3), ("M", threads), ("G", 2)];
            complete = if counts == HashMap::from(all) {
                complete + 1
            } else {
                0
            };
            if complete == 10 {
                return;
            }
            counts.clear();
            threads = fields["threads"].parse().unwrap();
            continue;
        }
        let line = line.strip_prefix("  ").unwrap();
        let (kind, keys): (_, &[&str]) = match &line[..1] {
            "P" => ("P", &["status", "m", "dispatches", "runqsize", "nexttimer"]),
            "M" => ("M", &["p", "curg", "idle", "lockedg"]),
            "G" => ("G", &["status", "m", "lockedm"]),
            _ => panic!("{line}"),
        };
        for key in keys {
            assert!(fields.contains_key(key), "no {key} in {line}");
        }
        *counts.entry(kind).or_insert(0) += 1;
    }
    panic!("something is always missing; last {counts:?} and {threads} threads");
}
