//! Bubbles and their timers, which are kept for ever and used again.
//!
//! A bubble goes back to the pool when nobody is in it: all its goroutines have ended, and `run` is about to
//! return. What still points to it then are timers of the bubble, whose owners may take them out later: so it is not
//! freed, and those that are pending are taken out before.

use crate::base::lock::Lock;
use crate::base::prim::hint::{AtomicU32, Ordering::Relaxed};
use crate::bubble::home::{FIRST_KIND, Home};
use crate::proc::bubble::Bubble;
use crate::time::Timers;
use crate::turns::explorer::Explorer;
use std::ptr;

/// A bubble, and who waits for its clock.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Kept {
    /// First: a pointer to it is one to the whole.
    pub(crate) bubble: Bubble,
    pub(crate) timers: Timers,
    pub(crate) explorer: Explorer,
}

static POOL: Lock<Vec<&'static Kept>> = Lock::new(Vec::new());

/// Bubbles that have begun.
static BEGUN: AtomicU32 = AtomicU32::new(0);

impl Kept {
    /// One that nobody is in, and that is nobody's.
    pub(crate) fn take() -> &'static Self {
        let pooled = POOL.lock().pop();
        pooled.unwrap_or_else(|| {
            let kept: &'static Self = Box::leak(Box::new(Self {
                bubble: Bubble::new(),
                timers: Timers::new(),
                explorer: Explorer::new(),
            }));
            ptr::from_ref(kept).expose_provenance();
            kept
        })
    }

    /// Nobody is in it: takes out what was to be started later.
    pub(crate) fn give_up_starts(&self) {
        while let Some(start) = self.timers.take_start() {
            // SAFETY: `take_start` has taken the timer out for us.
            unsafe { (start.give_up)(start.arg) };
        }
    }

    /// Nobody is in it, and no timer is pending.
    pub(crate) fn give_back(&'static self) {
        POOL.lock().push(self);
    }

    /// The whole of which `bubble` is a part.
    pub(crate) fn of(bubble: &Bubble) -> &'static Self {
        // SAFETY: every bubble is the first field of a `Kept` that lives for ever, whose address `take` has exposed
        // (only that makes one); and all that changes in it is atomic, or behind a lock.
        unsafe { &*ptr::with_exposed_provenance(ptr::from_ref(bubble).addr()) }
    }
}

/// A number that no bubble has which anybody remembers: they are used again after four billions.
pub(crate) fn new_id() -> u32 {
    loop {
        let id = BEGUN.fetch_add(1, Relaxed).wrapping_add(1);
        if id != Home::OUTSIDE.word() && id < FIRST_KIND {
            return id;
        }
    }
}
