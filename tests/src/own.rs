//! Goroutines with thread-locals of their own, and control runs in which they use those of the
//! threads.

use gort::Builder;
use gort::prelude::*;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Once};
use std::thread;

/// Environment variable that makes the goroutines use the threads' thread-locals.
pub const SHARED: &str = "GORT_TESTS_SHARED";

/// Starts a goroutine with thread-locals of its own.
///
/// # Panics
/// Panics if there is no stack for it.
pub fn own<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let mut builder = Builder::new();
    if env::var_os(SHARED).is_some() {
        exit_after_20_s();
    } else {
        builder = builder.own_thread_locals();
    }
    builder.spawn(f).expect("a stack")
}

/// Ends a control run after 20 seconds, because hanging is one of the ways in which it can go
/// wrong.
fn exit_after_20_s() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(20));
            eprintln!("the control run hangs");
            process::exit(1);
        });
    });
}

/// Whether a goroutine of [`many`] has panicked.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Starts `n` goroutines with thread-locals of their own, each with its number, and waits for their
/// ends.
///
/// # Panics
/// Panics if one of the goroutines panics.
pub fn many<T: Send + 'static>(n: usize, f: impl Fn(usize) -> T + Send + Sync + 'static) -> Vec<T> {
    let f = Arc::new(f);
    let all: Vec<_> = (0..n)
        .map(|i| {
            let f = f.clone();
            own(move || {
                let result = catch_unwind(AssertUnwindSafe(|| f(i)));
                FAILED.fetch_or(result.is_err(), SeqCst);
                result.unwrap_or_else(|panic| resume_unwind(panic))
            })
        })
        .collect();
    all.into_iter()
        .map(|one| one.join().expect("it has not panicked"))
        .collect()
}

/// A place where goroutines of [`many`] meet, so that all are alive at the same time.
#[derive(Debug)]
pub struct Meeting {
    here: AtomicUsize,
    expected: usize,
}

impl Meeting {
    /// Creates a meeting of `n` goroutines.
    #[must_use]
    pub fn of(n: usize) -> Self {
        Self {
            here: AtomicUsize::new(0),
            expected: n,
        }
    }

    /// Joins the meeting, and calls `meanwhile` until all have come or a goroutine has
    /// panicked.
    pub fn join(&self, meanwhile: impl Fn()) {
        self.here.fetch_add(1, SeqCst);
        while self.here.load(SeqCst) < self.expected && !FAILED.load(SeqCst) {
            meanwhile();
        }
    }
}
