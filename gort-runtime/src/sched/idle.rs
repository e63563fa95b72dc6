//! The counters by which work and idle Ms find each other.
//!
//! The protocol is argued in `sched/README.md`; this file is its atomics,
//! apart from everything else so that loom can explore them.

use crate::base::prim::{
    AtomicBool, AtomicU32,
    Ordering::{Relaxed, SeqCst},
    const_unless_loom, fence, fence_after_rmw,
};

/// Who is idle, who is looking for work.
#[derive(Debug)]
pub(crate) struct Idle {
    /// Ps in the idle list. Written under the scheduler's lock.
    npidle: AtomicU32,
    /// Ms that look for work in other Ps' queues.
    nmspinning: AtomicU32,
    /// Set: the next M that is about to idle without having spun must spin first.
    needspinning: AtomicBool,
}

impl Idle {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                npidle: AtomicU32::new(0),
                nmspinning: AtomicU32::new(0),
                needspinning: AtomicBool::new(false),
            }
        }
    }

    /// Submitter, after its work is visible and after a full barrier: true if it
    /// must wake an M. It is then counted as spinning on that M's behalf.
    #[inline]
    pub(crate) fn must_wake(&self) -> bool {
        if self.nmspinning.load(Relaxed) != 0 {
            return false;
        }
        if self.npidle.load(Relaxed) == 0 {
            if self.needspinning.load(Relaxed) {
                return false;
            }
            self.needspinning.store(true, Relaxed);
            fence(SeqCst);
            if self.npidle.load(Relaxed) == 0 {
                return false;
            }
        }
        self.nmspinning
            .compare_exchange(0, 1, SeqCst, Relaxed)
            .is_ok()
    }

    /// Submitter that must wake an M but finds no idle P after all. Under the
    /// scheduler's lock.
    pub(crate) fn nobody_to_wake(&self) {
        // In this order: submitters may have relied on the count while it stood, and
        // somebody may have cleared the flag meanwhile.
        self.stop_spinning();
        self.needspinning.store(true, Relaxed);
    }

    /// An M that has stopped spinning sees work, but finds no idle P to take it
    /// with: whoever idles next must look. Under the scheduler's lock.
    pub(crate) fn nobody_to_look(&self) {
        // The work is visible to the search of whoever clears the flag.
        fence(SeqCst);
        self.needspinning.store(true, Relaxed);
    }

    /// An M begins to look for work.
    pub(crate) fn start_spinning(&self) {
        self.nmspinning.fetch_add(1, SeqCst);
        self.needspinning.store(false, Relaxed);
        // What was submitted before somebody saw the old `true` is seen by the
        // search that follows.
        fence(SeqCst);
    }

    /// An M stops looking, with or without having found work. A full barrier:
    /// work submitted by anyone who still saw it spinning is visible afterwards.
    pub(crate) fn stop_spinning(&self) {
        let before = self.nmspinning.fetch_sub(1, SeqCst);
        debug_assert!(before > 0, "more Ms stopped spinning than started");
        fence_after_rmw();
    }

    /// Under the scheduler's lock: a P has entered the idle list. For an M that has
    /// not spun: true if it must take the P back and spin.
    pub(crate) fn p_idled(&self, npidle: u32) -> bool {
        self.npidle.store(npidle, Relaxed);
        fence(SeqCst);
        self.needspinning.load(Relaxed)
    }

    /// Under the scheduler's lock: a P has left the idle list.
    pub(crate) fn p_taken(&self, npidle: u32) {
        self.npidle.store(npidle, Relaxed);
    }

    pub(crate) fn npidle(&self) -> u32 {
        self.npidle.load(Relaxed)
    }

    pub(crate) fn nmspinning(&self) -> u32 {
        self.nmspinning.load(Relaxed)
    }

    pub(crate) fn needspinning(&self) -> bool {
        self.needspinning.load(Relaxed)
    }
}
