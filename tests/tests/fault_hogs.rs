//! SC11: newcomers beside computations that never end. They froze for times that doubled, up to
//! more than a minute each, since every job that computed for longer than a time slice began a hold
//! for all that had just been started.
//!
//! `GORT_TEST_LONG=1` shows it for a minute instead of some seconds.

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

/// How long a job computes, in CPU time: it does so however busy the machine is.
const JOB: Duration = Duration::from_millis(30);
/// Rounds of one newcomer each.
const ROUND: Duration = Duration::from_millis(10);
/// Rounds between two times that jobs come.
const JOBS_EVERY: usize = 15;
/// More jobs do not come while so many are under way: a busy machine may not keep up.
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

/// CPU time that the calling thread has used.
fn cpu_time() -> Duration {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to; the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut ts) };
    Duration::new(
        u64::try_from(ts.tv_sec).unwrap(),
        u32::try_from(ts.tv_nsec).unwrap(),
    )
}

/// What newcomers and jobs went through.
struct Outcome {
    /// How long each newcomer waited until it first ran, sorted.
    waits: Vec<Duration>,
    most_threads: usize,
}

impl Outcome {
    fn quantile(&self, permille: usize) -> Duration {
        self.waits[(self.waits.len() - 1) * permille / 1000]
    }
}

/// Starts a newcomer each round, and three jobs every few rounds, beside `endless` computations.
fn newcomers_beside(endless: usize) -> Outcome {
    // Having slept once, it is known to be none of them.
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

/// Runs `body` as the main goroutine of processes with 1 and 2 Ps. More than the machine has
/// cores would measure how the kernel shares them out.
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
            // 100 ms where the machine has nothing else to do.
            let most = outcome.quantile(1000);
            assert!(most < Duration::from_millis(800), "{most:?}");
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
