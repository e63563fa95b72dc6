//! loom models of the protocols: `.ci/loom` runs them.
//!
//! loom runs a model again and again, each time with another order of the
//! threads' steps and another choice of what a load may still see. It cannot
//! switch native stacks, so these are models of queues and handshakes, not of
//! `mcall`. Each test is named for the bug it would catch.
//!
//! Those of the scheduler are in `loom_sched/`: they belong to `sched/`, of which they call what nobody
//! else may.
//!
//! # What green does not prove
//! - Executions with more preemptions than the bound are not looked at.
//! - loom does not know load buffering, and a read-modify-write (also a
//!   compare-and-swap that fails) always sees the newest value.
//! - `SeqCst` on an access counts as `AcqRel`: only a fence is a full barrier
//!   here, and so it is in the language (a `SeqCst` swap orders nothing but
//!   other `SeqCst` accesses).

#![expect(clippy::unwrap_used, reason = "a model that fails panics")]

mod loom_bubble;
mod loom_glimpse;
mod loom_join;
mod loom_netpoll;
mod loom_ownership;
mod loom_runq;
mod loom_trace;

use loom::model::Builder;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Preemptions per execution, unless `LOOM_MAX_PREEMPTIONS` says otherwise.
const PREEMPTIONS: usize = 2;

/// Explores `model` as far as the bound on preemptions.
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    check(&builder, model);
}

/// Explores `model` with one preemption more, for models of many small steps.
pub(crate) fn explore_further(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(PREEMPTIONS + 1));
    check(&builder, model);
}

/// Explores all executions of a small model.
fn explore_all(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = None;
    check(&builder, model);
}

/// Runs `model`, and prints how many executions that took.
fn check(builder: &Builder, model: impl Fn() + Send + Sync + 'static) {
    if std::env::var_os("LOOM_LOG").is_some() {
        // Only this entry prints what the threads do.
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
