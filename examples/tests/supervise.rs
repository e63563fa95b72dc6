//! Tests the example `supervise` with commands that fail, end, or do not end.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Folder, PROCS, Program};
use std::fs;
use std::path::Path;

/// Returns the process id in `[1] runs, process 123`.
fn process(line: &str) -> String {
    let number = line.split_once("] runs, process ");
    number.unwrap_or_else(|| panic!("{line:?}")).1.to_owned()
}

/// Returns whether the process exists and is no zombie.
fn runs(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[test]
fn pauses_double_up_to_the_longest() {
    for procs in PROCS {
        let args = [
            "--first", "5ms", "--most", "20ms", "--steady", "60m", "exit 3",
        ];
        let mut program = Program::start("supervise", procs, args);
        for pause in ["5ms", "10ms", "20ms", "20ms"] {
            process(&program.line());
            assert_eq!(program.line(), "[1] exit status: 3");
            assert_eq!(program.line(), format!("[1] again in {pause}"));
        }
        program.signal(libc::SIGTERM);
        assert_eq!(program.wait().code(), Some(0));
    }
}

#[test]
fn only_what_has_failed_is_started_again_if_so_wanted() {
    let folder = Folder::new();
    let file = folder.path().join("tries");
    let fails_twice = format!("echo x >>{file:?}; [ $(wc -l <{file:?}) = 3 ]");
    let args = [
        "--restart",
        "failed",
        "--first",
        "1ms",
        &fails_twice,
        "true",
    ];
    let mut program = Program::start("supervise", "2", args);
    let said = program.rest();
    assert_eq!(program.wait().code(), Some(0), "{said}");
    assert_eq!(said.matches("[1] runs").count(), 3, "{said}");
    assert_eq!(said.matches("[2] runs").count(), 1, "{said}");

    let mut program = Program::start("supervise", "2", ["--restart", "never", "exit 1", "true"]);
    let said = program.rest();
    assert_eq!(program.wait().code(), Some(1), "{said}");
    assert_eq!(said.matches("runs").count(), 2, "{said}");
}

#[test]
fn a_signal_lets_commands_end_in_good_order() {
    for procs in PROCS {
        let folder = Folder::new();
        let file = folder.path().join("ended");
        let command =
            format!("trap 'echo well >{file:?}; exit' TERM; echo up; while :; do sleep 0.01; done");
        let mut program = Program::start("supervise", procs, ["--grace", "60s", &command]);
        let mut lines = [program.line(), program.line()];
        lines.sort();
        assert_eq!(lines[1], "up");
        program.signal(libc::SIGTERM);
        assert_eq!(program.wait().code(), Some(0));
        assert_eq!(fs::read_to_string(file).unwrap(), "well\n");
        assert!(!runs(&process(&lines[0])));
    }
}

#[test]
fn a_process_that_does_not_end_is_killed_with_its_children() {
    let deaf = "trap '' TERM; sleep 1000 & echo up $!; wait; wait";
    for (grace, signals) in [("50ms", 1), ("1000s", 2)] {
        let mut program = Program::start("supervise", "2", ["--grace", grace, deaf]);
        let mut lines = [program.line(), program.line()];
        lines.sort();
        let (leader, sleeper) = (process(&lines[0]), lines[1].strip_prefix("up ").unwrap());
        assert!(runs(&leader) && runs(sleeper));
        for _ in 0..signals {
            program.signal(libc::SIGTERM);
            // Two signals that come together count as one, so the program must have noticed the
            // first.
            assert_ne!(program.line(), "");
        }
        assert_eq!(program.wait().code(), Some(1));
        while runs(sleeper) {}
        assert!(!runs(&leader));
    }
}

#[test]
fn sighup_starts_them_anew() {
    let mut program = Program::start("supervise", "2", ["exec sleep 1000"]);
    let first = process(&program.line());
    program.signal(libc::SIGHUP);
    assert_eq!(program.line(), "[1] is asked to end");
    assert!(program.line().starts_with("[1] ended: signal: 15"));
    let second = process(&program.line());
    assert!(first != second && !runs(&first) && Path::new(&format!("/proc/{second}")).exists());
    program.signal(libc::SIGINT);
    assert_eq!(program.wait().code(), Some(0));
    assert!(!runs(&second));
}
