//! Programs that tests send signals to: `signalled NAME`. Each prints `ready` when it is in the
//! state that its name says, and then what it does.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::TryRecvError;
use gort::context::Context;
use gort::prelude::*;
use gort::process::Command;
use gort::signal::{Signal, ctrl_c, notify, notify_context, stop};
use gort::time::sleep;
use std::env;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(600);

/// Sends a signal to this process.
fn kill(signal: i32) {
    // SAFETY: the call takes no pointers.
    let sent = unsafe { libc::kill(libc::getpid(), signal) };
    assert_eq!(sent, 0);
}

/// Returns whether the `line` of this process' status that lists the handled, ignored or blocked
/// signals (`SigCgt`, `SigIgn`, `SigBlk`) contains `signal`.
fn status_lists(line: &str, signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    let bits = u64::from_str_radix(found.trim_start_matches(':').trim(), 16).unwrap();
    bits & 1 << (signal.number() - 1) != 0
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn handle(_signal: libc::c_int) {
    HANDLED.fetch_add(1, Relaxed);
}

fn wait_until(what: impl Fn() -> bool) {
    while !what() {
        sleep(MS);
    }
}

/// A signal that races with `stop` is received, or kills the process, and is never lost.
fn beside_stop() {
    for _ in 0..10 {
        let signals = ctrl_c();
        let sender = thread::spawn(|| kill(libc::SIGINT));
        stop(&signals);
        sender.join().unwrap();
        if signals.recv().is_err() {
            // The signal is on its way to kill this process.
            thread::sleep(Duration::from_secs(20));
            println!("lost");
            return;
        }
    }
    println!("received all");
}

/// The first signal reaches the program, and the second has its default effect.
fn twice() {
    let signals = ctrl_c();
    let other = notify(&[Signal::SIGINT]);
    println!("ready");
    assert_eq!(signals.recv(), Ok(Signal::SIGINT));
    assert_eq!(other.recv(), Ok(Signal::SIGINT));
    stop(&other);
    // A clone of one receiver is left.
    let clone = signals.clone();
    drop(signals);
    kill(libc::SIGINT);
    assert_eq!(clone.recv(), Ok(Signal::SIGINT));
    assert!(other.recv().is_err());
    drop(clone);
    println!("again");
    sleep(LONG);
}

fn ignored_again(signal: Signal) {
    assert!(status_lists("SigIgn", signal));
    println!("ready");
    // The signal is sent while it is ignored. There is nothing to wait for, so this shows only that
    // nothing bad happens.
    kill(signal.number());
    let signals = notify(&[signal]);
    assert!(!status_lists("SigIgn", signal));
    kill(signal.number());
    assert_eq!(signals.recv(), Ok(signal));
    drop(signals);
    assert!(status_lists("SigIgn", signal) && !status_lists("SigCgt", signal));
    kill(signal.number());
    println!("still here");
}

fn blocked_again() {
    let signal = Signal::SIGUSR1;
    assert!(status_lists("SigBlk", signal));
    println!("ready");
    for _ in 0..100 {
        let signals = notify(&[signal]);
        kill(signal.number());
        assert_eq!(signals.recv(), Ok(signal));
        stop(&signals);
        kill(signal.number());
        // The signal is pending while it is blocked. The next receiver gets it.
        let signals = notify(&[signal]);
        assert_eq!(signals.recv(), Ok(signal));
    }
    assert!(status_lists("SigBlk", signal) && !status_lists("SigCgt", signal));
    // New threads have the signal blocked, like the others.
    let (tx, rx) = bounded(0);
    for _ in 0..8 {
        go!(clone [tx]; { gort::blocking(|| thread::sleep(20 * MS)); tx.send(()).unwrap() });
    }
    drop(tx);
    assert_eq!(rx.iter().count(), 8);
    kill(signal.number());
    println!("still here");
}

fn handled_as_well() {
    let signals = notify(&[Signal::SIGUSR1]);
    println!("ready");
    for n in 1..=3 {
        kill(libc::SIGUSR1);
        assert_eq!(signals.recv(), Ok(Signal::SIGUSR1));
        wait_until(|| HANDLED.load(Relaxed) == n);
    }
    stop(&signals);
    kill(libc::SIGUSR1);
    wait_until(|| HANDLED.load(Relaxed) == 4);
    assert_eq!(signals.try_recv(), Err(TryRecvError::Disconnected));
    println!("both");
}

fn quit_is_ours_for_a_while() {
    let signals = notify(&[Signal::SIGQUIT]);
    println!("ready");
    assert_eq!(signals.recv(), Ok(Signal::SIGQUIT));
    stop(&signals);
    println!("again");
    sleep(LONG);
}

/// Only a signal that no goroutine waits for could end this wait.
fn deadlock() {
    let (_tx, rx) = bounded::<()>(0);
    let _ = rx.recv();
}

/// Prints the lines of a child's status that say what it sees of its signals.
fn status_of_child() {
    let output = Command::new("cat").arg("/proc/self/status").output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    for line in text.lines().filter(|line| line.starts_with("Sig")) {
        println!("{line}");
    }
}

/// Starts a child that ends with this process, and returns its number.
fn child_until_we_end() -> u32 {
    let mut command = Command::new("sleep");
    command.arg("1000");
    // SAFETY: the system call takes no pointers.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    let child = command.spawn().unwrap();
    child.id()
}

fn main() {
    let name = env::args().nth(1).unwrap_or_default();
    if name == "handled as well" {
        let handler: extern "C" fn(libc::c_int) = handle;
        // SAFETY: the handler only changes an atomic.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    }
    if name == "ignores quit itself" {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(libc::SIGQUIT, libc::SIG_IGN) };
    }
    gort::runtime::run(move || match name.as_str() {
        "sleeps" => {
            println!("ready");
            sleep(LONG);
        }
        "ticks" | "ignores quit itself" => {
            println!("ready");
            for _ in 0..300 {
                sleep(MS);
            }
            println!("still here");
        }
        "beside stop" => beside_stop(),
        "twice" => twice(),
        "hup ignored" => ignored_again(Signal::SIGHUP),
        "int ignored" => ignored_again(Signal::SIGINT),
        "usr1 blocked" => blocked_again(),
        "handled as well" => handled_as_well(),
        "quit for a while" => quit_is_ours_for_a_while(),
        // Children.
        "child's signals" => status_of_child(),
        "child's signals, some received" => {
            let _signals = notify(&[Signal::SIGHUP, Signal::SIGTERM, Signal::SIGUSR1]);
            status_of_child();
        }
        "status although ignored" => {
            println!(
                "{}",
                Command::new("sh").args(["-c", "exit 7"]).status().unwrap()
            );
        }
        "ends with a child" => println!("{}", child_until_we_end()),
        "deadlock after children" => {
            assert!(Command::new("true").status().unwrap().success());
            drop(Command::new("sleep").arg("0.1").spawn().unwrap());
            deadlock();
        }
        // Deadlocks, and states that are no deadlock.
        "waits for a signal" => {
            let signals = notify(&[Signal::SIGUSR1]);
            println!("ready");
            println!("{}", signals.recv().unwrap());
        }
        "waits in a select" => {
            let signals = notify(&[Signal::SIGUSR1]);
            let (_tx, rx) = bounded::<()>(0);
            println!("ready");
            select! {
                signal = <-signals => println!("{}", signal.unwrap()),
                _ = <-rx => {}
            }
        }
        "waits for a context" => {
            let (ctx, _cancel) = notify_context(&Context::background(), &[Signal::SIGUSR1]);
            let (tx, rx) = bounded(0);
            // Only the signal starts this function.
            ctx.after_func(move || tx.send(()).unwrap());
            println!("ready");
            rx.recv().unwrap();
            println!("{}", ctx.cause().unwrap());
        }
        "deadlock beside a receiver" => {
            let _signals = notify(&[Signal::SIGUSR1]);
            deadlock();
        }
        "deadlock after stop" => {
            let signals = notify(&[Signal::SIGUSR1]);
            let (tell, came) = bounded(0);
            go!(clone [signals]; {
                for signal in &signals {
                    tell.send(signal).unwrap();
                }
            });
            kill(libc::SIGUSR1);
            assert!(came.recv().is_ok());
            stop(&signals);
            assert!(came.recv().is_err());
            deadlock();
        }
        "deadlock in a select's arm" => {
            let signals = notify(&[Signal::SIGUSR1]);
            kill(libc::SIGUSR1);
            let (tx, rx) = bounded::<()>(0);
            select! {
                _ = <-signals => deadlock(),
                _ = <-rx => {}
            }
            drop(tx);
        }
        "deadlock after a context's end" => {
            let (ctx, _cancel) = notify_context(&Context::background(), &[Signal::SIGUSR1]);
            // Main polls, so no goroutine waits for the context.
            println!("ready");
            while ctx.err().is_none() {
                sleep(MS);
            }
            deadlock();
        }
        "deadlock although a context ends" => {
            let (_ctx, _cancel) = notify_context(&Context::background(), &[Signal::SIGUSR1]);
            println!("ready");
            deadlock();
        }
        "deadlock after cancelling" => {
            let (parent, cancel) = Context::background().with_cancel();
            let (_ctx, _cancel) = notify_context(&parent, &[Signal::SIGUSR1]);
            let (_other, cancel_other) = notify_context(&parent.without_cancel(), &[]);
            cancel_other.cancel();
            cancel.cancel();
            deadlock();
        }
        other => panic!("no program {other:?}"),
    });
}
