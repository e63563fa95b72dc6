//! GK: the kernels of bugs that `gort_tests::kernels` describes. Kernels that get stuck are
//! reported with what each goroutine waits for. The corrected program of each kernel runs a
//! thousand times.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::goroutines;
use gort_tests::kernels::{Kernel, Outcome, group};
use gort_tests::{claims, settle};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Instant;

const WATCHDOG: Duration = Duration::from_secs(60);
const TIMES: usize = 1_000;

/// Waits for a process. Kills it and panics after [`WATCHDOG`], in case its deadlock is not found.
fn end_of(mut child: Child, what: &str) -> Output {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!("{what} hangs: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Returns what the goroutines in a report wait for, sorted.
fn reasons(report: &str) -> Vec<&str> {
    let heads = report.lines().filter(|line| line.starts_with("goroutine "));
    let reason = |line: &'_ str| -> Option<(usize, usize)> {
        Some((line.rfind('[')? + 1, line.rfind("]:")?))
    };
    let mut reasons: Vec<_> = heads
        .filter_map(|line| reason(line).map(|(start, end)| &line[start..end]))
        .collect();
    reasons.sort_unstable();
    reasons
}

/// Runs a kernel's broken program with several numbers of Ps.
fn gets_stuck(kernel: &Kernel) {
    for procs in ["1", "2", "8"] {
        let what = format!("{:?} with {procs} Ps", kernel.name);
        let child = Command::new(env!("CARGO_BIN_EXE_kernel"))
            .arg(kernel.name)
            .env("GORT_MAXPROCS", procs)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = end_of(child, &what);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        match kernel.outcome {
            Outcome::Stuck(expected) => {
                assert_eq!(output.status.code(), Some(2), "{what}: {output:?}");
                assert!(
                    stderr.contains("all goroutines are asleep - deadlock!"),
                    "{what}:\n{stderr}"
                );
                assert_eq!(reasons(&stderr), expected, "{what}:\n{stderr}");
            }
            Outcome::Leaks(expected) => {
                assert!(output.status.success(), "{what}: {output:?}");
                assert_eq!(reasons(&stdout), expected, "{what}:\n{stdout}");
            }
        }
    }
}

fn all_get_stuck(row: &str) {
    group(row).iter().for_each(gets_stuck);
}

/// Runs the corrected programs again and again. They end and leave no goroutine behind.
fn corrected_programs_end(row: &str) {
    for kernel in group(row) {
        let started = gort::time::now();
        for _ in 0..TIMES {
            (kernel.fixed)();
        }
        settle();
        assert_eq!(goroutines().len(), 1, "left behind: {}", kernel.name);
        println!("{:?} {}", started.elapsed(), kernel.name);
    }
}

// GK01
#[test]
fn a_lock_that_is_taken_twice_is_reported() {
    all_get_stuck("GK01");
}

// GK02
#[test]
fn locks_in_opposite_orders_are_reported() {
    all_get_stuck("GK02");
}

// GK03
#[test]
fn reading_again_behind_a_writer_is_reported() {
    all_get_stuck("GK03");
}

// GK04
#[test]
fn channels_without_partners_are_reported() {
    all_get_stuck("GK04");
}

// GK05
#[test]
fn goroutines_that_a_cancelled_partner_leaves_are_reported() {
    all_get_stuck("GK05");
}

// GK06
#[test]
fn lost_signals_are_reported() {
    all_get_stuck("GK06");
}

// GK07
#[test]
fn waiting_for_a_channel_with_a_lock_that_the_partner_needs_is_reported() {
    all_get_stuck("GK07");
}

// GK08
#[test]
fn wait_groups_that_wait_for_ever_are_reported() {
    all_get_stuck("GK08");
}

// GK11
#[test]
fn goroutines_that_a_wait_group_did_not_wait_for_are_left_behind() {
    all_get_stuck("GK11");
}

claims! {
    // GK09, GK01
    fn locks_that_are_taken_once_are_fine() {
        corrected_programs_end("GK01");
    }

    // GK09, GK02
    fn locks_in_one_order_are_fine() {
        corrected_programs_end("GK02");
    }

    // GK09, GK03
    fn reading_once_is_fine() {
        corrected_programs_end("GK03");
    }

    // GK09, GK04
    fn channels_with_partners_are_fine() {
        corrected_programs_end("GK04");
    }

    // GK09, GK05
    fn cancelled_partners_that_say_so_are_fine() {
        corrected_programs_end("GK05");
    }

    // GK09, GK06
    fn waiting_for_what_is_signalled_is_fine() {
        corrected_programs_end("GK06");
    }

    // GK09, GK07
    fn waiting_for_a_channel_without_a_lock_is_fine() {
        corrected_programs_end("GK07");
    }

    // GK09, GK08, GK11
    fn wait_groups_whose_members_report_are_fine() {
        corrected_programs_end("GK08");
        corrected_programs_end("GK11");
    }

    // GK10: what panics in Go is an error that gives the value back, a `false`, or a panic of the
    // goroutine that made the mistake; grpc#1687, istio#8967, serving#3068.
    fn early_or_repeated_closes_are_errors_of_the_goroutine_at_fault() {
        let (tx, rx) = bounded(1);
        assert!(tx.close());
        let late = go!(clone [tx]; { tx.send(1) });
        assert_eq!(late.join().unwrap(), Err(SendError(1)));
        assert!(!tx.close());
        let panics = go!(clone [tx]; {
            select! {
                tx <- 2 => {}
            }
        });
        assert!(panics.join().is_err());
        // The other goroutines continue.
        assert_eq!(tx.send(3), Err(SendError(3)));
        drop(tx);
        assert_eq!(rx.recv(), Err(RecvError));
    }

    // GK11: a count below zero panics where it happens.
    fn a_wait_group_that_is_done_too_often_panics() {
        let all = WaitGroup::new();
        all.add(1);
        all.done();
        let twice = go!(clone [all]; { all.done(); });
        assert!(twice.join().is_err());
    }
}
