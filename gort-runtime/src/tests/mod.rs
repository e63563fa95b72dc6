//! loom models of the protocols. `.ci/loom` runs them.
//!
//! loom runs a model again and again, each time with another order of the threads' steps and
//! another choice of the values that a load may still see. It cannot switch native stacks, so these
//! are models of queues and handshakes, not of `mcall`. Each test is named for the bug it would
//! catch.
//!
//! The models of the scheduler are in `loom_sched/`. They are a module of `sched/`, because they
//! call functions that are private to it.
//!
//! # What a passing model does not prove
//! - Executions with more preemptions than the bound are not explored.
//! - loom does not model load buffering, and a read-modify-write (even a compare-and-swap that
//!   fails) always sees the newest value.
//! - `SeqCst` on an access counts as `AcqRel`. Only a fence is a full barrier here, as in the
//!   language, where a `SeqCst` swap is ordered only with other `SeqCst` accesses.

#![expect(clippy::unwrap_used, reason = "a model that fails panics")]

mod loom_bubble;
mod loom_glimpse;
mod loom_join;
mod loom_netpoll;
mod loom_ownership;
mod loom_rawlock;
mod loom_runq;
mod loom_trace;

use loom::model::Builder;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Bound on preemptions per execution, unless `LOOM_MAX_PREEMPTIONS` sets another.
const PREEMPTIONS: usize = 2;

/// Explores `model` up to the bound on preemptions.
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = builder();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    check(&builder, model);
}

/// Explores `model` with one more preemption, for models of many small steps.
pub(crate) fn explore_further(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = builder();
    builder.preemption_bound = builder.preemption_bound.max(Some(PREEMPTIONS + 1));
    check(&builder, model);
}

/// Explores all executions of a small model.
fn explore_all(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = builder();
    builder.preemption_bound = None;
    check(&builder, model);
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // Thieves that wait for each other look again and again.
    builder.max_branches = builder.max_branches.max(10_000);
    builder
}

/// Runs `model`, and prints how many executions were explored.
fn check(builder: &Builder, model: impl Fn() + Send + Sync + 'static) {
    if std::env::var_os("LOOM_LOG").is_some() {
        // Only this entry point prints what the threads do.
        return loom::model(model);
    }
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        model();
    });
    let executions = executions.load(Relaxed);
    let test = thread::current();
    println!("{executions:>8} executions: {}", test.name().unwrap_or("?"));
}
