//! `GORT_DEBUG=schedtrace=MS`: prints the scheduler's state on stderr every MS milliseconds, one
//! line in Go's format. With `scheddetail=1`, lines for each P, thread and goroutine follow:
//!
//! ```text
//! SCHED 1001ms: gomaxprocs=2 idleprocs=1 threads=2 spinningthreads=0 needspinning=0 idlethreads=1 runqueue=0 [0 0]
//!   P0: status=running m=0 dispatches=17 runqsize=0 nexttimer=nil
//!   P1: status=idle m=nil dispatches=4 runqsize=0 nexttimer=12ms
//!   M0: p=0 curg=1 idle=false lockedg=nil
//!   M1: p=nil curg=nil idle=true lockedg=nil
//!   G1: status=running() m=0 lockedm=nil
//!   G2: status=waiting(chan receive) m=nil lockedm=nil
//! ```
//!
//! Sysmon prints these lines. This does not stop the world, so lines may contradict each other.

use crate::api::goroutine::GoroutineId;
use crate::base::debug;
use crate::base::prim::Ordering::Relaxed;
use crate::os;
use crate::proc::m::M;
use crate::report::list::{GoroutineState, goroutines};
use crate::report::metrics::metrics;
use crate::sched::state::SCHED;
use std::collections::HashMap;
use std::fmt::{self, Display, Write};

/// What is printed, and when.
#[derive(Debug)]
pub(crate) struct Schedtrace {
    every_ns: u64,
    detail: bool,
    start: u64,
    /// When the next line is due.
    next: u64,
}

impl Schedtrace {
    /// Creates the trace that `GORT_DEBUG` asks for.
    pub(crate) fn new() -> Self {
        let options = debug::options();
        let start = os::now_ns();
        Self {
            every_ns: u64::from(options.schedtrace) * 1_000_000,
            detail: options.scheddetail,
            start,
            next: if options.schedtrace == 0 {
                u64::MAX
            } else {
                start
            },
        }
    }

    /// Returns when [`print_if_due`](Self::print_if_due) must be called next.
    pub(crate) fn due(&self) -> u64 {
        self.next
    }

    /// Prints a trace if one is due at `now`.
    pub(crate) fn print_if_due(&mut self, now: u64) {
        if now < self.next {
            return;
        }
        // Skip the traces that were missed.
        let missed = (now - self.next) / self.every_ns;
        self.next += (missed + 1) * self.every_ns;
        let mut text = String::new();
        // Writing to a string does not fail.
        if write_trace(&mut text, (now - self.start) / 1_000_000, self.detail).is_ok() {
            os::write_stderr(text.as_bytes());
        }
    }
}

fn write_trace(out: &mut String, ms: u64, detail: bool) -> fmt::Result {
    let seen = metrics();
    let queues: Vec<String> = seen.local_queues.iter().map(usize::to_string).collect();
    writeln!(
        out,
        "SCHED {ms}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning={} \
         idlethreads={} runqueue={} [{}]",
        seen.procs,
        seen.idle_procs,
        seen.threads,
        seen.spinning_threads,
        u32::from(SCHED.idle.needspinning()),
        seen.idle_threads,
        seen.global_queue,
        queues.join(" ")
    )?;
    if detail { write_detail(out) } else { Ok(()) }
}

fn write_detail(out: &mut String) -> fmt::Result {
    let now = os::now_ns();
    let mut p_of_m = HashMap::new();
    for (i, p) in SCHED.allp().iter().enumerate() {
        // SAFETY: the pointer is null or an M. Ms live for ever (`proc/m.rs`), and `id` never
        // changes.
        let m = unsafe { p.m.load(Relaxed).as_ref() }.map(|m| m.id);
        if m.is_none() && SCHED.is_surplus(p) {
            continue;
        }
        if let Some(m) = m {
            p_of_m.insert(m, i);
        }
        let timer = p.timers.next();
        let timer = (timer != 0).then(|| format!("{}ms", timer.saturating_sub(now) / 1_000_000));
        writeln!(
            out,
            "  P{i}: status={} m={} dispatches={} runqsize={} nexttimer={}",
            if m.is_some() { "running" } else { "idle" },
            OrNil(m),
            p.dispatches.load(Relaxed),
            p.runq.len(),
            OrNil(timer)
        )?;
    }
    let mut m_of_g = HashMap::new();
    let mut lockedm_of_g = HashMap::new();
    for (m, idle) in threads() {
        let curg = m.goroutine().map(|g| GoroutineId::new(g.id()));
        // SAFETY: the pointer is null or a G. Gs live for ever (`record/mod.rs`, promise 1), and
        // only an atomic is read.
        let lockedg = unsafe { m.lockedg.get().as_ref() }.map(|g| GoroutineId::new(g.id()));
        m_of_g.extend(curg.map(|g| (g, m.id)));
        lockedm_of_g.extend(lockedg.map(|g| (g, m.id)));
        writeln!(
            out,
            "  M{}: p={} curg={} idle={idle} lockedg={}",
            m.id,
            OrNil(p_of_m.get(&m.id)),
            OrNil(curg),
            OrNil(lockedg)
        )?;
    }
    for info in goroutines() {
        let id = info.id;
        let status = match info.state {
            GoroutineState::Created => "created",
            GoroutineState::Runnable => "runnable",
            GoroutineState::Running => "running",
            GoroutineState::Waiting => "waiting",
        };
        writeln!(
            out,
            "  G{id}: status={status}({}) m={} lockedm={}",
            info.reason,
            OrNil(m_of_g.get(&id)),
            OrNil(lockedm_of_g.get(&id))
        )?;
    }
    Ok(())
}

/// Returns the Ms whose threads exist, oldest first, and whether they sleep for lack of work.
fn threads() -> Vec<(&'static M, bool)> {
    let shared = SCHED.shared.lock();
    let exited = shared.exited();
    let mut all: Vec<_> = M::all()
        .filter(|m| !exited.contains(&m.id))
        .map(|m| (m, m.idle.get()))
        .collect();
    drop(shared);
    all.reverse();
    all
}

/// Displays `nil`, as Go does, for `None`.
struct OrNil<T>(Option<T>);

impl<T: Display> Display for OrNil<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("nil"),
        }
    }
}
