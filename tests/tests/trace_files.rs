//! Traces as files: `GORT_TRACE`, and the contents of the file for every way in which a process can
//! end.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort_tests::trace_file::{Scratch, Slice, Trace};
use gort_tests::{Ended, role, run_child, run_program};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, Command};

/// Minimum number of wake-ups of the goroutine `worker`.
const ROUNDS: usize = 200;

/// Does some work for the trace to show: a worker waits for each of [`ROUNDS`] values.
fn work() {
    let (tx, rx) = bounded(0);
    let worker = go!(name = "worker", move || {
        let _region = gort::runtime::trace::region("all");
        for i in 0..ROUNDS {
            assert_eq!(rx.recv(), Ok(i));
        }
    });
    for i in 0..ROUNDS {
        tx.send(i).unwrap();
    }
    worker.join().unwrap();
}

/// Runs this test again in a child process in the role `role`, with `GORT_TRACE` set to `file`.
fn traced(test: &'static str, role: &str, file: &Path) -> Ended {
    let file = file.to_str().unwrap();
    run_child(test, role, &[("GORT_TRACE", file), ("GORT_MAXPROCS", "2")])
}

/// Checks that the trace in `file` shows the work of [`work`] from beginning to end.
fn is_complete(file: &Path) {
    let trace = Trace::read(file);
    assert!(!trace.is_cut);
    assert!(trace.slices.iter().all(|slice| slice.end.is_some()));
    let worker = trace.on(trace.goroutine("worker"));
    assert_eq!(worker.iter().filter(|slice| slice.name == "all").count(), 1);
    // The worker ended before `main` did.
    let end = |slices: &[&Slice]| slices.iter().filter_map(|slice| slice.end).max();
    assert!(end(&worker) < end(&trace.slices.iter().collect::<Vec<_>>()));
    let waits = worker.iter().filter(|slice| slice.name == "chan receive");
    let runs = worker
        .iter()
        .filter(|slice| slice.annotations.contains_key("P"));
    // Each wait is followed by a run, and the worker ran once before the first wait.
    assert_eq!(runs.count(), waits.count() + 1);
}

// TR03
#[test]
fn a_file_is_complete_when_main_returns() {
    const TEST: &str = "trace_files::a_file_is_complete_when_main_returns";
    if role().is_some() {
        return gort::runtime::run(work);
    }
    let file = Scratch::new("returns");
    let ended = traced(TEST, "returns", file.path());
    assert!(ended.passed(), "{ended:?}");
    is_complete(file.path());
}

// TR03
#[test]
fn a_file_is_complete_after_exit_in_a_goroutine() {
    const TEST: &str = "trace_files::a_file_is_complete_after_exit_in_a_goroutine";
    if role().is_some() {
        gort::runtime::run(|| {
            work();
            drop(go!(|| process::exit(7)).join());
        });
    }
    let file = Scratch::new("exits");
    let ended = traced(TEST, "exits", file.path());
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    is_complete(file.path());
}

// TR03
#[test]
fn a_file_is_complete_after_a_panic_in_main() {
    const TEST: &str = "trace_files::a_file_is_complete_after_a_panic_in_main";
    if role().is_some() {
        gort::runtime::run(|| {
            work();
            panic!("as it should");
        });
    }
    let file = Scratch::new("panics");
    let ended = traced(TEST, "panics", file.path());
    assert_eq!(ended.status.code(), Some(101), "{ended:?}");
    is_complete(file.path());
}

#[test]
fn a_file_is_complete_after_a_panic_that_aborts() {
    const TEST: &str = "trace_files::a_file_is_complete_after_a_panic_that_aborts";
    if role().is_some() {
        gort::runtime::run(|| {
            work();
            panic!("as it should");
        });
    }
    let file = Scratch::new("aborts");
    let name = file.path().to_str().unwrap();
    let vars = [("GORT_TRACE", name), ("GORT_PANIC", "abort")];
    let ended = run_child(TEST, "aborts", &vars);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    is_complete(file.path());
}

// TR03
#[test]
fn a_killed_process_leaves_what_it_had_done() {
    const TEST: &str = "trace_files::a_killed_process_leaves_what_it_had_done";
    if let Some(file) = role() {
        gort::runtime::run(move || {
            work();
            // Wait until the work is in the file. Nothing has asked the writer to complete it.
            while Trace::read(Path::new(&file)).wakes().len() < ROUNDS {
                yield_now();
            }
            // SAFETY: the signal goes to this process, which it ends.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        });
    }
    let file = Scratch::new("killed");
    let ended = traced(TEST, file.path().to_str().unwrap(), file.path());
    assert_eq!(ended.status.signal(), Some(libc::SIGKILL), "{ended:?}");
    let trace = Trace::read(file.path());
    assert!(trace.wakes().len() >= ROUNDS);
    let worker = trace.on(trace.goroutine("worker"));
    assert!(worker.iter().any(|slice| slice.name == "all"));
    // A viewer opens the file even if its last packet was cut off.
    let bytes = fs::read(file.path()).unwrap();
    for cut in 1..100 {
        let events = Trace::decode(&bytes[..bytes.len() - cut]);
        assert!(events.wakes().len() + cut >= trace.wakes().len());
    }
}

#[test]
fn a_file_is_complete_after_a_deadlock() {
    let file = Scratch::new("deadlock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenario"));
    command
        .arg("stuck-receiving")
        .env("GORT_TRACE", file.path());
    let ended = run_program(&mut command, "a deadlock");
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("deadlock"), "{ended:?}");
    let trace = Trace::read(file.path());
    assert!(!trace.is_cut);
    let main = trace.on(trace.goroutine("main"));
    assert_eq!(main.last().unwrap().name, "chan receive", "{main:?}");
    assert!(trace.slices.iter().all(|slice| slice.end.is_some()));
}

#[test]
fn a_file_that_cannot_be_written_is_a_line_on_stderr() {
    const TEST: &str = "trace_files::a_file_that_cannot_be_written_is_a_line_on_stderr";
    if role().is_some() {
        return gort::runtime::run(work);
    }
    let file = Path::new("/proc/there/is/no/such.pftrace");
    let ended = traced(TEST, "unwritable", file);
    assert!(ended.passed(), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{ended:?}");
    assert!(
        lines[0].starts_with("gort: GORT_TRACE=") && lines[0].contains("is ignored"),
        "{lines:?}"
    );
}
