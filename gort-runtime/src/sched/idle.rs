//! The counters through which submitters and idle Ms find each other.
//!
//! `sched/README.md` describes the protocol and argues that it is correct. This file holds only its
//! atomics, so that loom can explore them in isolation.

use crate::base::prim::{
    AtomicBool, AtomicU32,
    Ordering::{Relaxed, SeqCst},
    const_unless_loom, fence, fence_after_rmw, heavy_barrier,
};

/// Counts idle Ps and spinning Ms.
#[derive(Debug)]
pub(crate) struct Idle {
    /// Number of Ps in the idle list. Written under the scheduler's lock.
    npidle: AtomicU32,
    /// Number of Ms that look for work in other Ps' queues.
    nmspinning: AtomicU32,
    /// If set, the next M that is about to idle without having spun must spin first.
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

    /// Returns `true` if the calling submitter must wake an M, which is then already counted as
    /// spinning.
    ///
    /// The caller has made its work visible and has then executed a barrier, which may be light.
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

    /// Uncounts a submitter that must wake an M but finds no idle P left. Called under the
    /// scheduler's lock.
    pub(crate) fn submitter_found_no_p(&self) {
        // The flag must be set after the uncounting: submitters may have relied on the count until
        // then, and an M may have cleared an earlier flag in the meantime.
        self.stop_spinning();
        self.needspinning.store(true, Relaxed);
    }

    /// Makes the next M that idles a P look for work first. Called under the scheduler's lock by an
    /// M that has stopped spinning and sees work, but finds no idle P to run it with.
    pub(crate) fn former_spinner_found_no_p(&self) {
        // Makes the work visible to the search of the M that clears the flag.
        fence(SeqCst);
        self.needspinning.store(true, Relaxed);
    }

    /// Counts an M that begins to look for work. The search that follows may miss work of threads
    /// that saw the flag set before this. What the M does at the end of the search makes up for
    /// that (`README.md`, "The rule of the last look").
    pub(crate) fn start_spinning(&self) {
        self.nmspinning.fetch_add(1, SeqCst);
        self.needspinning.store(false, Relaxed);
    }

    /// Uncounts an M that has found nothing and is about to look everywhere once more. This is a
    /// heavy barrier: that look sees all work submitted by threads that still saw the M counted,
    /// and by threads that saw a `needspinning` that the M has cleared.
    pub(crate) fn stop_searching(&self) {
        self.stop_spinning();
        heavy_barrier();
    }

    /// Uncounts an M that stops looking. This is a full barrier. An M that has found work now calls
    /// `wakep`, in place of a last look.
    pub(crate) fn stop_spinning(&self) {
        let before = self.nmspinning.fetch_sub(1, SeqCst);
        debug_assert!(before > 0, "more Ms stopped spinning than started");
        fence_after_rmw();
    }

    /// Records that a P has entered the idle list. Called under the scheduler's lock. Returns
    /// `true` if an M that has not spun must take the P back and spin.
    pub(crate) fn p_idled(&self, npidle: u32) -> bool {
        self.npidle.store(npidle, Relaxed);
        fence(SeqCst);
        self.needspinning.load(Relaxed)
    }

    /// Records that a P has left the idle list. Called under the scheduler's lock.
    pub(crate) fn p_taken(&self, npidle: u32) {
        self.npidle.store(npidle, Relaxed);
    }

    /// Returns whether an M looks for work, or would be woken to do so. A hint.
    #[inline]
    pub(crate) fn is_work_wanted(&self) -> bool {
        self.nmspinning.load(Relaxed) != 0 || self.npidle.load(Relaxed) != 0
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
