//! The goroutines that belong to one M under `migrate=never`: who has started on a thread
//! stays there.
//!
//! `next`, `local` and what is counted belong to the M's own thread. Others put goroutines that they
//! make ready into `inbox`, which has a lock; `len` and `resting` are atomics, `rests_wired` is under the
//! scheduler's lock. The policy is in `sched/pinned.rs`.
//!
//! # Nobody is forgotten in an inbox
//! Sender: puts, full barrier, reads `resting`. Owner, before it sleeps without a P, under the
//! scheduler's lock: sets `resting`, full barrier, reads `len`. Whoever's barrier is second sees
//! the other's store: the owner does not sleep, or the sender takes the lock and wakes it. Who
//! wakes it for any other reason clears `resting` under the lock first, and an owner that is
//! awake looks into its inbox before it sleeps again.

use crate::base::lock::Lock;
use crate::base::prim::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    const_unless_loom, fence,
};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// One M's goroutines.
pub(crate) struct Home {
    /// The goroutine that the running one has just made ready, or null; the owner's.
    pub(crate) next: Cell<*mut G>,
    /// Runnable goroutines; the owner's.
    pub(crate) local: GQueue,
    /// Goroutines that started here and have not ended; the owner's.
    pub(crate) population: Cell<u32>,
    /// New goroutines that have run since one of `local` did; the owner's.
    pub(crate) new_in_a_row: Cell<u32>,
    inbox: Lock<GQueue>,
    /// Length of the inbox.
    len: AtomicU32,
    /// The owner sleeps without a P.
    resting: AtomicBool,
    /// It does so outside the list of idle Ms, since it is wired. Under the scheduler's lock.
    pub(crate) rests_wired: Cell<bool>,
}

impl Home {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                next: Cell::new(ptr::null_mut()),
                local: GQueue::new(),
                population: Cell::new(0),
                new_in_a_row: Cell::new(0),
                inbox: Lock::new(GQueue::new()),
                len: AtomicU32::new(0),
                resting: AtomicBool::new(false),
                rests_wired: Cell::new(false),
            }
        }
    }

    /// Anybody: puts in a runnable goroutine; true if the owner has to be woken.
    pub(crate) fn send(&self, gp: NonNull<G>) -> bool {
        {
            let inbox = self.inbox.lock();
            inbox.push_back(gp);
            self.len.store(inbox.len(), Release);
        }
        fence(SeqCst);
        self.resting.load(Relaxed)
    }

    /// Owner: moves what others have put in to `local`.
    pub(crate) fn fetch(&self) {
        if self.len.load(Acquire) != 0 {
            let inbox = self.inbox.lock();
            self.local.append(&inbox);
            self.len.store(0, Release);
        }
    }

    /// Owner: makes `gp` the next to run, ahead of whoever was to be.
    pub(crate) fn put_next(&self, gp: NonNull<G>) {
        if let Some(displaced) = NonNull::new(self.next.replace(gp.as_ptr())) {
            self.local.push_back(displaced);
        }
    }

    /// Owner: whether none that it knows of is runnable.
    pub(crate) fn is_quiet(&self) -> bool {
        self.next.get().is_null() && self.local.is_empty()
    }

    /// Owner, under the scheduler's lock: is about to sleep. False: it must not.
    pub(crate) fn rest(&self) -> bool {
        self.resting.store(true, Relaxed);
        fence(SeqCst);
        let may_sleep = self.is_quiet() && self.len.load(Relaxed) == 0;
        if !may_sleep {
            self.resting.store(false, Relaxed);
        }
        may_sleep
    }

    /// Under the scheduler's lock: the owner is being woken.
    pub(crate) fn wake(&self) {
        self.resting.store(false, Relaxed);
    }
}
