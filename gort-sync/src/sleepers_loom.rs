//! Stand-in for gort-runtime's `base/sleepers.rs`, for loom.
//!
//! Heavy barriers work from the beginning if the model has called [`release_by_store`], and
//! otherwise not at all: most models leave releases by a store out, because they would take too
//! long.

use loom::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use std::cell::Cell;

// loom runs all threads of a model on one thread.
std::thread_local! {
    /// Whether unlockers release by a store.
    static BY_STORE: Cell<bool> = const { Cell::new(false) };
}

/// Called before each execution of a model.
#[cfg(test)]
pub(crate) fn reset() {
    BY_STORE.set(false);
}

/// Lets unlockers release by a store in this execution.
#[cfg(test)]
pub(crate) fn release_by_store() {
    BY_STORE.set(true);
}

#[derive(Debug)]
pub struct Sleepers(AtomicU32);

loom::lazy_static! {
    static ref MUTEX_SLEEPERS: Sleepers = Sleepers(AtomicU32::new(0));
}

pub fn mutex_sleepers() -> &'static Sleepers {
    &MUTEX_SLEEPERS
}

impl Sleepers {
    pub fn is_none(&self) -> bool {
        BY_STORE.get() && self.0.load(Relaxed) == 0
    }

    pub fn is_none_after_store(&self) -> bool {
        fence(SeqCst);
        self.is_none()
    }

    pub fn add(&self) {
        if BY_STORE.get() {
            self.0.fetch_add(1, AcqRel);
            fence(SeqCst);
        }
    }

    pub fn remove(&self) {
        if BY_STORE.get() {
            self.0.fetch_sub(1, Relaxed);
        }
    }
}
