//! What the tests of libraries in goroutines with thread-locals of their own share.
//!
//! Each library's test is a program of goroutines that hold something of the library over waits. It runs with 1, 2
//! and 8 Ps, and each goroutine changes threads whenever it waits. With [`SHARED`] in the environment the
//! goroutines have the threads' thread-locals, to see that the program can fail.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::Builder;
use gort::prelude::*;
use gort::time::sleep;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Once, OnceLock};
use std::thread;

/// In whose environment this is, its goroutines have the threads' thread-locals.
pub const SHARED: &str = "GORT_TESTS_SHARED";

/// Whether this process is a control.
pub fn is_shared() -> bool {
    std::env::var_os(SHARED).is_some()
}

/// Starts a goroutine with thread-locals of its own.
pub fn own<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let mut builder = Builder::new();
    if is_shared() {
        end_some_day();
    } else {
        builder = builder.own_thread_locals();
    }
    builder.spawn(f).unwrap()
}

/// Ends a control that hangs, which is one of the ways to go wrong.
fn end_some_day() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(20));
            eprintln!("does not end");
            std::process::exit(1);
        });
    });
}

/// A goroutine of [`many`] has panicked.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Starts `n` goroutines, each with its number, and waits for their ends.
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
    all.into_iter().map(|one| one.join().unwrap()).collect()
}

/// Where `n` goroutines meet, so that all are alive at the same time.
#[derive(Debug)]
pub struct Meeting {
    here: AtomicUsize,
    expected: usize,
}

impl Meeting {
    /// A meeting of `n`.
    pub fn of(n: usize) -> Self {
        Self {
            here: AtomicUsize::new(0),
            expected: n,
        }
    }

    /// Waits until all have come, or one has failed.
    pub fn join(&self) {
        self.here.fetch_add(1, SeqCst);
        while self.here.load(SeqCst) < self.expected && !FAILED.load(SeqCst) {
            sleep(Duration::from_millis(1));
        }
    }
}

/// Waits in one of the ways there are, and goes on on another thread.
pub fn wait() {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    match TURN.fetch_add(1, Relaxed) % 4 {
        0 => sleep(Duration::from_micros(1)),
        1 => {
            let (answer, answered) = bounded(0);
            echo().send(answer).unwrap();
            answered.recv().unwrap();
        }
        _ => yield_now(),
    }
}

/// Asks the goroutine that answers whoever sends it a sender.
fn echo() -> &'static Sender<Sender<()>> {
    static ASK: OnceLock<Sender<Sender<()>>> = OnceLock::new();
    ASK.get_or_init(|| {
        let (ask, asked) = unbounded::<Sender<()>>();
        drop(spawn(move || {
            for answer in &asked {
                answer.send(()).unwrap();
            }
        }));
        ask
    })
}

/// Defines tests whose goroutines change threads each time they wait.
#[macro_export]
macro_rules! moving {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            let name = concat!(module_path!(), "::", stringify!($name));
            gort_tests::on_1_2_and_8_procs_with(name, &[("GORT_DEBUG", "migrate=always")], || $body);
        }
    )*};
}
