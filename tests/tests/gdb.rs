//! `share/gort-gdb.py`: what gdb shows of goroutines, in a running program and in a core file.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort_tests::AS_THREADS;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs commands in gdb, which has loaded the script. Returns its standard output and standard
/// error, or `None` if there is no gdb with Python.
fn gdb(args: &[&str], commands: &[&str]) -> Option<String> {
    let has_python = Command::new("gdb")
        .args(["-nx", "-batch", "-ex", "python print(6 * 7)"])
        .output();
    if !has_python.is_ok_and(|output| output.stdout == b"42\n") {
        println!("SKIPPED: there is no gdb with Python here");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../share/gort-gdb.py");
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-ex", "set pagination off", "-ex"]);
    command.arg(format!("source {}", script.display()));
    for one in commands {
        command.args(["-ex", one]);
    }
    command.args(args).env("DEBUGINFOD_URLS", "");
    let ended = gort_tests::run_program(&mut command, "gdb");
    Some(ended.stdout + &ended.stderr)
}

/// A program with goroutines that wait and one that runs.
struct Debugged(Child);

impl Debugged {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_observed"))
            .arg("debugged")
            .env("GORT_MAXPROCS", "2")
            // Small stacks make the core file small. gdb's `gcore` writes all of them only with
            // this kind of guard: see the guide's chapter on tools.
            .env("GORT_STACK", "65536")
            .env("GORT_DEBUG", "guard=mprotect")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A core file. Dropping it removes the file.
struct Core(PathBuf);

impl Drop for Core {
    fn drop(&mut self) {
        // There is no file if gdb could not write it. The test reports that itself.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// For each goroutine its name, its state, the word before its place, and functions on its stack,
/// innermost first.
const EXPECTED: [(&str, &str, &str, &[&str]); 6] = [
    (
        "main",
        "sleep",
        " at ",
        &["gopark", "sleep", "to_be_debugged", "main"],
    ),
    (
        "receives",
        "chan receive",
        " at ",
        &["gopark", "recv", "wait_for_a_value", "with_waiting"],
    ),
    (
        "selects",
        "select",
        " at ",
        &["gopark", "select", "wait_in_a_select", "with_waiting"],
    ),
    (
        "locks",
        "mutex lock",
        " at ",
        &["gopark", "lock", "wait_for_a_lock", "with_waiting"],
    ),
    (
        "deep",
        "chan receive",
        " at ",
        &["gopark", "wait_for_a_value", "wait_deep_down"],
    ),
    ("spins", "running", " spawned at ", &["spin_here", "entry"]),
];

/// Checks that gdb has shown all of [`EXPECTED`].
fn check(said: &str) {
    for (name, state, place, functions) in EXPECTED {
        let listed = format!(" \"{name}\" [{state}]{place}");
        let line = said.lines().find(|line| line.contains(&listed));
        let line = line.unwrap_or_else(|| panic!("no {listed:?} in {said}"));
        assert!(line.contains("observed.rs:"), "{line}");
        let heading = format!(" \"{name}\" [{state}]:");
        let start = said
            .find(&heading)
            .unwrap_or_else(|| panic!("no {heading:?} in {said}"));
        let stack = said[start..].split("\n\n").next().unwrap();
        let mut frames = stack.lines().skip(1);
        for function in functions {
            let found = frames.any(|frame| {
                let function_name = frame.split(" at ").next().unwrap();
                function_name.contains(function)
            });
            assert!(found, "no {function} in its place in {stack}");
        }
        assert!(!stack.contains("corrupt"), "{stack}");
    }
    // The stack of a goroutine ends where the goroutine began, unless it is too deep to be shown.
    let ends = said.matches("arch::imp::goexit").count();
    let cut_off = said.matches("(more)").count();
    assert_eq!((ends, cut_off), (EXPECTED.len() - 1, 1), "{said}");
}

#[test]
fn gdb_shows_goroutines_of_a_process_and_of_a_core_file() {
    if AS_THREADS {
        println!("SKIPPED: goroutines are threads here");
        return;
    }
    let program = Debugged::start();
    let pid = program.0.id();
    let core = Core(std::env::temp_dir().join(format!("gort-core-{pid}")));
    let dump = format!("gcore {}", core.0.display());
    let looks = ["info goroutines", "goroutine all bt", "bt 1"];
    let commands = [&looks[..], &[&dump]].concat();
    let exe = env!("CARGO_BIN_EXE_observed");
    let Some(said) = gdb(&["-p", &pid.to_string(), exe], &commands) else {
        return;
    };
    if said.contains("Operation not permitted") {
        println!("SKIPPED: gdb may not look at other processes here");
        return;
    }
    check(&said);
    // After these commands the script's unwinder is off again, so `bt` shows the thread's frames.
    let own = said.lines().rfind(|line| line.starts_with("#0")).unwrap();
    assert!(
        own.contains("syscall") || own.contains("futex") || own.contains("epoll"),
        "{own}"
    );
    drop(program);
    check(&gdb(&["-c", &core.0.to_string_lossy(), exe], &looks).unwrap());
}

#[test]
fn one_goroutine_can_be_asked_for_and_any_command_be_run_in_its_frame() {
    if AS_THREADS {
        println!("SKIPPED: goroutines are threads here");
        return;
    }
    let program = Debugged::start();
    let commands = [
        "goroutine 2 bt",
        "goroutine 4 frame",
        "goroutine 77 bt",
        "goroutine nobody bt",
    ];
    let (pid, exe) = (program.0.id().to_string(), env!("CARGO_BIN_EXE_observed"));
    let Some(said) = gdb(&["-p", &pid, exe], &commands[..2]) else {
        return;
    };
    if said.contains("Operation not permitted") {
        println!("SKIPPED: gdb may not look at other processes here");
        return;
    }
    assert!(
        said.contains("wait_for_a_value") && !said.contains("wait_for_a_lock"),
        "{said}"
    );
    assert!(
        said.contains("reason=gort_runtime::proc::waitreason::WaitReason::MutexLock"),
        "{said}"
    );
    for (command, answer) in [
        (commands[2], "gort: there is no goroutine 77"),
        (commands[3], "gort: which goroutine?"),
    ] {
        let said = gdb(&["-p", &pid, exe], &[command]).unwrap();
        assert!(said.contains(answer), "{said}");
    }
}

#[test]
fn what_is_missing_is_said() {
    for (commands, answer) in [
        (
            &["info goroutines"][..],
            "gort: there is no process and no core file",
        ),
        (
            &["starti", "info goroutines"],
            "gort: there is no type gort_runtime::proc::g::G",
        ),
    ] {
        let Some(said) = gdb(&["/bin/true"], commands) else {
            return;
        };
        if said.contains("Operation not permitted") {
            println!("SKIPPED: gdb may not look at other processes here");
            return;
        }
        assert!(said.contains(answer), "{said}");
    }
}
