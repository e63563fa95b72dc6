//! loom models of what waits and wakes: `.ci/loom` runs them. What green does not prove stands in
//! `gort-runtime/src/tests/mod.rs`.
//!
//! Channels, select, semaphores, wait groups, barriers and conditions are the real ones, above
//! `runtime_loom.rs` instead of gort-runtime. Memory used after its end, and what has leaked, fails a
//! model too (`prim_loom.rs`).
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
//! Of the locks the words are the real ones (`word/`). Around them stand copies, call for call, of what
//! `mutex/wait.rs`, `rwlock/wait.rs` and `once/gate.rs` do with their queues, under a lock of
//! loom's (the stand-in for `RawLock` spins, which gives loom too much to try). A [`Sleeper`]
//! stands for a record, its select word and the park.

#![expect(clippy::unwrap_used, reason = "a model that fails panics")]

mod loom_barrier;
mod loom_chan;
mod loom_condvar;
mod loom_done;
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
use loom::sync::Notify;
use loom::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::cell::Cell;
use std::collections::VecDeque;
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

const OPEN: u32 = 0;
const WON: u32 = 1;
const EXPIRED: u32 = 2;

/// A waiter in a queue.
struct Sleeper {
    /// The select word.
    word: AtomicU32,
    /// `elem == STARVING`; written before it is queued.
    starving: bool,
    /// `success`; written by the waker before the wake-up.
    handed_over: UnsafeCell<bool>,
    ready: (AtomicBool, Notify),
}

// SAFETY: loom checks every access to the cell.
unsafe impl Send for Sleeper {}
// SAFETY: as above.
unsafe impl Sync for Sleeper {}

impl Sleeper {
    fn new(starving: bool) -> Arc<Self> {
        Arc::new(Self {
            word: AtomicU32::new(OPEN),
            starving,
            handed_over: UnsafeCell::new(false),
            ready: (AtomicBool::new(false), Notify::new()),
        })
    }

    fn decide(&self, by: u32) -> bool {
        self.word
            .compare_exchange(OPEN, by, AcqRel, Relaxed)
            .is_ok()
    }

    /// The park, until woken (true) or, with a limit, until the time is up, which is at once:
    /// loom tries every moment at which that can be.
    fn park(&self, limited: bool) -> bool {
        if limited && self.decide(EXPIRED) {
            return false;
        }
        // loom's notification may come too early, `ready` never does.
        while !self.ready.0.load(Acquire) {
            self.ready.1.wait();
        }
        true
    }

    fn wake(&self) {
        self.ready.0.store(true, Release);
        self.ready.1.notify();
    }

    fn set_handed_over(&self, handed_over: bool) {
        // SAFETY: loom checks it.
        self.handed_over.with_mut(|at| unsafe { *at = handed_over });
    }

    fn was_handed_over(&self) -> bool {
        // SAFETY: loom checks it.
        self.handed_over.with(|at| unsafe { *at })
    }
}

/// Sleepers in the order in which they came.
struct Queue(VecDeque<Arc<Sleeper>>);

impl Queue {
    fn new() -> Self {
        Self(VecDeque::new())
    }

    fn push_back(&mut self, sleeper: &Arc<Sleeper>) {
        self.0.push_back(Arc::clone(sleeper));
    }

    fn push_front(&mut self, sleeper: &Arc<Sleeper>) {
        self.0.push_front(Arc::clone(sleeper));
    }

    fn remove(&mut self, sleeper: &Arc<Sleeper>) {
        self.0.retain(|queued| !Arc::ptr_eq(queued, sleeper));
    }

    fn dequeue(&mut self) -> Option<Arc<Sleeper>> {
        while let Some(first) = self.0.pop_front() {
            if first.decide(WON) {
                return Some(first);
            }
        }
        None
    }

    fn front(&self) -> Option<&Arc<Sleeper>> {
        self.0.front()
    }

    fn take_all(&mut self) -> Vec<Arc<Sleeper>> {
        std::iter::from_fn(|| self.dequeue()).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
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
