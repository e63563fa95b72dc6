//! `gort::signal`. Programs that a signal ends, or that must be started in a special way, are in
//! `src/bin/signalled.rs`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{RecvTimeoutError, TryRecvError};
use gort::context::{Context, ContextError};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::signal::{Signal, Signals, ctrl_c, notify, notify_context, stop};
use gort::time::sleep;
use gort_tests::{claims, parked, settle};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);
const WATCHDOG: Duration = Duration::from_secs(60);

/// Sends a signal to this process.
fn kill(signal: Signal) {
    // SAFETY: the call takes no pointers.
    let sent = unsafe { libc::kill(libc::getpid(), signal.number()) };
    assert_eq!(sent, 0);
}

/// Sends a signal and waits until it has arrived.
fn kill_and_see(signal: Signal) {
    let seen = notify(&[signal]);
    kill(signal);
    assert_eq!(seen.recv(), Ok(signal));
}

/// Installs a handler that stays. This is for tests at whose end a signal may still be on its way
/// to a thread, where it must not have its default effect.
fn catch_for_good(signal: Signal) -> &'static Signals {
    Box::leak(Box::new(notify(&[signal])))
}

fn drained(signals: &Signals) -> Vec<Signal> {
    std::iter::from_fn(|| signals.try_recv().ok()).collect()
}

claims! {
    // SG01
    fn a_receiver_gets_the_signals_that_it_asked_for() {
        let hup = notify(&[Signal::SIGHUP]);
        let all = notify(&[]);
        for signal in [Signal::SIGWINCH, Signal::SIGHUP, Signal::SIGHUP] {
            kill_and_see(signal);
        }
        assert_eq!(drained(&all), [Signal::SIGHUP, Signal::SIGWINCH]);
        assert_eq!(hup.recv(), Ok(Signal::SIGHUP), "it still waits there");
        assert_eq!(hup.try_recv(), Err(TryRecvError::Empty));
        for signal in [
            Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGTERM,
            Signal::SIGCHLD, Signal::SIGWINCH,
        ] {
            kill(signal);
            assert_eq!(all.recv(), Ok(signal));
        }
    }

    // SG02, SG15
    fn a_receiver_that_is_not_read_keeps_one_of_each() {
        let idle = notify(&[Signal::SIGUSR1, Signal::SIGHUP]);
        let hup = notify(&[Signal::SIGHUP]);
        for _ in 0..100 {
            kill_and_see(Signal::SIGUSR1);
        }
        kill_and_see(Signal::SIGHUP);
        assert_eq!(drained(&idle), [Signal::SIGHUP, Signal::SIGUSR1]);
        assert_eq!(drained(&hup), [Signal::SIGHUP], "what it asked for");
        kill_and_see(Signal::SIGUSR1);
        assert_eq!(drained(&idle), [Signal::SIGUSR1], "there is room again");
    }

    // SG03
    fn nothing_comes_after_stop() {
        let over = Arc::new(AtomicBool::new(false));
        // Without this handler the signal would kill the process.
        catch_for_good(Signal::SIGUSR1);
        let sender = thread::spawn({
            let over = Arc::clone(&over);
            move || while !over.load(Relaxed) {
                kill(Signal::SIGUSR1);
            }
        });
        let began = Instant::now();
        let mut rounds = 0;
        while began.elapsed() < 300 * MS || rounds < 20 {
            rounds += 1;
            let signals = notify(&[Signal::SIGUSR1]);
            assert_eq!(signals.recv(), Ok(Signal::SIGUSR1));
            stop(&signals);
            let left = drained(&signals);
            assert!(left.len() <= 1);
            for _ in 0..10 {
                kill_and_see(Signal::SIGUSR1);
                assert_eq!(signals.try_recv(), Err(TryRecvError::Disconnected));
            }
        }
        over.store(true, Relaxed);
        sender.join().unwrap();
    }

    // SG07
    fn a_storm_of_signals_disturbs_neither_clocks_nor_switches() {
        let over = Arc::new(AtomicBool::new(false));
        let signals = catch_for_good(Signal::SIGUSR1);
        let pairs: Vec<_> = (0..4).map(|_| {
            let (ping, pings) = bounded::<u64>(0);
            let (pong, pongs) = bounded::<u64>(0);
            go!(move || for n in pings { pong.send(n + 1).unwrap(); });
            go!(clone [over]; {
                let (mut n, mut last) = (0, Instant::now());
                while !over.load(Relaxed) {
                    ping.send(n).unwrap();
                    assert_eq!(pongs.recv(), Ok(n + 1));
                    n += 1;
                    let now = Instant::now();
                    assert!(now >= last);
                    last = now;
                    if n % 16 == 0 {
                        sleep(Duration::from_micros(50));
                    }
                    if n % 64 == 0 {
                        // Signals also arrive while this goroutine begins and ends.
                        go!(|| ()).join().unwrap();
                    }
                }
                n
            })
        }).collect();
        let sender = thread::spawn(|| for _ in 0..30_000 {
            kill(Signal::SIGUSR1);
        });
        let mut received = 0;
        while !sender.is_finished() {
            if signals.recv_timeout(MS).is_ok() {
                received += 1;
            }
        }
        sender.join().unwrap();
        over.store(true, Relaxed);
        assert!(received > 0);
        for pair in pairs {
            assert!(pair.join().unwrap() > 0);
        }
    }

    // SG08
    fn a_signal_reaches_its_waiter_while_all_threads_sleep() {
        let signals = notify(&[Signal::SIGUSR2]);
        for round in 0..20 {
            let waits = parked(WaitReason::ChanReceive, { let signals = signals.clone(); move || signals.recv() });
            let sender = thread::spawn(move || {
                // Gives all threads of the runtime time to fall asleep, and sometimes the monitor
                // as well.
                thread::sleep(if round % 10 == 0 { 150 * MS } else { MS });
                kill(Signal::SIGUSR2);
            });
            assert_eq!(waits.join().unwrap(), Ok(Signal::SIGUSR2));
            sender.join().unwrap();
        }
    }

    // SG09
    fn a_context_says_which_signal_has_ended_it() {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGUSR1] {
            let (parent, _cancel) = Context::background().with_cancel();
            let (ctx, cancel) = notify_context(&parent, &[signal, Signal::SIGHUP]);
            let (child, _) = ctx.with_cancel();
            assert!(ctx.err().is_none());
            kill(signal);
            assert!(ctx.done().recv().is_err());
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
            assert_eq!(ctx.cause().unwrap().to_string(), format!("{signal:?}"));
            assert!(child.done().recv().is_err());
            assert_eq!(child.cause().unwrap().downcast_ref(), Some(&signal));
            assert!(parent.err().is_none());
            cancel.cancel();
            assert_eq!(ctx.cause().unwrap().downcast_ref(), Some(&signal), "the first cause stays");
        }
    }

    // SG09
    fn a_context_may_end_otherwise() {
        let (ctx, cancel) = notify_context(&Context::background(), &[Signal::SIGINT]);
        let cancellers: Vec<_> = (0..8).map(|_| go!(clone [cancel]; { cancel.cancel() })).collect();
        cancellers.into_iter().for_each(|c| c.join().unwrap());
        cancel.cancel();
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        assert_eq!(ctx.cause().unwrap().to_string(), "context canceled");

        let (parent, cancel_parent) = Context::background().with_cancel_cause();
        let (ctx, cancel) = notify_context(&parent, &[Signal::SIGINT]);
        cancel_parent.cancel("no more work");
        assert_eq!(ctx.cause().unwrap().to_string(), "no more work");
        // The parent's end has cancelled the context. Until `cancel` is called as well, the signal
        // has no effect.
        kill_and_see(Signal::SIGINT);
        cancel.cancel();
        let (done, cancel) = notify_context(&parent, &[Signal::SIGINT]);
        assert!(done.err().is_some(), "from the beginning");
        cancel.cancel();

        let (ctx, cancel) = notify_context(&Context::background().with_value(7), &[Signal::SIGINT]);
        assert_eq!(ctx.value::<i32>().as_deref(), Some(&7));
        cancel.cancel();
    }

    // SG10
    fn further_signals_do_nothing_until_cancel_is_called() {
        let (ctx, cancel) = notify_context(&Context::background(), &[Signal::SIGINT]);
        for _ in 0..10 {
            kill(Signal::SIGINT);
        }
        assert!(ctx.done().recv().is_err());
        // There is no other receiver here. If the context had released the signal, it would kill
        // the process.
        for _ in 0..100 {
            kill(Signal::SIGINT);
            sleep(Duration::from_micros(100));
        }
        catch_for_good(Signal::SIGINT);
        cancel.cancel();
    }

    // SG16
    fn after_stop_there_is_what_had_come_and_then_an_error() {
        let signals = notify(&[Signal::SIGUSR1, Signal::SIGUSR2]);
        kill_and_see(Signal::SIGUSR1);
        stop(&signals);
        stop(&signals);
        assert_eq!(signals.recv(), Ok(Signal::SIGUSR1));
        assert!(signals.recv().is_err());
        assert_eq!(signals.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(signals.recv_timeout(WATCHDOG), Err(RecvTimeoutError::Disconnected));
        assert_eq!(signals.iter().next(), None);
        select! {
            signal = <-signals => assert!(signal.is_err()),
            after(WATCHDOG) => panic!("an error is there at once"),
        }
    }

    // SG16
    fn a_waiting_receiver_learns_of_stop() {
        let signals = notify(&[Signal::SIGUSR1]);
        let receives = parked(WaitReason::ChanReceive, { let signals = signals.clone(); move || signals.recv() });
        let selects = parked(WaitReason::Select, {
            let signals = signals.clone();
            move || select! {
                signal = <-signals => signal,
                after(WATCHDOG) => panic!("no receiver was told"),
            }
        });
        let on_a_thread = thread::spawn({ let signals = signals.clone(); move || signals.recv() });
        stop(&signals);
        assert!(receives.join().unwrap().is_err());
        assert!(selects.join().unwrap().is_err());
        assert!(on_a_thread.join().unwrap().is_err());
    }

    fn a_select_takes_what_comes_and_only_that() {
        let signals = Arc::new(notify(&[Signal::SIGUSR1]));
        let (tx, rx) = bounded::<u32>(1);
        for _ in 0..200 {
            let waits = parked(WaitReason::Select, { let (signals, rx) = (signals.clone(), rx.clone()); move || select! {
                signal = <-signals => Some(signal.unwrap()),
                n = <-rx => { assert_eq!(n, Ok(1)); None }
            }});
            kill(Signal::SIGUSR1);
            assert_eq!(waits.join().unwrap(), Some(Signal::SIGUSR1));
            tx.send(1).unwrap();
            let other = select! {
                signal = <-signals => Some(signal),
                n = <-rx => { assert_eq!(n, Ok(1)); None }
            };
            assert_eq!(other, None);
        }
        assert_eq!(signals.try_recv(), Err(TryRecvError::Empty));
        select! {
            _ = <-signals => panic!("nothing has come"),
            default => {}
        }
        // All receivers share the registry's lock, which the select must take only once.
        let second = notify(&[Signal::SIGUSR2]);
        let waits = parked(WaitReason::Select, { let (signals, second) = (signals.clone(), second.clone()); move || select! {
            signal = <-signals => signal,
            signal = <-second => signal,
            signal = <-second => signal,
        }});
        kill(Signal::SIGUSR2);
        assert_eq!(waits.join().unwrap(), Ok(Signal::SIGUSR2));
    }

    fn a_signal_goes_to_one_of_the_goroutines_that_share_a_receiver() {
        let signals = notify(&[Signal::SIGUSR1]);
        let got = Arc::new(Mutex::new(0));
        let readers: Vec<_> = (0..4).map(|_| go!(clone [signals, got]; {
            for _ in &signals {
                *got.lock() += 1;
            }
        })).collect();
        settle();
        for n in 1..=100 {
            kill(Signal::SIGUSR1);
            while *got.lock() < n {
                sleep(Duration::from_micros(100));
            }
        }
        stop(&signals);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(*got.lock(), 100);
    }

    fn a_time_limit_holds() {
        let signals = ctrl_c();
        for _ in 0..10 {
            assert_eq!(signals.recv_timeout(MS), Err(RecvTimeoutError::Timeout));
        }
        kill(Signal::SIGINT);
        assert_eq!(signals.recv_timeout(WATCHDOG), Ok(Signal::SIGINT));
    }

    fn a_goroutine_that_polls_finds_it_while_every_p_computes() {
        catch_for_good(Signal::SIGUSR1);
        let hogs: Vec<_> = (0..gort::runtime::max_procs()).map(|_| go!(move || {
            // This goroutine has its own receiver: each receiver gets each signal.
            let signals = notify(&[Signal::SIGUSR1]);
            while signals.try_recv().is_err() {
                std::hint::spin_loop();
            }
        })).collect();
        while hogs.iter().any(|hog| !hog.is_finished()) {
            kill(Signal::SIGUSR1);
            thread::sleep(MS);
        }
    }
}

/// Starts `signalled NAME`, after `prepare` has run in the child.
fn signalled(name: &str, procs: usize, prepare: fn()) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalled"));
    command
        .arg(name)
        .env("GORT_MAXPROCS", procs.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // SAFETY: these functions may be called between fork and exec. They reset what this process may
    // have inherited.
    unsafe {
        command.pre_exec(move || {
            for signal in [
                libc::SIGHUP,
                libc::SIGINT,
                libc::SIGQUIT,
                libc::SIGUSR1,
                libc::SIGTERM,
            ] {
                libc::signal(signal, libc::SIG_DFL);
            }
            prepare();
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let name = name.to_owned();
    Running {
        name,
        child,
        stdout,
    }
}

struct Running {
    name: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

struct Over {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Running {
    fn says(&mut self, expected: &str) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected, "{}", self.name);
    }

    fn kill(&self, signal: i32) {
        // SAFETY: a child that has not been waited for keeps its number.
        let sent = unsafe { libc::kill(self.child.id().cast_signed(), signal) };
        assert_eq!(sent, 0);
    }

    fn ends(mut self) -> Over {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if began.elapsed() > WATCHDOG {
                self.child.kill().unwrap();
                panic!(
                    "{} does not end: {:?}",
                    self.name,
                    self.child.wait_with_output()
                );
            }
            thread::sleep(2 * MS);
        }
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).unwrap();
        let output = self.child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Over {
            status: output.status,
            stdout,
            stderr,
        }
    }

    fn succeeds(self, stdout: &str) {
        let name = self.name.clone();
        let over = self.ends();
        assert!(
            over.status.success(),
            "{name}: {}: {}",
            over.status,
            over.stderr
        );
        assert_eq!(
            (over.stdout.trim_end(), over.stderr.as_str()),
            (stdout, ""),
            "{name}"
        );
    }

    fn dies_by(self, signal: i32) {
        let name = self.name.clone();
        let over = self.ends();
        assert_eq!(
            over.status.signal(),
            Some(signal),
            "{name}: {}: {}",
            over.status,
            over.stderr
        );
        assert_eq!(over.stderr, "", "{name}");
    }
}

fn nothing() {}

fn ignore(signal: i32) {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

// SG05
#[test]
fn a_signal_beside_stop_is_received_or_acts() {
    for procs in [1, 2, 8] {
        let all: Vec<_> = (0..10)
            .map(|_| signalled("beside stop", procs, nothing))
            .collect();
        for child in all {
            let over = child.ends();
            match over.status.signal() {
                Some(signal) => assert_eq!(signal, libc::SIGINT),
                None => assert_eq!(
                    over.stdout, "received all\n",
                    "{}: {}",
                    over.status, over.stderr
                ),
            }
        }
    }
}

// SG06, SG11
#[test]
fn without_notify_a_signal_acts_as_in_any_program() {
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGUSR1,
        libc::SIGUSR2,
    ] {
        let mut child = signalled("sleeps", 2, nothing);
        child.says("ready");
        child.kill(signal);
        child.dies_by(signal);
    }
    for signal in [libc::SIGCHLD, libc::SIGWINCH] {
        let mut child = signalled("ticks", 2, nothing);
        child.says("ready");
        child.kill(signal);
        child.succeeds("still here");
    }
    let mut child = signalled("ticks", 2, nothing);
    child.says("ready");
    child.kill(libc::SIGTSTP);
    thread::sleep(20 * MS);
    child.kill(libc::SIGCONT);
    child.succeeds("still here");
}

// SG12
#[test]
fn what_was_ignored_or_blocked_at_the_start_is_so_again_after_the_last_receiver() {
    for procs in [1, 2, 8] {
        let mut child = signalled("hup ignored", procs, || ignore(libc::SIGHUP));
        child.says("ready");
        child.succeeds("still here");
        let mut child = signalled("int ignored", procs, || ignore(libc::SIGINT));
        child.says("ready");
        child.succeeds("still here");
        let mut child = signalled("usr1 blocked", procs, || {
            // SAFETY: the set is ours.
            unsafe {
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigaddset(&raw mut set, libc::SIGUSR1);
                libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            }
        });
        child.says("ready");
        child.succeeds("still here");
    }
}

// SG12
#[test]
fn other_signals_do_not_stay_ignored() {
    let mut child = signalled("sleeps", 2, || ignore(libc::SIGTERM));
    child.says("ready");
    child.kill(libc::SIGTERM);
    child.dies_by(libc::SIGTERM);
}

// SG13
#[test]
fn quit_dumps_although_it_was_ignored_at_the_start() {
    let mut child = signalled("sleeps", 2, || ignore(libc::SIGQUIT));
    child.says("ready");
    child.kill(libc::SIGQUIT);
    let over = child.ends();
    assert_eq!(over.status.code(), Some(2), "{}", over.stderr);
    assert!(
        over.stderr.starts_with("SIGQUIT: quit\n\ngoroutine "),
        "{}",
        over.stderr
    );
}

// SG13
#[test]
fn a_program_that_ignores_quit_itself_continues_to_ignore_it() {
    let mut child = signalled("ignores quit itself", 2, nothing);
    child.says("ready");
    child.kill(libc::SIGQUIT);
    child.succeeds("still here");
}

// SG14
#[test]
fn the_former_action_is_back_when_the_last_receiver_has_gone() {
    for procs in [1, 2, 8] {
        let mut child = signalled("twice", procs, nothing);
        child.says("ready");
        child.kill(libc::SIGINT);
        child.says("again");
        child.kill(libc::SIGINT);
        child.dies_by(libc::SIGINT);

        let mut child = signalled("quit for a while", procs, nothing);
        child.says("ready");
        child.kill(libc::SIGQUIT);
        child.says("again");
        child.kill(libc::SIGQUIT);
        let over = child.ends();
        assert_eq!(over.status.code(), Some(2));
        assert!(
            over.stderr.starts_with("SIGQUIT: quit\n"),
            "{}",
            over.stderr
        );
    }
}

// SG17
#[test]
fn a_handler_that_was_there_before_is_called_as_well_and_is_back_afterwards() {
    for procs in [1, 2, 8] {
        let mut child = signalled("handled as well", procs, nothing);
        child.says("ready");
        child.succeeds("both");
    }
}

// SG18
#[test]
fn a_fault_signal_from_outside_is_no_stack_overflow() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        for name in ["sleeps", "waits for a signal"] {
            let mut child = signalled(name, 2, nothing);
            child.says("ready");
            child.kill(signal);
            child.dies_by(signal);
        }
    }
}

// DL08
#[test]
fn a_goroutine_that_waits_for_a_signal_is_not_in_a_deadlock() {
    for procs in [1, 2, 8] {
        for name in [
            "waits for a signal",
            "waits in a select",
            "waits for a context",
        ] {
            // The signal comes at once, or after the monitor has gone to sleep.
            for rest in [0, 300] {
                let mut child = signalled(name, procs, nothing);
                child.says("ready");
                thread::sleep(rest * MS);
                child.kill(libc::SIGUSR1);
                child.succeeds("SIGUSR1");
            }
        }
    }
}

#[test]
fn a_deadlock_is_reported_although_signals_are_received() {
    for procs in [1, 2, 8] {
        for (name, signal) in [
            ("deadlock beside a receiver", None),
            ("deadlock after stop", None),
            ("deadlock in a select's arm", None),
            ("deadlock after cancelling", None),
            ("deadlock after a context's end", Some(libc::SIGUSR1)),
            ("deadlock although a context ends", Some(libc::SIGUSR1)),
        ] {
            let mut child = signalled(name, procs, nothing);
            if let Some(signal) = signal {
                child.says("ready");
                child.kill(signal);
            }
            let over = child.ends();
            assert_eq!(over.status.code(), Some(2), "{name}: {}", over.stderr);
            let report = "fatal: all goroutines are asleep - deadlock!\n";
            assert!(over.stderr.starts_with(report), "{name}: {}", over.stderr);
        }
    }
}
