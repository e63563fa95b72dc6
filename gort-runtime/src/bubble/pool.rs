//! Bubbles with their timers. They are never freed, but reused.
//!
//! A bubble returns to the pool when it has no members: all its goroutines have ended, and `run` is
//! about to return. Timers that were created in the bubble may still point to it then, and their
//! owners may try to remove them later. Therefore the bubble is not freed, and timers that would
//! start goroutines are removed before it returns to the pool.

use crate::base::lock::Lock;
use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};
use crate::bubble::home::{FIRST_KIND, Home};
use crate::proc::bubble::Bubble;
use crate::time::Timers;
use crate::turns::explorer::Explorer;
use std::ptr;

/// A bubble with its timers and its explorer.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct PooledBubble {
    /// The first field, so that a pointer to it is a pointer to the whole.
    pub(crate) bubble: Bubble,
    pub(crate) timers: Timers,
    pub(crate) explorer: Explorer,
}

static POOL: Lock<Vec<&'static PooledBubble>> = Lock::new(Vec::new());

/// Number of bubbles that have begun.
static BEGUN: AtomicU32 = AtomicU32::new(0);

impl PooledBubble {
    /// Takes a bubble without members out of the pool, or creates one.
    pub(crate) fn take() -> &'static Self {
        let pooled = POOL.lock().pop();
        pooled.unwrap_or_else(|| {
            let new: &'static Self = Box::leak(Box::new(Self {
                bubble: Bubble::new(),
                timers: Timers::new(),
                explorer: Explorer::new(),
            }));
            ptr::from_ref(new).expose_provenance();
            new
        })
    }

    /// Removes the timers that would start goroutines later. The bubble has no members.
    pub(crate) fn give_up_starts(&self) {
        while let Some(start) = self.timers.take_start() {
            // SAFETY: `take_start` has removed the timer and made it ours.
            unsafe { (start.give_up)(start.arg) };
        }
    }

    /// Returns the bubble to the pool. It has no members, and no timer is pending.
    pub(crate) fn give_back(&'static self) {
        POOL.lock().push(self);
    }

    /// Returns the `PooledBubble` of which `bubble` is a part.
    pub(crate) fn of(bubble: &Bubble) -> &'static Self {
        // SAFETY: every bubble is the first field of a `PooledBubble` that lives for ever. Only
        // `take` creates a `PooledBubble`, and it exposes the address. Everything that changes in
        // it is atomic or behind a lock.
        unsafe { &*ptr::with_exposed_provenance(ptr::from_ref(bubble).addr()) }
    }
}

/// Returns the number of a new bubble. No other bubble that is in use has this number, unless four
/// billion bubbles have begun since that one.
pub(crate) fn new_id() -> u32 {
    loop {
        let id = BEGUN.fetch_add(1, Relaxed).wrapping_add(1);
        if id != Home::OUTSIDE.word() && id < FIRST_KIND {
            return id;
        }
    }
}
