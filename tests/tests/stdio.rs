//! The standard streams. The programs that use them are in `src/bin/streams.rs`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::ptr;

/// Starts `streams WHAT…` with this number of Ps and these streams. Standard error is a pipe.
fn start(
    args: &[&str],
    procs: &str,
    stdin: Stdio,
    stdout: Stdio,
) -> (Child, BufReader<ChildStderr>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_streams"))
        .args(args)
        .env("GORT_MAXPROCS", procs)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    (child, stderr)
}

/// Returns what `streams WHAT` prints with this input, after it has ended successfully.
fn output(what: &str, procs: &str, stdin: Stdio) -> String {
    let (child, mut stderr) = start(&[what], procs, stdin, Stdio::piped());
    let output = child.wait_with_output().unwrap();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn said(stderr: &mut BufReader<ChildStderr>) -> String {
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Returns the flags of an open file that a child also has.
fn flags(fd: &impl AsFd) -> i32 {
    // SAFETY: the call takes no pointers.
    unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) }
}

/// Returns the two ends of a terminal: ours, and one for a process.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: the call writes the two numbers, and the other pointers may be null.
    let made = unsafe {
        libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
        )
    };
    assert_eq!(made, 0, "{}", io::Error::last_os_error());
    // SAFETY: both descriptors are new.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

// SI01
#[test]
fn a_silent_stdin_parks_only_its_reader() {
    for procs in ["1", "2"] {
        let (mut child, mut stderr) = start(&["line"], procs, Stdio::piped(), Stdio::piped());
        assert_eq!(said(&mut stderr), "ticked");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"hello\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"\"hello\\n\"\n");
    }
}

// SI01
#[test]
fn files_and_dev_null_are_read_to_their_ends() {
    let len = std::fs::metadata("Cargo.toml").unwrap().len();
    for procs in ["1", "2"] {
        let file = File::open("Cargo.toml").unwrap();
        let expected = format!("{len} bytes, then [0, 0, 0]\n");
        assert_eq!(output("all", procs, file.into()), expected);
        let null = output("all", procs, Stdio::null());
        assert_eq!(null, "0 bytes, then [0, 0, 0]\n");
    }
}

// SI01
#[test]
fn a_pipe_that_delivers_little_at_a_time_is_read_whole() {
    let (mut child, _) = start(&["all"], "1", Stdio::piped(), Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    for n in 0..2000 {
        stdin.write_all(&vec![b'x'; n % 100]).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"99000 bytes, then [0, 0, 0]\n");
}

#[test]
fn goroutines_take_turns_at_lines() {
    for procs in ["1", "2", "8"] {
        let (mut child, _) = start(&["shared"], procs, Stdio::piped(), Stdio::piped());
        let mut stdin = child.stdin.take().unwrap();
        for n in 0..5000 {
            writeln!(stdin, "<{n}>").unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"5000 lines\n");
    }
}

// SI02
#[test]
fn the_process_ends_although_a_goroutine_waits_for_input() {
    for procs in ["1", "2"] {
        // The pipe stays open and silent until the process has ended.
        let (reader, writer) = io::pipe().unwrap();
        assert_eq!(
            output("abandoned", procs, reader.into()),
            "main has ended\n"
        );
        drop(writer);
    }
}

// SI03
#[test]
fn pipes_keep_their_flags_during_a_wait_and_after_a_kill() {
    let (input, _silent) = io::pipe().unwrap();
    let (_unread, output) = io::pipe().unwrap();
    let before = (flags(&input), flags(&output));
    assert_eq!((before.0 | before.1) & libc::O_NONBLOCK, 0);
    let (theirs, out) = (input.try_clone().unwrap(), output.try_clone().unwrap());
    let (mut child, mut stderr) = start(&["stuck"], "2", theirs.into(), out.into());
    assert_eq!(said(&mut stderr), "stuck");
    assert_eq!((flags(&input), flags(&output)), before);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((flags(&input), flags(&output)), before);
}

// SI01, SI03
#[test]
fn a_terminal_is_waited_for_and_keeps_its_flags() {
    let (mut ours, theirs) = terminal();
    let before = flags(&theirs);
    let (input, out) = (theirs.try_clone().unwrap(), theirs.try_clone().unwrap());
    let (mut child, mut stderr) = start(&["terminal"], "1", input.into(), out.into());
    assert_eq!(said(&mut stderr), "stuck");
    assert_eq!(flags(&theirs), before);
    ours.write_all(b"typed\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(flags(&theirs), before);
    // Now no process has the other end open. Reading returns what is left, and then an error.
    drop(theirs);
    let (mut shown, mut buf) = (Vec::new(), [0; 200]);
    while let Ok(n @ 1..) = ours.read(&mut buf) {
        shown.extend_from_slice(&buf[..n]);
    }
    let shown = String::from_utf8_lossy(&shown);
    // The program's output comes after the terminal's echo.
    assert!(shown.contains("typed from a terminal: true"), "{shown:?}");
}

// SI04
#[test]
fn a_full_pipe_parks_the_writers_and_each_line_arrives_whole() {
    const LINES: usize = 10_000;
    for procs in ["1", "2", "8"] {
        let args = ["writers", &LINES.to_string()];
        let (mut child, mut stderr) = start(&args, procs, Stdio::null(), Stdio::piped());
        // The pipe has not been read, and other goroutines run.
        assert_eq!(said(&mut stderr), "ticked");
        let mut text = String::new();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success(), "{}", said(&mut stderr));
        let mut next = [0; 9];
        let lines = text.strip_suffix("the end").expect("no newline at the end");
        for line in lines.lines() {
            let mut parts = line.split(' ');
            let id: usize = parts.next().unwrap().parse().unwrap();
            let n: usize = parts.next().unwrap().parse().unwrap();
            let rest = parts.next().unwrap();
            assert!(rest.trim_start_matches('x') == "." && parts.next().is_none());
            assert_eq!(n, next[id], "of writer {id}");
            next[id] += 1;
        }
        assert_eq!(next, [LINES; 9]);
    }
}

// SI04
#[test]
fn the_order_beside_println_is_that_of_the_calls() {
    let expected: String = (0..100)
        .map(|n| format!("a{n}b{n}c{n}\nd{n}\n"))
        .chain(["rest".to_owned()])
        .collect();
    for procs in ["1", "2", "8"] {
        assert_eq!(output("order", procs, Stdio::null()), expected);
    }
}

#[test]
fn a_full_disk_and_a_reader_that_has_gone_are_errors() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (mut child, mut stderr) = start(&["error"], "1", Stdio::null(), full.into());
    assert_eq!(said(&mut stderr), "StorageFull true");
    assert!(child.wait().unwrap().success());

    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let (mut child, mut stderr) = start(&["error"], "1", Stdio::null(), writer.into());
    assert_eq!(said(&mut stderr), "BrokenPipe true");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_pipe_that_came_non_blocking_is_served_and_stays_so() {
    let (reader, mut writer) = io::pipe().unwrap();
    // SAFETY: the call takes no pointers.
    unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let before = flags(&reader);
    let theirs = reader.try_clone().unwrap();
    let (child, mut stderr) = start(&["line"], "1", theirs.into(), Stdio::piped());
    assert_eq!(said(&mut stderr), "ticked");
    writer.write_all(b"hello\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"\"hello\\n\"\n");
    assert_eq!(flags(&reader), before);
}
