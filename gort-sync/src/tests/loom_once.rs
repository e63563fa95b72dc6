//! Models of the real `once/` and `word/once.rs`.
//!
//! # What fails without which step
//! The changes were tried one at a time (`.ci/mutants once-`). The table names one of the models
//! that fail.
//!
//! | changed | a model that fails |
//! |---|---|
//! | `Acquire` in `is_done`, release in `end`; no announcement, or no waiter is woken | `a_function_that_runs_counts_as_run` |
//! | `Acquire` in `begin`, if the work is ours | `a_failure_forgets_a_waiter` (what the worker that failed has written) |
//! | `Acquire` in `begin`, if the work is done | `a_function_that_runs_counts_as_run` |
//! | acquire in `end` | none: the queue's lock orders what a waiter did before `end` sees it in the word |
//! | a failure counts as done; a second waiter is not announced | `a_failure_forgets_a_waiter` |

use super::{Data, explore};
use crate::once::gate::{Gate, Unwound};
use crate::once::{LazyLock, Once, OnceLock};
use loom::thread;
use std::panic::Location;
use std::sync::Arc;

/// Does what a `OnceLock` does, with a function that may unwind. In a model none unwinds; the turn
/// ends as if it had.
struct Place {
    gate: Gate,
    data: Data,
    /// Attempts that fail write as well.
    attempts: Data,
}

impl Place {
    fn get_or_init(&self, fails: bool) -> Option<u32> {
        if !self.gate.is_done()
            && let Some(turn) = self.gate.enter(Unwound::Again, Location::caller())
        {
            self.attempts.add_one();
            if fails {
                return None;
            }
            self.data.add_one();
            turn.done();
        }
        Some(self.data.get())
    }
}

/// Three threads ask at once. The first `failures` threads fail if they have to do the work.
fn all_ask(failures: usize) {
    explore(move || {
        let place = Arc::new(Place {
            gate: Gate::new(),
            data: Data::new(),
            attempts: Data::new(),
        });
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.get_or_init(i < failures))
            })
            .collect();
        assert_eq!(place.get_or_init(false), Some(1));
        for thread in threads {
            assert!(matches!(thread.join().unwrap(), None | Some(1)));
        }
    });
}

#[test]
fn it_is_done_twice_or_a_waiter_is_forgotten() {
    all_ask(0);
}

#[test]
fn a_failure_forgets_a_waiter() {
    all_ask(1);
}

#[test]
fn two_failures_forget_a_waiter() {
    all_ask(2);
}

/// Makes the value, and writes to it.
fn make() -> Data {
    let data = Data::new();
    data.add_one();
    data
}

/// Two threads ask for what `ask` returns, and a third one looks, perhaps before it is there.
fn two_ask_and_one_looks<T: Send + Sync + 'static>(
    new: fn() -> T,
    ask: fn(&T) -> u32,
    look: fn(&T) -> Option<u32>,
) {
    explore(move || {
        let once = Arc::new(new());
        let threads = [0, 1].map(|_| {
            let once = Arc::clone(&once);
            thread::spawn(move || ask(&once))
        });
        assert!(matches!(look(&once), None | Some(1)));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
    });
}

#[test]
fn a_value_is_seen_before_it_is_made() {
    two_ask_and_one_looks(
        OnceLock::new,
        |place| place.get_or_init(make).get(),
        |place| place.get().map(Data::get),
    );
}

#[test]
fn a_lazy_value_is_made_twice() {
    two_ask_and_one_looks(
        || LazyLock::new(make),
        |lazy| lazy.get(),
        |lazy| Some(lazy.get()),
    );
}

#[test]
fn a_function_that_runs_counts_as_run() {
    two_ask_and_one_looks(
        || (Once::new(), Data::new()),
        |(once, data)| {
            once.call_once(|| data.add_one());
            data.get()
        },
        |(once, data)| once.is_completed().then(|| data.get()),
    );
}
