//! A function that runs later is not a goroutine until then. Neither arming it nor starting it
//! panics when there is no stack.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::prelude::*;
use gort::runtime::{num_goroutines, set_max_procs};
use gort::time::{Timer, after_func, sleep};
use gort::{Builder, JoinHandle};
use gort_tests::{claims, settle};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
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

/// Limits the address space to what the process has now and `bytes` more.
fn leave_room(bytes: libc::rlim_t) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
    let limit = libc::rlimit {
        rlim_cur: pages * 4096 + bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the call reads the limit.
    let failed = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(failed, 0);
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
        // Another P would keep some reservations of stacks, and a function could run there.
        set_max_procs(1);
        leave_room(96 << 20);
        // Another thread may map much memory for a moment: `malloc` does for a thread's first
        // allocation. So one failure is not the end.
        let mut failures = 0;
        while failures < 3 {
            let gate = gate.clone();
            match Builder::new().spawn(move || {
                let _ = gate.recv();
            }) {
                Ok(holder) => {
                    holders.push(holder);
                    failures = 0;
                }
                Err(_) => {
                    failures += 1;
                    sleep(ms(10));
                }
            }
        }
        // Threads and buffers that end would make room for one more stack, since gort leaves 32 MiB
        // for other uses.
        leave_room(16 << 20);
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
