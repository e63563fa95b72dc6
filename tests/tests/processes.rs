//! `gort::process`. Programs whose children are observed from outside are in
//! `src/bin/signalled.rs`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::process::{Child, Command, Stdio};
use gort::runtime::WaitReason;
use gort::signal::{Signal, notify};
use gort::time::sleep;
use gort_tests::{Ended, claims, on_1_2_and_8_procs_with, parked, run_program};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Starts a child that runs until it is killed.
fn endless() -> Child {
    Command::new("sleep").arg("1000").spawn().unwrap()
}

/// Returns the kernel's letter for the state of a process, or `None` if there is no such process.
fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

#[track_caller]
fn wait_until(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < LONG, "it did not happen in time");
        sleep(MS);
    }
}

fn count(folder: &str) -> usize {
    fs::read_dir(Path::new("/proc/self").join(folder))
        .unwrap()
        .count()
}

fn waiting_is_as_std_has_it() {
    // If `wait` did not close the child's input, the test would wait for ever.
    let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert!(cat.try_wait().unwrap().is_none());
    assert!(cat.stdin.is_some(), "`try_wait` closes nothing");
    assert!(cat.wait().unwrap().success());
    assert!(cat.stdin.is_none());
    let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert!(cat.wait_timeout(LONG).unwrap().unwrap().success());

    let mut child = endless();
    for _ in 0..3 {
        assert!(child.wait_timeout(MS).unwrap().is_none());
        assert!(child.wait_timeout(Duration::ZERO).unwrap().is_none());
        assert!(child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGKILL));
    assert_eq!(child.wait().unwrap(), status);
    assert_eq!(child.try_wait().unwrap(), Some(status));
    assert_eq!(child.wait_timeout(Duration::MAX).unwrap(), Some(status));

    let mut child = sh("exit 300").spawn().unwrap();
    assert_eq!(
        child.wait_timeout(Duration::MAX).unwrap().unwrap().code(),
        Some(44)
    );
    assert_eq!(
        sh("kill -TERM $$").status().unwrap().signal(),
        Some(libc::SIGTERM)
    );
}

fn dropped_children_leave_nothing() {
    let short: Vec<u32> = (0..50)
        .map(|_| sh("exit 0").spawn().unwrap().id())
        .collect();
    let long: Vec<u32> = (0..50)
        .map(|_| sh("sleep 0.1").spawn().unwrap().id())
        .collect();
    for pid in short.into_iter().chain(long) {
        wait_until(|| state_of(pid).is_none());
    }
    let killed = Command::new("sleep")
        .arg("1000")
        .kill_on_drop(true)
        .spawn()
        .unwrap()
        .id();
    wait_until(|| state_of(killed).is_none());

    // Without `kill_on_drop` the child runs on, and is still collected.
    let mut command = Command::new("cat");
    let mut cat = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (pid, mut stdin, mut stdout) = (
        cat.id(),
        cat.stdin.take().unwrap(),
        cat.stdout.take().unwrap(),
    );
    drop(cat);
    stdin.write_all(b"x").unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    drop(stdin);
    wait_until(|| state_of(pid).is_none());
}

claims! {
    // PR01
    fn children_are_waited_for_side_by_side() {
        const CHILDREN: usize = 100;
        let ticks = Arc::new(AtomicU32::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let ticker = go!(clone [ticks, over]; {
            while !over.load(Relaxed) {
                ticks.fetch_add(1, Relaxed);
                sleep(MS);
            }
        });
        // Each child ends when its input does.
        let (inputs, waits): (Vec<_>, Vec<_>) = (0..CHILDREN)
            .map(|_| {
                let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
                (cat.stdin.take(), go!(move || cat.wait()))
            })
            .unzip();
        // All goroutines wait, on few threads.
        wait_until(|| gort_tests::waiting(WaitReason::ChildWait) == CHILDREN);
        let threads = count("task");
        assert!(threads < CHILDREN / 2, "{threads} threads");
        let before = ticks.load(Relaxed);
        wait_until(|| ticks.load(Relaxed) > before);
        drop(inputs);
        for wait in waits {
            assert!(wait.join().unwrap().unwrap().success());
        }
        over.store(true, Relaxed);
        ticker.join().unwrap();
    }

    // PR02
    fn both_streams_are_read_at_the_same_time() {
        let script = "for i in $(seq 64); do head -c 16384 /dev/zero; head -c 16384 /dev/zero >&2; done";
        let output = sh(script).output().unwrap();
        assert!(output.status.success());
        assert_eq!((output.stdout.len(), output.stderr.len()), (1 << 20, 1 << 20));
    }

    // PR03
    fn wait_closes_stdin_and_can_be_repeated() {
        waiting_is_as_std_has_it();
    }

    // PR04
    fn other_holders_of_the_pipes_are_not_waited_for() {
        let script = "sleep 1000 & echo $!";
        for limit in [None, Some(LONG)] {
            let mut child = sh(script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let status = match limit {
                None => child.wait().unwrap(),
                Some(limit) => child.wait_timeout(limit).unwrap().unwrap(),
            };
            assert!(status.success());
            let mut stdout = child.stdout.take().unwrap();
            let mut text = [0; 32];
            let n = stdout.read(&mut text).unwrap();
            let grandchild: i32 = std::str::from_utf8(&text[..n]).unwrap().trim().parse().unwrap();
            stdout.set_read_deadline(Some(Instant::now() + MS)).unwrap();
            assert_eq!(stdout.read(&mut text).unwrap_err().kind(), ErrorKind::TimedOut, "it is open");
            stdout.set_read_deadline(None).unwrap();
            // SAFETY: the call takes no pointers.
            assert_eq!(unsafe { libc::kill(grandchild, libc::SIGKILL) }, 0);
            assert_eq!(stdout.read(&mut text).unwrap(), 0);
        }
        let output = sh("(sleep 0.1; echo late) & exit 3").output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b"late\n"[..]));
    }

    // PR05
    fn a_dropped_child_leaves_no_zombie() {
        dropped_children_leave_nothing();
    }

    // PR06
    fn killing_a_collected_child_reaches_no_other_process() {
        let mut collected: Vec<_> = (0..50).map(|_| {
            let mut child = Command::new("true").spawn().unwrap();
            assert!(child.wait().unwrap().success());
            child
        }).collect();
        for _ in 0..50 {
            let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            for child in &mut collected {
                child.kill().unwrap();
            }
            assert!(other.wait().unwrap().success());
        }
    }

    // PR08
    fn other_code_that_collects_children_makes_no_waiter_hang() {
        let over = Arc::new(AtomicBool::new(false));
        let thief = thread::spawn({
            let over = Arc::clone(&over);
            move || while !over.load(Relaxed) {
                // SAFETY: the pointer may be null.
                unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
                thread::yield_now();
            }
        });
        let runners: Vec<_> = (0..3).map(|_| go!(|| {
            for n in 0..20 {
                match sh("exit 5").status() {
                    Ok(status) => assert_eq!(status.code(), Some(5)),
                    Err(e) => assert!(e.to_string().contains("other code has reaped it"), "{e}"),
                }
                if n % 4 == 0 {
                    drop(sh("exit 5").spawn());
                }
            }
        })).collect();
        runners.into_iter().for_each(|runner| runner.join().unwrap());
        over.store(true, Relaxed);
        thief.join().unwrap();

        // SAFETY: no handler is installed.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let error = child.wait().unwrap_err();
        assert!(error.to_string().contains("SIGCHLD is ignored"), "{error}");
        assert!(child.try_wait().is_err());
        child.kill().unwrap();
    }

    // PR08
    fn the_program_can_receive_sigchld_as_well() {
        let signals = notify(&[Signal::SIGCHLD]);
        for _ in 0..20 {
            assert_eq!(sh("exit 5").status().unwrap().code(), Some(5));
            assert_eq!(signals.recv(), Ok(Signal::SIGCHLD));
        }
    }

    // PR09
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let mut child = thread::spawn(|| {
            let mut command = Command::new("cat");
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            // SAFETY: the system call takes no pointers.
            unsafe {
                command.pre_exec(|| {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    Ok(())
                });
            }
            command.spawn().unwrap()
        }).join().unwrap();
        // A thread of the runtime ends as well: a goroutine that ends locked takes its thread with
        // it.
        go!(|| { Box::leak(Box::new(gort::lock_os_thread())); }).join().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        assert!(child.wait().unwrap().success());
    }

    // PR10
    fn what_cannot_be_started_leaves_nothing() {
        let missing = || {
            let mut command = Command::new("no such program");
            let error = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(command.output().unwrap_err().kind(), ErrorKind::NotFound);
        };
        // The first calls make descriptors and threads that stay, so they come before the count.
        (0..20).for_each(|_| missing());
        sleep(20 * MS);
        let before = (count("fd"), count("task"));
        (0..300).for_each(|_| missing());
        let after = (count("fd"), count("task"));
        assert_eq!(before.0, after.0);
        assert!(after.1 <= before.1 + 4, "{before:?}, {after:?}");
        // SAFETY: the pointer may be null.
        let left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        assert_eq!(left, -1, "there is no child");
    }

    // PR10
    fn deadlines_hold_for_pipes() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.set_read_deadline(Some(Instant::now() + MS)).unwrap();
        assert_eq!(stdout.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        stdout.set_read_deadline(None).unwrap();
        let reads = parked(WaitReason::IoWait, move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map(|_| text)
        });
        child.stdin.as_mut().unwrap().write_all(b"late").unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(reads.join().unwrap().unwrap(), "late");
    }

    fn a_command_can_be_used_again_and_its_defaults_are_std_s() {
        let mut command = sh("cat; echo out; echo err >&2");
        for _ in 0..2 {
            // By default the input is empty, and both output streams are captured.
            let output = command.output().unwrap();
            assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        }
        let output = command.stderr(Stdio::null()).output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (4, 0));
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_some() && child.stderr.is_none());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (4, 0));
        assert_eq!(format!("{:?}", Command::new("a").arg("b c")), r#""a" "b c""#);
    }

    fn pipes_lead_from_child_to_child() {
        let mut seq = Command::new("seq").arg("100000").stdout(Stdio::piped()).spawn().unwrap();
        let stdout = seq.stdout.take().unwrap().into_inner();
        let output = Command::new("wc").arg("-l").stdin(stdout).output().unwrap();
        assert_eq!(output.stdout, b"100000\n");
        assert!(seq.wait().unwrap().success());
    }

    fn a_goroutine_on_a_small_stack_can_start_children() {
        let small = go!(stack = 64 << 10; { sh("exit 4").status().unwrap().code() });
        assert_eq!(small.join().unwrap(), Some(4));
        let wired = go!(|| {
            let _lock = gort::lock_os_thread();
            sh("exit 4").status().unwrap().code()
        });
        assert_eq!(wired.join().unwrap(), Some(4));
    }
}

// PR03, PR05
#[test]
fn the_same_holds_where_the_kernel_has_no_pidfds() {
    let vars = [("GORT_DEBUG", "pidfd=off")];
    let name = "processes::the_same_holds_where_the_kernel_has_no_pidfds";
    on_1_2_and_8_procs_with(name, &vars, || {
        waiting_is_as_std_has_it();
        dropped_children_leave_nothing();
        assert_eq!(sh("echo x; echo y >&2").output().unwrap().stdout, b"x\n");
    });
}

// PR03
#[test]
fn plain_threads_can_do_all_of_it() {
    waiting_is_as_std_has_it();
    let output = sh("echo x; echo y >&2").output().unwrap();
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b"x\n"[..], &b"y\n"[..])
    );
}

/// Runs `signalled NAME`, started with these signals ignored and SIGUSR1 blocked.
fn signalled(name: &str, ignored: &'static [i32]) -> Ended {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_signalled"));
    command.arg(name).env("GORT_MAXPROCS", "2");
    // SAFETY: these functions may be called between fork and exec, and the set is ours.
    unsafe {
        command.pre_exec(move || {
            for signal in 1..32 {
                libc::signal(signal, libc::SIG_DFL);
            }
            for &signal in ignored {
                libc::signal(signal, libc::SIG_IGN);
            }
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&raw mut set, libc::SIGUSR1);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
            Ok(())
        });
    }
    run_program(&mut command, name)
}

// PR07
#[test]
fn a_child_begins_as_this_process_did_and_without_blocked_signals() {
    const IGNORED: &[i32] = &[libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
    let expected = IGNORED
        .iter()
        .fold(0, |bits, signal| bits | 1u64 << (signal - 1));
    for name in ["child's signals", "child's signals, some received"] {
        let output = signalled(name, IGNORED);
        let text = output.stdout;
        let bits = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            // Leaves out the signal numbers that libc keeps for itself.
            u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
        };
        assert_eq!(bits("SigIgn:"), expected, "{name}: {text}");
        assert_eq!(bits("SigBlk:"), 0, "{name}: {text}");
    }
}

// PR08
#[test]
fn a_program_started_with_sigchld_ignored_gets_statuses() {
    let output = signalled("status although ignored", &[libc::SIGCHLD]);
    assert_eq!(output.stdout, "exit status: 7\n", "{output:?}");
}

// PR09
#[test]
fn a_child_that_is_to_end_with_this_process_does() {
    let output = signalled("ends with a child", &[]);
    let pid = output.stdout.trim().parse().unwrap();
    // The process that inherits the child collects it, perhaps late.
    wait_until(|| state_of(pid).is_none_or(|state| state == 'Z'));
}

#[test]
fn a_deadlock_is_reported_although_children_were_started() {
    let output = signalled("deadlock after children", &[]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = output.stderr;
    assert!(
        stderr.starts_with("fatal: all goroutines are asleep - deadlock!\n"),
        "{stderr}"
    );
}
