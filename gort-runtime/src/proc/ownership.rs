//! Who owns a P: the protocol by which sysmon takes one from a busy M.
//!
//! A goroutine that computes for long, or blocks in foreign code, keeps its thread and
//! loses its P. No signal, no asynchronous stack switch: the owner says when it is inside
//! the runtime and touching its P, and sysmon takes the P only while it is not.
//!
//! Per M two words:
//! - `mark`: 0 user code, 1 inside the runtime. Written by the owner.
//! - `request`: `NONE`, `ASKED`, `TAKEN`. `NONE→ASKED→{TAKEN, NONE}` by sysmon, `TAKEN→NONE`
//!   by the owner.
//!
//! # Protocol
//! *Owner, entering*: `mark = 1`; light barrier; if `request` is `NONE` (acquire) it may touch its P.
//! Otherwise `mark = 0`, and wait for the verdict: `NONE` → enter again; `TAKEN` → the P is
//! lost: clear `request` and the P pointer, and go on without.
//! *Owner, leaving*: `mark = 0`, release.
//! *Sysmon*: `request = ASKED`; heavy barrier; if `mark` is 0 (acquire), `request = TAKEN`
//! and the P is sysmon's to hand on; else `request = NONE`.
//!
//! # Why never both
//! The owner stores `mark`, then loads `request`; sysmon stores `request`, then loads
//! `mark`; the barriers of both sides pair. So either the owner sees `ASKED` and touches
//! nothing, or sysmon sees the mark and takes nothing. Once sysmon has seen `mark = 0`, any
//! later entry sees the request. What the owner did inside is released by `mark = 0`
//! and acquired by sysmon's load, so the next owner of the P sees it.
//!
//! # The P pointer
//! Only the owner ever changes its M's P pointer (`M::p`, a plain cell), and only inside. Sysmon reads it
//! between its look at `mark` and its verdict. What the owner wrote there before is released by `mark = 0`, as
//! above. And the verdict is a release that the owner acquires before it writes the pointer again, whether it
//! has noticed that it was asked or has come when all was over.

use crate::base::prim::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    const_unless_loom, heavy_barrier, light_barrier, spin_hint,
};

const USER: u32 = 0;
const INSIDE: u32 = 1;

const NONE: u32 = 0;
const ASKED: u32 = 1;
const TAKEN: u32 = 2;

/// One M's half of the protocol.
#[derive(Debug)]
pub(crate) struct Ownership {
    mark: AtomicU32,
    request: AtomicU32,
}

impl Ownership {
    const_unless_loom! {
        /// For an M that begins inside the runtime.
        pub(crate) fn new() -> Self {
            Self {
                mark: AtomicU32::new(INSIDE),
                request: AtomicU32::new(NONE),
            }
        }
    }

    /// Owner: whether it is inside already. To sysmon, a hint.
    #[inline(always)]
    pub(crate) fn is_inside(&self) -> bool {
        // Relaxed: the owner's own last store.
        self.mark.load(Relaxed) == INSIDE
    }

    /// Owner, from user code: true if it still has the P it had; false if that P has
    /// been taken. Inside the runtime either way.
    #[inline(always)]
    pub(crate) fn enter(&self) -> bool {
        self.mark.store(INSIDE, Relaxed);
        light_barrier();
        // Acquire: sysmon has asked in vain and read the P pointer, which we may change now.
        if self.request.load(Acquire) == NONE {
            return true;
        }
        self.enter_slow()
    }

    #[cold]
    fn enter_slow(&self) -> bool {
        loop {
            self.mark.store(USER, Release);
            match self.request.load(Acquire) {
                // Sysmon is between its two steps: a system call away.
                ASKED => spin_hint(),
                TAKEN => {
                    // Nobody asks an M without a P: the word is ours again.
                    self.mark.store(INSIDE, Relaxed);
                    self.request.store(NONE, Relaxed);
                    return false;
                }
                _ => {
                    self.mark.store(INSIDE, Relaxed);
                    light_barrier();
                    if self.request.load(Acquire) == NONE {
                        return true;
                    }
                }
            }
        }
    }

    /// Owner: back to user code.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        // Relaxed: the owner's own last store.
        debug_assert_eq!(self.mark.load(Relaxed), INSIDE, "left twice");
        self.mark.store(USER, Release);
    }

    /// Sysmon: whether the P that it took has not been missed yet.
    pub(crate) fn is_taken(&self) -> bool {
        self.request.load(Relaxed) == TAKEN
    }

    /// Sysmon: tries to take the P. `still_held` is asked with the owner kept in user code
    /// and says whether the P is the one that sysmon means.
    pub(crate) fn take(&self, still_held: impl FnOnce() -> bool) -> bool {
        if self.mark.load(Relaxed) != USER {
            // Inside: it makes progress. Saves the barrier.
            return false;
        }
        if self
            .request
            .compare_exchange(NONE, ASKED, AcqRel, Relaxed)
            .is_err()
        {
            return false;
        }
        heavy_barrier();
        let taken = self.mark.load(Acquire) == USER && still_held();
        self.request
            .store(if taken { TAKEN } else { NONE }, Release);
        taken
    }
}
