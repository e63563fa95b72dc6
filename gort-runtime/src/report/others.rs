//! Reads the stacks of goroutines that do not run, although they may be woken at any time. Profiles
//! use this.
//!
//! No goroutine is stopped, and no option has to be set. If a goroutine began to run while its
//! stack was read, the observer notices that and discards what it has read (`proc/glimpse.rs`).

use crate::api::goroutine::GoroutineId;
use crate::base::prim::Ordering::Acquire;
use crate::proc::g::G;
use crate::proc::gstatus::GStatus;
use crate::report::list::{GoroutineInfo, GoroutineState};
use crate::report::memory::Memory;
use crate::report::unwinder::Unwinder;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Allows one observer at a time, as `glimpse.rs` requires.
static OBSERVER: Mutex<()> = Mutex::new(());

/// The maximum number of attempts if the goroutine runs during the observation.
const TRIES: usize = 4;

/// Reads stacks. There is one observer at a time.
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

    /// Returns the return addresses on the stack of the goroutine that `info` describes, innermost
    /// first. The result is empty if the goroutine runs, has no stack, or cannot be observed. `gp`
    /// was its G when `info` was made.
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
        // SAFETY: Gs live for ever (`record/mod.rs`, promise 1), and only atomics are used. We are
        // the only observer.
        let g = unsafe { gp.as_ref() };
        g.glimpse(|| (GoroutineId::new(g.id()) == info.id).then(|| self.walk(gp)))?
    }

    /// Reads the stack twice. If the goroutine is runnable before, between and after the two
    /// readings, has not waited during them, and the readings are equal, the result counts as
    /// its stack. (No word says whether it has run and yielded. Two equal readings alone are not
    /// enough: of goroutines that wake each other all the time, the same wrong stack was read twice
    /// in one of 40 runs of `stacks_are_whole_while_goroutines_wake_each_other`.)
    fn of_runnable(&mut self, gp: NonNull<G>, info: &GoroutineInfo) -> Option<Vec<*mut u8>> {
        // SAFETY: as in `of_waiting`.
        let g = unsafe { gp.as_ref() };
        let is_runnable = || {
            GoroutineId::new(g.id()) == info.id
                && g.status.load(Acquire) == GStatus::Runnable as u32
        };
        let mut look = || is_runnable().then(|| self.walk(gp));
        let (first, second) = g.glimpse_runnable(|| Some((look()?, look()?)))??;
        (first == second).then_some(first)
    }

    fn walk(&mut self, gp: NonNull<G>) -> Vec<*mut u8> {
        let Some(memory) = &mut self.memory else {
            return Vec::new();
        };
        // The first word of a G says where its context is saved (`g.rs`).
        memory.start_at(gp.addr().get());
        match memory.word(gp.addr().get()) {
            Some(sp) => self.unwinder.walk(memory, sp),
            None => Vec::new(),
        }
    }
}
