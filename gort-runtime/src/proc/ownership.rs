//! Ownership of a P: the protocol by which sysmon takes a P from a busy M.
//!
//! A goroutine that computes for long, or blocks in foreign code, keeps its thread and loses its P.
//! There are no signals and no asynchronous stack switches. The owner, which is the M that holds
//! the P, marks when it is inside the runtime and accesses its P. Sysmon takes the P only while the
//! owner is outside.
//!
//! Each M has two words:
//! - `mark`: 0 in user code, 1 inside the runtime. The owner writes it.
//! - `request`: `NONE`, `ASKED` or `TAKEN`. Sysmon makes `NONE→ASKED→{TAKEN, NONE}`, the owner
//!   makes `TAKEN→NONE`.
//!
//! # Protocol
//! - *The owner enters*: `mark = 1`; light barrier; if `request` is `NONE` (acquire), it may access
//!   its P. Otherwise it sets `mark = 0` and waits for the verdict. If the verdict is `NONE`, it
//!   enters again. If it is `TAKEN`, the P is lost: the owner clears `request` and the P pointer,
//!   and continues without a P.
//! - *The owner leaves*: `mark = 0`, release.
//! - *Sysmon takes*: `request = ASKED`; heavy barrier; if `mark` is 0 (acquire), `request = TAKEN`,
//!   and sysmon may hand the P on. Otherwise `request = NONE`.
//!
//! # Why they never both have the P
//! The owner stores `mark`, then loads `request`. Sysmon stores `request`, then loads `mark`. The
//! barriers of the two sides pair. Either the owner sees `ASKED` and accesses nothing, or sysmon
//! sees the mark and takes nothing. Once sysmon has seen `mark = 0`, any later entry sees the
//! request. What the owner did inside is released by `mark = 0` and acquired by sysmon's load, so
//! the next owner of the P sees it.
//!
//! # The P pointer
//! Only the owner changes its M's P pointer (`M::p`, a plain cell), and only while inside. Sysmon
//! reads it between its load of `mark` and its verdict. What the owner wrote there before is
//! released by `mark = 0`, as above. The verdict is a release. The owner acquires it before it
//! writes the pointer again, whether it saw the request while the request was pending or only its
//! end.

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

/// The words of one M.
#[derive(Debug)]
pub(crate) struct Ownership {
    mark: AtomicU32,
    request: AtomicU32,
}

impl Ownership {
    const_unless_loom! {
        /// Creates the words of an M that begins inside the runtime.
        pub(crate) fn new() -> Self {
            Self {
                mark: AtomicU32::new(INSIDE),
                request: AtomicU32::new(NONE),
            }
        }
    }

    /// Returns whether the owner is inside the runtime. Exact for the owner, a hint for sysmon.
    #[inline(always)]
    pub(crate) fn is_inside(&self) -> bool {
        // Relaxed: the owner's own last store.
        self.mark.load(Relaxed) == INSIDE
    }

    /// Enters the runtime from user code. Returns `true` if the owner still has its P, and `false`
    /// if the P has been taken. The owner calls this, and is inside the runtime in both cases.
    #[inline(always)]
    pub(crate) fn enter(&self) -> bool {
        self.mark.store(INSIDE, Relaxed);
        light_barrier();
        // Acquire: if sysmon has made a request and withdrawn it, sysmon read the P pointer in
        // between. The owner may now change that pointer.
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
                // Sysmon is between its two steps, which takes no longer than a system call.
                ASKED => spin_hint(),
                TAKEN => {
                    // Sysmon makes no request to an M without a P, so only the owner uses the word
                    // now.
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

    /// Returns to user code. The owner calls this.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        // Relaxed: the owner's own last store.
        debug_assert_eq!(self.mark.load(Relaxed), INSIDE, "left twice");
        self.mark.store(USER, Release);
    }

    /// Returns whether the owner has not noticed yet that sysmon has taken its P. Sysmon calls
    /// this.
    pub(crate) fn is_taken(&self) -> bool {
        self.request.load(Relaxed) == TAKEN
    }

    /// Tries to take the P. Sysmon calls this. `still_held` is called while the owner is kept in
    /// user code. It returns whether the M still holds the P that sysmon wants to take.
    pub(crate) fn take(&self, still_held: impl FnOnce() -> bool) -> bool {
        if self.mark.load(Relaxed) != USER {
            // The owner is inside the runtime, so it makes progress. This check avoids the barrier.
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
