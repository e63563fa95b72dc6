//! SC11: tests new goroutines beside computations that never end. They once stood still for times
//! that doubled, up to more than a minute each, because every job that computed for longer than a
//! time slice put all goroutines on hold that had just been started.
//!
//! `GORT_TEST_LONG=1` runs it for a minute instead of some seconds.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort::time::sleep;
use gort_tests::{role, run_child};
use std::env;
use std::fs;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// How long a job computes, in CPU time, which does not depend on how busy the machine is.
const JOB: Duration = Duration::from_millis(30);
/// The length of a round. Each round starts one new goroutine.
const ROUND: Duration = Duration::from_millis(10);
/// Number of rounds between two batches of jobs.
const JOBS_EVERY: usize = 15;
/// Maximum number of jobs that run at once, for busy machines that cannot keep up.
const MOST_JOBS: usize = 9;
const NOT_YET: u64 = u64::MAX;

fn time() -> Duration {
    if env::var("GORT_TEST_LONG").is_ok() {
        Duration::from_secs(60)
    } else {
        Duration::from_secs(8)
    }
}

fn ns_since(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_nanos()).unwrap()
}

/// Returns the CPU time that the calling thread has used.
fn cpu_time() -> Duration {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is valid for writing, and the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut ts) };
    Duration::new(
        u64::try_from(ts.tv_sec).unwrap(),
        u32::try_from(ts.tv_nsec).unwrap(),
    )
}

/// The results of the new goroutines and the jobs.
struct Outcome {
    /// How long each new goroutine waited until it first ran, sorted.
    waits: Vec<Duration>,
    most_threads: usize,
}

impl Outcome {
    fn quantile(&self, permille: usize) -> Duration {
        self.waits[(self.waits.len() - 1) * permille / 1000]
    }
}

/// Starts a new goroutine in each round, and three jobs every few rounds, beside `endless`
/// computations.
fn newcomers_beside(endless: usize) -> Outcome {
    // A goroutine that has slept once is known not to compute endlessly.
    sleep(Duration::from_millis(1));
    let stop = Arc::new(AtomicBool::new(false));
    let computing: Vec<_> = (0..endless)
        .map(|_| {
            let stop = stop.clone();
            spawn(move || {
                while !stop.load(Relaxed) {
                    spin_loop();
                }
            })
        })
        .collect();
    sleep(Duration::from_millis(500));
    let (mut waits, mut jobs) = (Vec::new(), Vec::new());
    let mut most_threads = 0;
    let done = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut last = Instant::now();
    for round in 0.. {
        if began.elapsed() >= time() {
            break;
        }
        if round % JOBS_EVERY == 0 && jobs.len() - done.load(Relaxed) < MOST_JOBS {
            for _ in 0..3 {
                let done = done.clone();
                jobs.push(spawn(move || {
                    // It never waits, so it stays on one thread.
                    let began = cpu_time();
                    while cpu_time() - began < JOB {
                        (0..1000).for_each(|_| spin_loop());
                    }
                    done.fetch_add(1, Relaxed);
                }));
            }
        }
        let (started, wait) = (Instant::now(), Arc::new(AtomicU64::new(NOT_YET)));
        let newcomer = wait.clone();
        drop(spawn(move || newcomer.store(ns_since(started), Relaxed)));
        waits.push((started, wait));
        if round % 10 == 0 {
            most_threads = most_threads.max(fs::read_dir("/proc/self/task").unwrap().count());
        }
        sleep(ROUND);
        last = Instant::now();
    }
    let mut waits: Vec<_> = waits
        .into_iter()
        .map(|(started, wait)| match wait.load(Relaxed) {
            NOT_YET => last - started,
            ns => Duration::from_nanos(ns),
        })
        .collect();
    waits.sort();
    let outcome = Outcome {
        waits,
        most_threads,
    };
    println!(
        "{endless} endless, {} Ps: {} newcomers waited for {:?} (median), {:?} (p99), {:?} (most); \
         {} of {} jobs done; {most_threads} threads",
        max_procs(),
        outcome.waits.len(),
        outcome.quantile(500),
        outcome.quantile(990),
        outcome.quantile(1000),
        done.load(Relaxed),
        jobs.len(),
    );
    stop.store(true, Relaxed);
    computing.into_iter().for_each(|one| one.join().unwrap());
    jobs.into_iter().for_each(|job| job.join().unwrap());
    outcome
}

/// Runs `body` as the main goroutine of processes with 1 and 2 Ps. With more Ps than cores this
/// would measure how the kernel divides the cores.
fn on_1_and_2_procs(test: &'static str, body: fn()) {
    if role().is_some() {
        return gort::runtime::run(body);
    }
    for procs in ["1", "2"] {
        let ended = run_child(test, "body", &[("GORT_MAXPROCS", procs)]);
        print!("{}", ended.stdout);
        assert!(ended.status.success(), "{}", ended.stderr);
    }
}

#[test]
fn newcomers_do_not_freeze_beside_three_endless_computations_a_p() {
    on_1_and_2_procs(
        "newcomers_do_not_freeze_beside_three_endless_computations_a_p",
        || {
            let outcome = newcomers_beside(3 * max_procs());
            // The longest wait is 100 ms on a machine that does nothing else. A freeze holds up all
            // that are started during it. A stall of the machine holds up only a few.
            let wait = outcome.quantile(900);
            assert!(wait < Duration::from_millis(800), "{wait:?}");
        },
    );
}

#[test]
fn most_newcomers_run_soon_beside_a_thousand_endless_computations() {
    on_1_and_2_procs(
        "most_newcomers_run_soon_beside_a_thousand_endless_computations",
        || {
            let outcome = newcomers_beside(1_000);
            let median = outcome.quantile(500);
            assert!(median < Duration::from_millis(200), "{median:?}");
            assert!(outcome.most_threads <= 64, "{}", outcome.most_threads);
        },
    );
}
