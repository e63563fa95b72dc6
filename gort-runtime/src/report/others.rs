//! The stacks of goroutines that do not run, looked at while they may be woken: for profiles.
//!
//! Nobody is stopped, and nothing has to be set before. What was read of a stack while its goroutine began to run is
//! noticed and thrown away (`proc/glimpse.rs`).

use crate::api::goroutine::GoroutineId;
use crate::base::prim::Ordering::Acquire;
use crate::proc::g::G;
use crate::proc::gstatus::GStatus;
use crate::report::list::{GoroutineInfo, GoroutineState};
use crate::report::memory::Memory;
use crate::report::unwinder::Unwinder;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One observer at a time, as `glimpse.rs` asks.
static OBSERVER: Mutex<()> = Mutex::new(());

/// How often a goroutine is looked at that runs meanwhile.
const TRIES: usize = 4;

/// Whoever looks at stacks.
pub(crate) struct Observer {
    memory: Option<Memory>,
    unwinder: Unwinder,
    _only: MutexGuard<'static, ()>,
}

impl Observer {
    pub(crate) fn new() -> Self {
        let only = OBSERVER.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            memory: Memory::own().ok(),
            unwinder: Unwinder::new(),
            _only: only,
        }
    }

    /// The return addresses on the stack of the goroutine of which `info` tells, innermost first; none if it has no
    /// stack, runs, or cannot be looked at. `gp` is its G, at least the last time we looked.
    pub(crate) fn stack_of(&mut self, gp: NonNull<G>, info: &GoroutineInfo) -> Vec<*mut u8> {
        for _ in 0..TRIES {
            let seen = match info.state {
                GoroutineState::Waiting => self.of_waiting(gp, info),
                GoroutineState::Runnable => self.of_runnable(gp, info),
                GoroutineState::Created | GoroutineState::Running => None,
            };
            if let Some(seen) = seen {
                return seen;
            }
        }
        Vec::new()
    }

    fn of_waiting(&mut self, gp: NonNull<G>, info: &GoroutineInfo) -> Option<Vec<*mut u8>> {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which atomics are used. We are the only observer.
        let g = unsafe { gp.as_ref() };
        g.glimpse(|| (GoroutineId::new(g.id()) == info.id).then(|| self.walk(gp)))?
    }

    /// Nothing tells whether it has run meanwhile, so we look twice: a stack that looks the same twice, with other
    /// goroutines' running time in between, is one.
    fn of_runnable(&mut self, gp: NonNull<G>, info: &GoroutineInfo) -> Option<Vec<*mut u8>> {
        // SAFETY: as in `of_waiting`.
        let g = unsafe { gp.as_ref() };
        let is_runnable = || {
            GoroutineId::new(g.id()) == info.id
                && g.status.load(Acquire) == GStatus::Runnable as u32
        };
        let mut look = || is_runnable().then(|| self.walk(gp));
        let (first, second) = (look()?, look()?);
        (first == second && is_runnable()).then_some(first)
    }

    fn walk(&mut self, gp: NonNull<G>) -> Vec<*mut u8> {
        let Some(memory) = &mut self.memory else {
            return Vec::new();
        };
        // Where its context is saved: the first word of a G (`g.rs`).
        memory.start_at(gp.addr().get());
        match memory.word(gp.addr().get()) {
            Some(sp) => self.unwinder.walk(memory, sp),
            None => Vec::new(),
        }
    }
}
