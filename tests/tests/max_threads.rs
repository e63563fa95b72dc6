//! LT: the bound on the runtime's threads.

use gort::prelude::*;
use gort::runtime::Builder;
use gort_tests::{role, run_child};
use std::thread;

/// Blocks the threads of 40 goroutines at the same time, with this many threads allowed.
fn blocks(threads: usize) {
    Builder::new().max_procs(2).max_threads(threads).run(|| {
        let all: Vec<_> = (0..40)
            .map(|_| go! { gort::blocking(|| thread::sleep(Duration::from_millis(300))) })
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
        Some("too few") => blocks(20),
        Some("enough") => blocks(100),
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
