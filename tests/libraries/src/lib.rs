//! Helpers for the tests of libraries. The goroutines of these tests have thread-locals of their
//! own.
//!
//! The test of each library is a program whose goroutines hold something of the library over waits.
//! It runs with 1, 2 and 8 Ps, and each goroutine changes threads whenever it waits. With
//! [`SHARED`] in the environment the goroutines use the threads' thread-locals, which shows that
//! the program can fail.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::time::sleep;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub use gort_tests::own::{SHARED, many, own};

/// A place where goroutines of [`many`] meet, so that all are alive at the same time.
#[derive(Debug)]
pub struct Meeting(gort_tests::own::Meeting);

impl Meeting {
    /// Creates a meeting of `n` goroutines.
    pub fn of(n: usize) -> Self {
        Self(gort_tests::own::Meeting::of(n))
    }

    /// Joins the meeting, and waits until all have come or a goroutine has panicked.
    pub fn join(&self) {
        self.0.join(|| sleep(Duration::from_millis(1)));
    }
}

/// Waits in one of several ways, and continues on another thread.
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

/// Returns the sender to a goroutine that answers on each sender it receives.
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
