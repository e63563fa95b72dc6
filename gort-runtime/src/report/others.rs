//! Reads the stacks of goroutines that do not run, although they may be woken at any time. Profiles
//! use this.
//!
//! No goroutine is stopped, and no option has to be set. If a goroutine began to run while its
//! stack was read, the observer notices that and discards what it has read (`proc/glimpse.rs`).

use crate::api::goroutine::GoroutineId;
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
        let status = match info.state {
            GoroutineState::Waiting => GStatus::Waiting,
            GoroutineState::Runnable => GStatus::Runnable,
            GoroutineState::Created | GoroutineState::Running => return Vec::new(),
        };
        // SAFETY: Gs live for ever (`record/mod.rs`, promise 1), and only atomics are used. We are
        // the only observer.
        let g = unsafe { gp.as_ref() };
        for _ in 0..TRIES {
            let is_same = || GoroutineId::new(g.id()) == info.id;
            let seen = g.glimpse(status, || is_same().then(|| self.walk(gp)));
            if let Some(Some(seen)) = seen {
                return seen;
            }
        }
        Vec::new()
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
