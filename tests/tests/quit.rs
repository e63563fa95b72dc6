//! SIGQUIT: every goroutine is printed, whatever the threads do, and the exit status is 2.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const WATCHDOG: Duration = Duration::from_secs(60);

/// Returns the command `observed NAME` with `procs` Ps and this disposition of SIGQUIT (this
/// process may have inherited another).
fn observed(name: &str, procs: usize, disposition: libc::sighandler_t) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observed"));
    command
        .arg(name)
        .env("GORT_MAXPROCS", procs.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // SAFETY: `signal` may be called between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::signal(libc::SIGQUIT, disposition);
            Ok(())
        });
    }
    command
}

/// Sends SIGQUIT to the process after it has printed that it is ready, and after the time `rest`.
fn quit(mut command: Command, rest: Duration) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    stdout.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    thread::sleep(rest);
    // SAFETY: a child that has not been waited for keeps its number.
    let sent = unsafe { libc::kill(child.id().cast_signed(), libc::SIGQUIT) };
    assert_eq!(sent, 0);
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if asked.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!("does not quit: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(2));
    }
    let mut said = Vec::new();
    for line in stdout.lines() {
        said.extend(line.unwrap().into_bytes());
    }
    let mut output = child.wait_with_output().unwrap();
    output.stdout = said;
    output
}

/// Checks that SIGQUIT ends a program, and that the program prints `goroutines` goroutines and all
/// of `words`. The signal comes right after the program is ready, and in a second run after the
/// monitor has gone to sleep.
fn is_quit(name: &str, procs: usize, goroutines: usize, words: &[&str]) {
    for rest in [0, 300] {
        let output = quit(
            observed(name, procs, libc::SIG_DFL),
            Duration::from_millis(rest),
        );
        assert_eq!(
            output.status.code(),
            Some(2),
            "{name}, {procs} Ps: {output:?}"
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with("SIGQUIT: quit\n"), "{name}: {stderr}");
        let blocks = stderr.matches("\ngoroutine ").count();
        assert_eq!(blocks, goroutines, "{name}, {procs} Ps: {stderr}");
        for word in words {
            assert!(stderr.contains(word), "{name}: no {word:?} in {stderr}");
        }
    }
}

#[test]
fn a_program_whose_threads_all_sleep_prints_its_goroutines_and_exits_with_2() {
    for procs in [1, 2, 8] {
        let words = [
            "goroutine 1 \"main\" [",
            " \"reader\" [chan receive]:",
            "observed.rs:",
        ];
        is_quit("sleeping", procs, 2, &words);
        is_quit("waiting-for-thread", procs, 1, &["goroutine 1 \"main\" ["]);
    }
}

#[test]
fn a_program_whose_threads_all_compute_prints_its_goroutines_and_exits_with_2() {
    for procs in [1, 2, 8] {
        is_quit(
            "spinning",
            procs,
            procs + 1,
            &["\"main\" [running]:", "\"spinner\" ["],
        );
    }
}

#[test]
fn the_functions_in_which_goroutines_wait_are_named_on_request() {
    for procs in [1, 2, 8] {
        let mut command = observed("waiting", procs, libc::SIG_DFL);
        command.env("GORT_DEBUG", "backtrace=1");
        let output = quit(command, Duration::ZERO);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        for function in [
            "wait_for_a_value\n",
            "wait_in_a_select\n",
            "wait_for_a_lock\n",
        ] {
            assert!(stderr.contains(function), "no {function:?} in {stderr}");
        }
    }
}

#[test]
fn a_handler_of_the_programs_own_keeps_its_signal() {
    let output = quit(
        observed("waiting-for-handler", 2, libc::SIG_DFL),
        Duration::ZERO,
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"handled");
    assert_eq!(output.stderr, b"");
}
