//! loom models of what waits and wakes: `.ci/loom` runs them. What green does not prove stands in
//! `gort-runtime/src/tests/mod.rs`.
//!
//! All that the models run is the code itself, above `runtime_loom.rs` instead of gort-runtime. Memory
//! used after its end, what has leaked, and a waiter's record that ends while it is in a queue fail a model
//! too (`prim_loom.rs`, `sudog.rs`).
//!
//! # Two habits of loom (0.7)
//! - It remembers the last access to an atomic only. So where a thread loads a word before it
//!   changes it, loom does not see that this races with another's earlier load, and does not try
//!   the other order. Whoever only looks should be the thread that comes last: it is then shown
//!   all the old values.
//! - Threads that yield to each other run in turns for as long as it likes, without a preemption
//!   and without the one that both wait for. So of those that may wait in the ring's loops at once
//!   a model has one, or few operations.
//!
//! # What no model of a lock sees
//! - The orderings of a `SelectWord` (`sudog.rs`).
//! - That `waitlock.rs` releases the lock when the waiter can be woken and not before: the stand-in
//!   has nobody run in between. Why that is right is the runtime's to say (`park.rs`).
//! - At which end of a queue somebody enters, and that a record's `next` is cleared when it enters: one
//!   that is entered twice is a select's.
//!
//! `waitlock.rs` and `waitqueue.rs` are in all models; what they fail without is in `.ci/mutants waitlock-`,
//! `waitqueue-`.

#![expect(clippy::unwrap_used, reason = "a model that fails panics")]

mod loom_barrier;
mod loom_chan;
mod loom_condvar;
mod loom_done;
mod loom_lookout;
mod loom_mutex;
mod loom_once;
mod loom_ring;
mod loom_rwlock;
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

/// Preemptions per execution, unless `LOOM_MAX_PREEMPTIONS` says more: with two a waiter is
/// not woken, overtaken and then handed the lock.
const PREEMPTIONS: usize = 3;

/// Explores `model` as far as the bound on preemptions.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(PREEMPTIONS));
    check(&mut builder, model);
}

/// Explores `model` with one preemption more.
fn explore_far(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(PREEMPTIONS + 1));
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

/// Runs `model`, and prints how many executions that took.
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

// loom runs all threads of a model on one.
std::thread_local! {
    static TOKENS: Cell<usize> = const { Cell::new(0) };
}

/// A value that is sent: made by one thread and looked at by another, which loom checks; and none
/// is left in the end.
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
        // SAFETY: loom checks it.
        token.cell.with_mut(|cell| unsafe { *cell = name });
        token
    }

    /// What it is called: it has arrived.
    fn name(self) -> u32 {
        // SAFETY: loom checks it.
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
        // Dropped twice: below zero.
        TOKENS.set(TOKENS.get().checked_sub(1).unwrap());
    }
}

/// Plain data that a lock protects.
struct Data(UnsafeCell<u32>);

// SAFETY: loom checks every access to the cell.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Data {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add_one(&self) {
        // SAFETY: loom checks it.
        self.0.with_mut(|data| unsafe { *data += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: loom checks it.
        self.0.with(|data| unsafe { *data })
    }
}
