//! The stacks as the models see them. Only their number is modelled.

use crate::base::lock::{Lock, Rank};
use crate::base::prim::global;
use std::cell::Cell;

/// Whether a goroutine has a stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot(pub(crate) bool);

impl StackSlot {
    pub(crate) fn is_none(self) -> bool {
        !self.0
    }
}

/// Number of free stacks that a P keeps.
#[derive(Debug)]
pub(crate) struct FreeStacks(Cell<u32>);

impl FreeStacks {
    pub(crate) fn new() -> Self {
        Self(Cell::new(0))
    }

    pub(crate) fn give_back_all(&self) -> u32 {
        let n = self.0.take();
        *POOL.lock() += n;
        n
    }

    /// Takes a stack of this P, or of the pool. Returns `false` if there is none.
    pub(crate) fn take(&self) -> bool {
        let mut kept = self.0.get();
        if kept == 0 {
            let pool = &mut *POOL.lock();
            kept = std::mem::take(pool);
        }
        self.0.set(kept.saturating_sub(1));
        kept != 0
    }
}

pub(crate) fn give(local: Option<&FreeStacks>) {
    match local {
        Some(local) => local.0.set(local.0.get() + 1),
        None => *POOL.lock() += 1,
    }
}

global! {
    static POOL: Lock<u32> = Lock::ranked(Rank::Stacks, 0);
}
