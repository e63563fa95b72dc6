//! Ownership of a P: the protocol by which a P is taken from a busy M.
//!
//! A goroutine that computes for long, or blocks in foreign code, keeps its thread and loses its P.
//! There are no signals and no asynchronous stack switches. The owner, which is the M that holds
//! the P, marks when it is inside the runtime and accesses its P. Sysmon takes the P only while the
//! owner is outside.
//!
//! An owner whose goroutine announces a blocking call *lends* its P. Then any thread can take the
//! P, and needs no barrier for that: the owner may access its P again only after it has ended the
//! loan. Sysmon takes lent Ps for goroutines that wait, and an M that returns from a call without
//! its P takes the lent P of another M (`sched/inside.rs`).
//!
//! Each M has two words:
//! - `mark`: 0 in user code, 1 inside the runtime. The owner writes it.
//! - `request`: `NONE`, `LENT`, `ASKED` or `TAKEN`. The owner makes `NONE→LENT`, `LENT→NONE` and
//!   `TAKEN→NONE`. Sysmon makes `NONE→ASKED→{TAKEN, NONE}`. Sysmon and Ms without a P make
//!   `LENT→ASKED→{TAKEN, LENT}`. All changes out of `NONE` and `LENT` are compare-and-swaps, so in
//!   `ASKED` there is one *taker*, and only it changes the word.
//!
//! # Protocol
//! - *The owner enters*: `mark = 1`; light barrier; if `request` is `NONE` (acquire), it may access
//!   its P. Otherwise it sets `mark = 0` and waits for the verdict. If the verdict is `NONE`, it
//!   enters again. If it is `TAKEN`, the P is lost: the owner clears `request` and the P pointer,
//!   and continues without a P.
//! - *The owner leaves*: `mark = 0`, release.
//! - *The owner lends*, outside: `NONE→LENT`, release. If that fails, sysmon is taking the P, and
//!   there is no loan.
//! - *The owner ends the loan*: it enters. As `request` is not `NONE`, it sets `mark = 0`, makes
//!   `LENT→NONE` (acquire), and enters again. If the word is `ASKED` or `TAKEN`, it continues as
//!   above.
//! - *Sysmon takes a P that is not lent*: `request = ASKED`; heavy barrier; if `mark` is 0
//!   (acquire), `request = TAKEN`, and sysmon may hand the P on. Otherwise `request = NONE`.
//! - *A taker takes a lent P*: `LENT→ASKED` (acquire); then `request = TAKEN`, and the P is the
//!   taker's. If the M does not hold the P that the taker wants, `request = LENT`.
//!
//! # Why they never both have the P
//! *Lent.* The owner accesses its P only while `request` is `NONE`, and it alone makes `LENT→NONE`.
//! The taker accesses it only after `LENT→ASKED`. Both are compare-and-swaps on one word, so one of
//! them fails. What the owner did before is released by `NONE→LENT` and acquired by `LENT→ASKED`,
//! and a taker that has changed nothing releases the word again. An owner that sets `mark = 1`
//! while its P is lent accesses nothing before it has looked at `request`.
//!
//! *Not lent.* The owner stores `mark`, then loads `request`. Sysmon stores `request`, then loads
//! `mark`. The barriers of the two sides pair. Either the owner sees `ASKED` and accesses nothing,
//! or sysmon sees the mark and takes nothing. Once sysmon has seen `mark = 0`, any later entry sees
//! the request. What the owner did inside is released by `mark = 0` and acquired by sysmon's load,
//! so the next owner of the P sees it.
//!
//! # The P pointer
//! Only the owner changes its M's P pointer (`M::p`, a plain cell), and only while inside. Takers
//! read it in `ASKED`: sysmon after its load of `mark`, or if the P was lent, after `LENT→ASKED`.
//! What the owner wrote there before is released by `mark = 0` or by `NONE→LENT`, as above. The
//! verdict is a release. The owner acquires it before it
//! writes the pointer again, whether it saw the request while the request was pending or only its
//! end.

use crate::base::prim::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    const_unless_loom, heavy_barrier, light_barrier, spin_hint, yield_thread,
};

const USER: u32 = 0;
const INSIDE: u32 = 1;

const NONE: u32 = 0;
const ASKED: u32 = 1;
const TAKEN: u32 = 2;
const LENT: u32 = 3;

/// Number of looks at a taker between its two steps before the owner lets other threads run: the
/// taker may have lost its core.
const LOOKS: u32 = 100;

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
        let mut looks = 0;
        loop {
            self.mark.store(USER, Release);
            match self.request.load(Acquire) {
                // A taker is between its two steps, which takes no longer than a system call.
                ASKED => {
                    looks += 1;
                    if looks % LOOKS == 0 {
                        yield_thread();
                    } else {
                        spin_hint();
                    }
                }
                LENT => {
                    // Acquire: a taker may have read the P pointer and changed its mind. If this
                    // fails, a taker was faster.
                    let _ = self.request.compare_exchange(LENT, NONE, Acquire, Relaxed);
                }
                TAKEN => {
                    // No thread makes a request to an M without a P, so only the owner uses the
                    // word now.
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

    /// Lends the P to any thread that needs it, until the owner next enters the runtime. The owner
    /// calls this in user code. Does nothing if sysmon is just taking the P.
    #[inline]
    pub(crate) fn lend(&self) {
        let _ = self.request.compare_exchange(NONE, LENT, Release, Relaxed);
    }

    /// Returns whether the owner has not noticed yet that its P has been taken. Sysmon calls this.
    pub(crate) fn is_taken(&self) -> bool {
        self.request.load(Relaxed) == TAKEN
    }

    /// Returns whether the owner has lent the P. A hint: it may have changed since.
    pub(crate) fn is_lent(&self) -> bool {
        self.request.load(Relaxed) == LENT
    }

    /// Tries to take the P if the owner has lent it. Any thread may call this. `still_held` is as
    /// for [`take`](Self::take).
    pub(crate) fn take_lent(&self, still_held: impl FnOnce() -> bool) -> bool {
        if self
            .request
            .compare_exchange(LENT, ASKED, Acquire, Relaxed)
            .is_err()
        {
            return false;
        }
        let taken = still_held();
        self.request
            .store(if taken { TAKEN } else { LENT }, Release);
        taken
    }

    /// Tries to take the P, lent or not. Sysmon calls this. `still_held` is called while the owner
    /// is kept in user code. It returns whether the M still holds the P that sysmon wants to take.
    pub(crate) fn take(&self, still_held: impl FnOnce() -> bool) -> bool {
        if self.is_lent() {
            return self.take_lent(still_held);
        }
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
