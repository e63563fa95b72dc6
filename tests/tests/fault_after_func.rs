//! A function that runs later is not a goroutine until then. Neither arming it nor starting it
//! panics when there is no stack.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::prelude::*;
use gort::runtime::{max_procs, num_goroutines};
use gort::time::{Timer, after_func, sleep};
use gort::{Builder, JoinHandle};
use gort_tests::{claims, settle};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Returns a function that counts its calls.
fn counts(calls: &Arc<AtomicUsize>) -> impl FnMut() + Send + 'static {
    let calls = calls.clone();
    move || {
        calls.fetch_add(1, SeqCst);
    }
}

/// Goroutines that wait and occupy all the stacks that the system has.
struct AllStacks {
    release: Sender<()>,
    holders: Vec<JoinHandle<()>>,
}

impl AllStacks {
    fn take() -> Self {
        let (release, gate) = bounded(0);
        let mut holders = Vec::new();
        // Starts a thread for each P first, since later there is no room for their stacks.
        let running = Arc::new(AtomicUsize::new(0));
        for _ in 1..max_procs() {
            let (gate, running) = (gate.clone(), running.clone());
            holders.push(spawn(move || {
                running.fetch_add(1, SeqCst);
                while running.load(SeqCst) < max_procs() - 1 {
                    thread::yield_now();
                }
                let _ = gate.recv();
            }));
        }
        while running.load(SeqCst) < max_procs() - 1 {
            thread::yield_now();
        }
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
        let limit = pages * 4096 + (96 << 20);
        let limit = libc::rlimit {
            rlim_cur: limit,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: the call reads the limit.
        let failed = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        assert_eq!(failed, 0);
        loop {
            let gate = gate.clone();
            match Builder::new().spawn(move || {
                let _ = gate.recv();
            }) {
                Ok(holder) => holders.push(holder),
                // Makes two attempts, because the first may have found the slots of another P.
                Err(_) if Builder::new().spawn(|| ()).is_err() => break,
                Err(_) => {}
            }
        }
        Self { release, holders }
    }

    fn give_back(self) {
        drop(self.release);
        self.holders.into_iter().for_each(|h| h.join().unwrap());
    }
}

fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it did not happen within 10 s"
        );
        sleep(ms(1));
    }
}

claims! {
    fn a_pending_function_is_no_goroutine() {
        let calls = Arc::new(AtomicUsize::new(0));
        let timers: Vec<Timer> = (0..100).map(|_| after_func(HOUR, counts(&calls))).collect();
        settle();
        assert_eq!(num_goroutines(), 1);
        assert!(timers.iter().all(|timer| timer.reset(HOUR)));
        assert!(timers.iter().skip(1).all(Timer::stop));
        assert_eq!(num_goroutines(), 1);
        assert!(timers[0].reset(ms(1)));
        until(|| calls.load(SeqCst) == 1);
        settle();
        assert_eq!(num_goroutines(), 1);
    }

    fn what_waits_for_a_deadline_is_no_goroutine() {
        let calls = Arc::new(AtomicUsize::new(0));
        let (ctx, _cancel) = Context::background().with_timeout(ms(100));
        let (later, cancel) = Context::background().with_timeout(HOUR);
        let after: Vec<_> = (0..100).map(|_| ctx.after_func(counts(&calls))).collect();
        let _after = later.after_func(counts(&calls));
        settle();
        if ctx.err().is_none() {
            assert_eq!(num_goroutines(), 1);
        }
        until(|| calls.load(SeqCst) == 100);
        assert!(!after.iter().any(|after| after.stop()));
        cancel.cancel();
        until(|| calls.load(SeqCst) == 101);
    }

    fn arming_and_cancelling_need_no_stack() {
        let calls = Arc::new(AtomicUsize::new(0));
        let (ctx, cancel) = Context::background().with_cancel();
        let (timed, _cancel) = Context::background().with_timeout(ms(200));
        let (done, end) = Context::background().with_cancel();
        end.cancel();
        let timer = after_func(HOUR, counts(&calls));
        drop(ctx.after_func(counts(&calls)));
        let all = AllStacks::take();
        drop(timed.after_func(counts(&calls)));
        drop(after_func(ms(1), counts(&calls)));
        assert!(timer.reset(ms(1)));
        cancel.cancel();
        let started = done.after_func(counts(&calls));
        assert!(!started.stop());
        let stopped = after_func(ms(1), || unreachable!("stopped"));
        sleep(ms(300));
        assert_eq!(calls.load(SeqCst), 0, "the function has run, so there was a stack");
        assert!(stopped.stop(), "it is still pending");
        all.give_back();
        until(|| calls.load(SeqCst) == 5);
        sleep(ms(50));
        assert_eq!(calls.load(SeqCst), 5);
    }
}

#[gort::test]
fn a_pending_function_is_not_left_behind_by_a_test() {
    after_func(HOUR, || {});
    let (ctx, _cancel) = Context::background().with_timeout(HOUR);
    drop(ctx.after_func(|| {}));
}
