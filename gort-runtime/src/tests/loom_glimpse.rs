//! Models of `proc/glimpse.rs`: an observer, and a goroutine that is woken, runs, and waits again
//! or yields.
//!
//! The word is the real one. The status is a word of the model. The stack is two words, to which
//! the goroutine writes the number of its turn while it runs. The observer must get the words of
//! one turn.
//!
//! In reality the kernel copies the stack. The models do not include that: the model's goroutine
//! writes the two words with release stores. `glimpse.rs` argues why the goroutine's real stores
//! have the same effect.
//!
//! These changes were tried by hand. Each of them makes a model fail:
//! - Relaxed in place of the release in `begin`, or of the acquire in the first step of `glimpse`;
//! - no fence in `glimpse`;
//! - checking the status only before or only after the observation;
//! - not checking `MARK`, or checking it before the status.

use super::explore;
use crate::base::prim::{
    AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::proc::glimpse::WaitWord;
use loom::thread;
use std::sync::Arc;

const RUNNABLE: u32 = 1;
const RUNNING: u32 = 2;
const WAITING: u32 = 3;

/// How a turn ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Waits,
    Yields,
    GoesOn,
}

struct Goroutine {
    word: WaitWord,
    status: AtomicU32,
    stack: [AtomicUsize; 2],
}

impl Goroutine {
    /// Creates a goroutine that waits after turn 0.
    fn new() -> Arc<Self> {
        let this = Self {
            word: WaitWord::new(),
            status: AtomicU32::new(WAITING),
            stack: [AtomicUsize::new(0), AtomicUsize::new(0)],
        };
        this.word.begin(1);
        Arc::new(this)
    }

    /// Wakes the goroutine if it waits, and runs it.
    fn take_turn(&self, turn: usize, then: Then) {
        if self.status.load(Relaxed) == WAITING {
            self.status.store(RUNNABLE, Release);
        }
        self.status.store(RUNNING, Release);
        self.stack[0].store(turn, Release);
        if then == Then::Waits {
            self.word.begin(1);
        }
        // The context is saved after the wait has begun, and before the goroutine yields.
        self.stack[1].store(turn, Release);
        match then {
            Then::Waits => self.status.store(WAITING, Release),
            Then::Yields => {
                self.word.begin(self.word.get());
                self.status.store(RUNNABLE, Release);
            }
            Then::GoesOn => {}
        }
    }

    fn observe(&self, status: u32) -> Option<[usize; 2]> {
        let stands = || self.status.load(Acquire) == status;
        self.word
            .glimpse(stands, || [0, 1].map(|i| self.stack[i].load(Relaxed)))
    }
}

/// Observes the goroutine while it has this status, and checks that everything seen is of one turn.
/// Returns whether anything was seen.
fn sees_one_turn(goroutine: &Goroutine, status: u32) -> bool {
    let seen = goroutine.observe(status);
    if let Some([first, second]) = seen {
        assert_eq!(first, second, "a stack of two turns");
    }
    seen.is_some()
}

#[test]
fn a_stack_that_changes_during_the_observation_is_discarded() {
    explore(|| {
        let goroutine = Goroutine::new();
        let runs = Arc::clone(&goroutine);
        let runs = thread::spawn(move || {
            runs.take_turn(1, Then::Waits);
            runs.take_turn(2, Then::GoesOn);
        });
        sees_one_turn(&goroutine, WAITING);
        runs.join().unwrap();
    });
}

#[test]
fn a_goroutine_that_waits_twice_at_the_same_place_is_not_seen_as_one_wait() {
    explore(|| {
        let goroutine = Goroutine::new();
        let runs = Arc::clone(&goroutine);
        let runs = thread::spawn(move || {
            runs.take_turn(1, Then::Waits);
            runs.take_turn(2, Then::Waits);
        });
        // The second observation finds a mark of the first one, or no mark.
        sees_one_turn(&goroutine, WAITING);
        sees_one_turn(&goroutine, WAITING);
        runs.join().unwrap();
        assert!(
            sees_one_turn(&goroutine, WAITING),
            "one that waits cannot be seen"
        );
    });
}

#[test]
fn a_goroutine_that_yields_twice_at_the_same_place_is_not_seen_as_one_stop() {
    explore(|| {
        let goroutine = Goroutine::new();
        let runs = Arc::clone(&goroutine);
        let runs = thread::spawn(move || {
            runs.take_turn(1, Then::Yields);
            runs.take_turn(2, Then::Yields);
        });
        sees_one_turn(&goroutine, RUNNABLE);
        sees_one_turn(&goroutine, RUNNABLE);
        runs.join().unwrap();
        assert!(
            sees_one_turn(&goroutine, RUNNABLE),
            "one that is runnable cannot be seen"
        );
    });
}

#[test]
fn a_goroutine_that_is_woken_again_is_not_seen_as_runnable_all_the_time() {
    explore(|| {
        let goroutine = Goroutine::new();
        let runs = Arc::clone(&goroutine);
        let runs = thread::spawn(move || {
            runs.take_turn(1, Then::Waits);
            runs.take_turn(2, Then::Waits);
            runs.take_turn(3, Then::GoesOn);
        });
        sees_one_turn(&goroutine, RUNNABLE);
        runs.join().unwrap();
    });
}
