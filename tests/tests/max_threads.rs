//! LT: the bound on the runtime's threads.

use gort::prelude::*;
use gort::runtime::Builder;
use gort_tests::{role, run_child};
use std::thread;

/// Blocks the threads of 40 goroutines for `time`, with this many threads allowed.
fn blocks(threads: usize, time: Duration) {
    Builder::new()
        .max_procs(2)
        .max_threads(threads)
        .run(move || {
            let all: Vec<_> = (0..40)
                .map(|_| go!(move || gort::blocking(|| thread::sleep(time))))
                .collect();
            for goroutine in all {
                let _ = goroutine.join();
            }
            println!("all have slept");
        });
}

#[test]
fn a_program_that_needs_too_many_threads_ends() {
    const TEST: &str = "max_threads::a_program_that_needs_too_many_threads_ends";
    match role().as_deref() {
        Some("too few") => blocks(20, Duration::from_secs(60)),
        Some("enough") => blocks(100, Duration::from_millis(300)),
        _ => {
            let ended = run_child(TEST, "too few", &[]);
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            let said = "fatal: more than 20 threads are needed: too many goroutines block";
            assert!(ended.stderr.contains(said), "{ended:?}");
            let ended = run_child(TEST, "enough", &[]);
            assert!(
                ended.passed() && ended.stdout.contains("all have slept"),
                "{ended:?}"
            );
        }
    }
}
