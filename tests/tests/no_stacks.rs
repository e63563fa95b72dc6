//! ST: goroutines that find no stack when they first run.
//!
//! With guards made by `mprotect` a stack takes two mappings, and the kernel refuses the guards
//! after some 32,000 stacks.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{GoroutineInfo, GoroutineState, goroutines, max_procs};
use gort::time::sleep;
use gort_tests::{role, run_child};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// Returns a number of goroutines that is larger than the number of stacks for which the system has
/// room, or `None` if that is more than a test should use.
fn too_many() -> Option<usize> {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    (limit <= 100_000).then_some(limit / 2 + 300)
}

/// Runs `body` as the main goroutine of a process with `procs` Ps.
fn in_child(test: &'static str, procs: &str, body: fn()) -> Option<gort_tests::Ended> {
    if role().is_some() {
        gort::runtime::run(body);
        return None;
    }
    if too_many().is_none() {
        println!("skipped: vm.max_map_count is large");
        return None;
    }
    let env = [("GORT_DEBUG", "guard=mprotect"), ("GORT_MAXPROCS", procs)];
    Some(run_child(test, "body", &env))
}

/// Starts the threads that the test needs, also for Ps that are taken from goroutines that compute.
/// Later no mappings are left for the threads' stacks.
fn start_threads() {
    let all: Vec<_> = (0..2 * max_procs() + 8)
        .map(|_| spawn(|| gort::blocking(|| thread::sleep(Duration::from_millis(100)))))
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
}

/// Starts more goroutines than there are stacks for. Each waits until the channel is closed.
/// Returns the number that have started to run, their handles, and the sender that keeps the
/// channel open.
fn wait_together() -> (Arc<AtomicUsize>, Vec<JoinHandle<()>>, Sender<()>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let (release, gate) = bounded::<()>(0);
    let all = (0..too_many().unwrap())
        .map(|_| {
            let (gate, begun) = (gate.clone(), begun.clone());
            spawn(move || {
                begun.fetch_add(1, Relaxed);
                gate.recv().unwrap_err();
            })
        })
        .collect();
    (begun, all, release)
}

/// Waits until no more goroutines start to run, and returns how many have started.
fn until_no_goroutine_begins(begun: &AtomicUsize) -> usize {
    loop {
        let before = begun.load(Relaxed);
        sleep(Duration::from_millis(200));
        if begun.load(Relaxed) == before && before > 1000 {
            return before;
        }
    }
}

fn a_goroutine_that_finds_no_stack_runs_when_others_have_ended(test: &'static str, procs: &str) {
    let ended = in_child(test, procs, || {
        start_threads();
        let (begun, all, release) = wait_together();
        let count = until_no_goroutine_begins(&begun);
        assert!(count < all.len(), "all {count} have a stack");
        // Those without a stack are visible in the list, and main continues. A few that have a
        // stack might not have counted themselves yet.
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let (count, infos) = (begun.load(Relaxed), goroutines());
            let is_created = |info: &&GoroutineInfo| info.state == GoroutineState::Created;
            let created = infos.iter().filter(is_created).count();
            if count + created == all.len() {
                break;
            }
            assert!(
                Instant::now() < until,
                "{count} with a stack, {created} without"
            );
            sleep(Duration::from_millis(10));
        }
        drop(release);
        all.into_iter().for_each(|one| one.join().unwrap());
        // Everything is as before.
        assert_eq!(spawn(|| 7).join().unwrap(), 7);
    });
    if let Some(ended) = ended {
        assert!(ended.status.success(), "{ended:?}");
    }
}

#[test]
fn a_goroutine_that_finds_no_stack_runs_when_others_have_ended_on_1_p() {
    a_goroutine_that_finds_no_stack_runs_when_others_have_ended(
        "a_goroutine_that_finds_no_stack_runs_when_others_have_ended_on_1_p",
        "1",
    );
}

#[test]
fn a_goroutine_that_finds_no_stack_runs_when_others_have_ended_on_8_ps() {
    a_goroutine_that_finds_no_stack_runs_when_others_have_ended(
        "a_goroutine_that_finds_no_stack_runs_when_others_have_ended_on_8_ps",
        "8",
    );
}

#[test]
fn if_no_stack_can_come_the_program_ends_with_advice() {
    if too_many().is_none_or(|n| n > 40_000) {
        println!("skipped: vm.max_map_count is large");
        return;
    }
    for procs in ["1", "2"] {
        // A process of libtest has other threads, which might act, so this is a program.
        let ended = Command::new(env!("CARGO_BIN_EXE_scenario"))
            .arg("stuck-without-stacks")
            .env("GORT_DEBUG", "guard=mprotect")
            .env("GORT_MAXPROCS", procs)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{procs} Ps: {ended:?}");
        let advice = "fatal: no memory for the stack of a goroutine";
        assert!(
            stderr.contains(advice) && stderr.contains("vm.max_map_count"),
            "{procs} Ps: {stderr}"
        );
    }
}
