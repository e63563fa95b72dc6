//! Bugs of real programs in a few lines each, after their descriptions in GoBench's GoKer: once as
//! a program that gets stuck, and once corrected.
//!
//! A kernel that needs luck in Go is forced here: the goroutine that has to be late waits for a
//! message from the others. In Rust a channel ends when its other end is dropped, which corrects
//! many of the bugs. So most programs that get stuck hold both ends of their channels, as Go's do.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::mem_forget, reason = "Go's programs forget to unlock")]

mod channels;
mod conds;
mod contexts;
mod groups;
mod locks;
mod mixed;
mod rwlocks;

use gort::prelude::*;
use gort::runtime::{GoroutineState, goroutines};

/// Which goroutines wait in the end, and for what.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// All goroutines, including main. The program ends with the deadlock report.
    Stuck(&'static [&'static str]),
    /// Some goroutines, which are left behind when main returns.
    Leaks(&'static [&'static str]),
}

/// A bug and its correction.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Its name: one of the programs that had it, and what is wrong.
    pub name: &'static str,
    /// How the broken program ends.
    pub outcome: Outcome,
    /// The program that has the bug.
    pub broken: fn(),
    /// The corrected program, which leaves no goroutine behind.
    pub fixed: fn(),
}

/// The kernels by their causes, which are rows of the catalogue in `tests/README.md`.
pub const GROUPS: [(&str, &[Kernel]); 9] = [
    ("GK01", locks::TWICE),
    ("GK02", locks::OPPOSITE_ORDER),
    ("GK03", rwlocks::READ_AGAIN),
    ("GK04", channels::ALONE),
    ("GK05", contexts::CANCELLED),
    ("GK06", conds::MISSED),
    ("GK07", mixed::WITH_LOCKS),
    ("GK08", groups::WAITING),
    ("GK11", groups::ORDER),
];

/// Returns the kernels of a group.
///
/// # Panics
/// Panics if there is no such group.
#[must_use]
pub fn group(row: &str) -> &'static [Kernel] {
    let found = GROUPS.iter().find(|(name, _)| *name == row);
    found.expect("a group of kernels").1
}

/// Runs the broken program with this name in this process. For each goroutine that main leaves
/// behind, prints what it waits for.
///
/// # Panics
/// Panics if there is no such kernel.
pub fn run_broken(name: &str) {
    let mut all = GROUPS.iter().flat_map(|(_, kernels)| *kernels);
    let kernel = *all.find(|kernel| kernel.name == name).expect("a kernel");
    gort::runtime::run(move || {
        (kernel.broken)();
        crate::settle();
        for info in goroutines() {
            if info.state == GoroutineState::Waiting {
                println!("goroutine {} [{}]:", info.id, info.reason);
            }
        }
    });
}

/// A channel as in Go: every goroutine that has it can send, receive and close.
#[derive(Debug)]
struct Chan<T>(Sender<T>, Receiver<T>);

impl<T> Clone for Chan<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl<T> Chan<T> {
    fn new(cap: usize) -> Self {
        let (tx, rx) = bounded(cap);
        Self(tx, rx)
    }

    fn tx(&self) -> &Sender<T> {
        &self.0
    }

    fn rx(&self) -> &Receiver<T> {
        &self.1
    }

    #[track_caller]
    fn send(&self, value: T) {
        assert!(self.0.send(value).is_ok(), "send on closed channel");
    }

    #[track_caller]
    fn recv(&self) -> Option<T> {
        self.1.recv().ok()
    }

    fn close(&self) {
        assert!(self.0.close(), "close of closed channel");
    }
}
