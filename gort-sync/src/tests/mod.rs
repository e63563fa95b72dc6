//! loom models of the code that waits and wakes. `.ci/loom` runs them.
//! `gort-runtime/src/tests/mod.rs` says what a model that passes does not prove.
//!
//! The models run the real code, above `runtime_loom.rs` instead of gort-runtime. A model also
//! fails if an object is used after its lifetime, if something has leaked, or if a waiter's record
//! is dropped while it is in a queue (`prim_loom.rs`, `sudog.rs`).
//!
//! # Two peculiarities of loom (0.7)
//! - It remembers only the last access to an atomic. So if a thread loads a word and then changes
//!   it, loom does not see that the change races with another thread's earlier load, and does not
//!   try the other order. Therefore, if a thread only looks, create it last: loom then shows it all
//!   the old values.
//! - If two threads wait for a third one and yield, loom may run the two in turns for as long as it
//!   likes. That takes no preemption, and the third does not run. So a model has only one thread at
//!   a time that may wait in the ring's loops, or few operations.
//!
//! # What no model of a lock sees
//! - The orderings of a `SelectWord` (`sudog.rs`).
//! - That `waitlock.rs` releases the lock only when the waiter can be woken: the stand-in runs no
//!   other thread in between. The runtime explains why that is right (`park.rs`).
//! - At which end of a queue a waiter enters, and that a record's `next` is cleared when it enters:
//!   only a select enters a record twice.
//!
//! `waitlock.rs` and `waitqueue.rs` are part of the models of all objects with waiters.
//! `.ci/mutants waitlock-` and `.ci/mutants waitqueue-` show which models fail without which of
//! their steps.

#![expect(clippy::unwrap_used, reason = "a model that fails panics")]

mod loom_barrier;
mod loom_chain;
mod loom_chan;
mod loom_condvar;
mod loom_done;
mod loom_lookout;
mod loom_mutex;
mod loom_once;
mod loom_ring;
mod loom_rwlock;
mod loom_rwlock_bias;
mod loom_select;
mod loom_semaphore;
mod loom_waitgroup;

use crate::prim;
use loom::cell::UnsafeCell;
use loom::model::Builder;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;

/// Preemptions per execution, unless `LOOM_MAX_PREEMPTIONS` says more. With two, a model can
/// already leave a waiter asleep, or let a waiter be overtaken and then hand it the lock.
const PREEMPTIONS: usize = 3;

/// Explores `model` with the usual bound on preemptions.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(PREEMPTIONS));
    check(&mut builder, model);
}

/// Explores all executions of a small model.
fn explore_all(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = None;
    check(&mut builder, model);
}

/// Explores `model` with fewer preemptions, unless `LOOM_MAX_PREEMPTIONS` says more.
fn explore_large(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(2));
    check(&mut builder, model);
}

/// Explores a model of four threads that mostly wait, with one preemption.
fn explore_crowd(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(1);
    check(&mut builder, model);
}

/// Runs `model`, and prints the number of executions.
fn check(builder: &mut Builder, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    builder.max_branches = 10_000;
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        crate::runtime_loom::reset();
        Token::forget_all();
        prim::reset();
        model();
        assert_eq!(crate::runtime_loom::locks(), 0, "leaked");
        Token::assert_none_left();
    });
    let executions = executions.load(std::sync::atomic::Ordering::Relaxed);
    let test = thread::current();
    println!("{executions:>8} executions: {}", test.name().unwrap_or("?"));
}

// loom runs all threads of a model on one thread.
std::thread_local! {
    static TOKENS: Cell<usize> = const { Cell::new(0) };
}

/// A value that is sent. One thread writes it and another one reads it, which loom checks. At the
/// end of a model none may be left.
#[derive(Debug)]
struct Token {
    name: u32,
    cell: UnsafeCell<u32>,
}

impl Token {
    fn new(name: u32) -> Self {
        TOKENS.set(TOKENS.get() + 1);
        let token = Self {
            name,
            cell: UnsafeCell::new(0),
        };
        // SAFETY: loom checks the access.
        token.cell.with_mut(|cell| unsafe { *cell = name });
        token
    }

    /// Returns the name of a token that has arrived.
    fn name(self) -> u32 {
        // SAFETY: loom checks the access.
        let inside = self.cell.with(|cell| unsafe { *cell });
        assert_eq!(inside, self.name);
        inside
    }

    fn forget_all() {
        TOKENS.set(0);
    }

    fn assert_none_left() {
        assert_eq!(
            TOKENS.get(),
            0,
            "values that are neither received nor dropped"
        );
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // If a token is dropped twice, this goes below zero.
        TOKENS.set(TOKENS.get().checked_sub(1).unwrap());
    }
}

/// Plain data that a lock protects.
struct Data(UnsafeCell<u32>);

// SAFETY: loom checks every access to the cell.
unsafe impl Send for Data {}
// SAFETY: loom checks every access to the cell.
unsafe impl Sync for Data {}

impl Data {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add_one(&self) {
        // SAFETY: loom checks the access.
        self.0.with_mut(|data| unsafe { *data += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: loom checks the access.
        self.0.with(|data| unsafe { *data })
    }
}
