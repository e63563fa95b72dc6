//! Ownership of a P: the protocol by which other threads access the P of a busy M.
//!
//! A goroutine that computes for long, or blocks in foreign code, keeps its thread and loses its P.
//! There are no signals and no asynchronous stack switches. The owner, which is the M that holds
//! the P, marks when it is inside the runtime and accesses its P. Another thread accesses the P
//! only while it keeps the owner outside. Sysmon takes the P in this way, and thieves take
//! goroutines from the P's run queue (`runq.rs`). The owner enters the runtime several times for
//! each goroutine that it runs. It executes no locked instruction for this.
//!
//! An owner whose goroutine announces a blocking call *lends* its P. Then a visitor needs no
//! barrier, because the owner may access its P again only after it has ended the loan. An M that
//! returns from a call without its P takes the lent P of another M (`sched/inside.rs`).
//!
//! Each M has two words:
//! - `mark`: `USER` in user code, `INSIDE` inside the runtime. The owner writes it.
//! - `request`: what a *visitor* (sysmon, a thief, or an M without a P) asks for, and the answer:
//!
//! | from | to | by | |
//! |---|---|---|---|
//! | `NONE` | `ASKED` | the visitor | |
//! | `ASKED` | `YIELDED` | the owner | it has seen the request, and waits outside |
//! | `ASKED`, `YIELDED` | `HELD` | the visitor | the owner is outside and stays there |
//! | `YIELDED` | `REFUSED` | the owner | it does not wait any longer |
//! | `ASKED`, `REFUSED` | `NONE` | the visitor | it goes away without having had the P |
//! | `NONE` | `LENT` | the owner | it is outside, and lends its P |
//! | `LENT` | `NONE` | the owner | it ends the loan |
//! | `LENT` | `HELD` | the visitor | the owner stays outside |
//! | `HELD` | `NONE`, `LENT` | the visitor | it has finished; the value is the one before its visit |
//! | `HELD` | `TAKEN` | the visitor | the P is lost |
//! | `TAKEN` | `NONE` | the owner | it has noticed |
//!
//! From `ASKED` or `HELD` to `NONE`, `LENT` or `TAKEN` the word belongs to one visitor: no other
//! can make a request.
//!
//! # Protocol
//! - *The owner enters*: `mark = INSIDE`; light barrier; if `request` is `NONE` (acquire) or
//!   `REFUSED`, it may access its P. If it is `TAKEN`, the P is lost: the owner clears the request
//!   and the P pointer, and continues without a P. Otherwise there is a visitor: the owner sets
//!   `mark = USER`, changes `ASKED` to `YIELDED`, waits until the visitor has finished, and enters
//!   again.
//! - *The owner tries to enter*: the same, but if `request` is not `NONE`, the owner leaves again.
//! - *The owner leaves*: `mark = USER`, release.
//! - *The owner lends*, outside: changes `NONE` to `LENT`. If that fails, there is a visitor, and
//!   the owner makes no loan. When the owner enters and finds `LENT`, it changes that to `NONE` and
//!   looks again.
//! - *A visitor*: changes `request` from `LENT` to `HELD`, or from `NONE` to `ASKED`. If the owner
//!   soon answers with `YIELDED`, changes that to `HELD`. Otherwise, if `mark` seems to be `INSIDE`,
//!   changes the request back to `NONE`. Otherwise: heavy barrier; if `mark` is `USER` (acquire),
//!   changes the request to `HELD`, else back to `NONE`. While the request is `HELD`, the visitor
//!   has the P.
//!
//! # Why the owner and a visitor never both have the P
//! A visitor has the P only while the request is `HELD`. There are three ways to that state.
//!
//! - *From `LENT`.* The owner accesses nothing before it has changed `LENT` to `NONE`. Both changes
//!   are compare-and-swaps on one word, so one of them fails.
//! - *From `YIELDED`.* The owner wrote `YIELDED` in answer to this very request. It accesses
//!   nothing until it reads a value other than `YIELDED` and `HELD`. After that, the only change
//!   that the owner itself makes is from `YIELDED` to `REFUSED`, by a compare-and-swap. That fails
//!   once the request is `HELD`. After `REFUSED` the visitor can only store `NONE`.
//! - *From `ASKED`, with `mark` read after the heavy barrier.* The owner stores `mark`, then loads
//!   `request`. The visitor stores `request`, then loads `mark`. The barriers of the two sides
//!   pair. Either the owner sees the request and accesses nothing, or the visitor sees the mark and
//!   withdraws. Once the visitor has seen `USER`, any later entry sees the request.
//!
//! The owner releases what it did inside by `mark = USER`, and again by the change to `YIELDED` or
//! `LENT`. The visitor acquires this by its load of `mark`, or by its change of the request. The
//! visitor releases what it did by its last store to `request`. The owner acquires this before it
//! touches the P again, even if it never saw the request: the barriers pair, so the owner's load of
//! `request` does not return a value from before the visit.
//!
//! # The P pointer
//! Only the owner changes its M's P pointer (`M::p`, a plain cell), and only while inside. A
//! visitor that takes the P reads the pointer while the request is `HELD`, and checks that it names
//! the P that the visitor wants. A thief need not (`sched/visit.rs`).
//!
//! # How long anyone waits
//! A visitor does not wait for an owner that stays inside. An owner waits for the visitor, which
//! needs a few microseconds. If the visitor has lost its core, the owner refuses the request. It
//! cannot refuse while the request is `HELD`, which lasts as long as it takes to move some
//! pointers.

use crate::base::prim::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    const_unless_loom, heavy_barrier, light_barrier, spin_hint, wait_hint,
};

const USER: u32 = 0;
const INSIDE: u32 = 1;

const NONE: u32 = 0;
const ASKED: u32 = 1;
const YIELDED: u32 = 2;
const REFUSED: u32 = 3;
const HELD: u32 = 4;
const TAKEN: u32 = 5;
const LENT: u32 = 6;

/// How many times a visitor checks whether the owner has yielded, before it issues the heavy
/// barrier. An owner that runs one short goroutine after the other answers within a few checks. The
/// barrier costs the visitor and the owner microseconds each (5 and 3 on a virtual machine).
const LOOKS: u32 = if cfg!(loom) { 1 } else { 60 };
/// How many times an owner that waits outside looks at the request before it assumes that the
/// visitor has lost its core. That is some 20 µs. It must be longer than the visitor's barrier, or
/// the barrier would be in vain.
const PATIENCE: u32 = if cfg!(loom) { 0 } else { 1_000 };

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

    /// Returns whether the owner is inside the runtime. The result is exact for the owner, and a
    /// hint for other threads.
    #[inline(always)]
    pub(crate) fn is_inside(&self) -> bool {
        // Relaxed: the owner reads its own last store.
        self.mark.load(Relaxed) == INSIDE
    }

    /// Enters the runtime from user code. Returns `true` if the owner still has its P, and `false`
    /// if the P has been taken. The owner calls this, and is inside the runtime in both cases.
    #[inline(always)]
    pub(crate) fn enter(&self) -> bool {
        self.enters_without_request() || self.enter_slow()
    }

    /// Enters the runtime like [`enter`](Self::enter), and returns `true`. If there is a request,
    /// leaves again and returns `false`.
    #[inline(always)]
    pub(crate) fn try_enter(&self) -> bool {
        let enters = self.enters_without_request();
        if !enters {
            self.leave();
        }
        enters
    }

    /// Sets the mark, and returns whether there is no request.
    #[inline(always)]
    fn enters_without_request(&self) -> bool {
        self.mark.store(INSIDE, Relaxed);
        light_barrier();
        // Acquire: a visitor may have come and gone, and have changed the queue of the P.
        self.request.load(Acquire) == NONE
    }

    /// Continues `enter` if there is a request.
    #[cold]
    fn enter_slow(&self) -> bool {
        loop {
            // The mark is set, and the light barrier has been issued.
            match self.request.load(Acquire) {
                NONE | REFUSED => return true,
                LENT => {
                    // If this fails, there is a visitor.
                    self.changes(LENT, NONE);
                    continue;
                }
                TAKEN => {
                    // Release: a thief that still believes that the P is here sees the mark.
                    self.request.store(NONE, Release);
                    return false;
                }
                _ => {}
            }
            self.mark.store(USER, Release);
            self.wait_outside();
            self.mark.store(INSIDE, Relaxed);
            light_barrier();
        }
    }

    /// Lets the visitor have the P, and waits until it has finished. The owner calls this, outside.
    fn wait_outside(&self) {
        let mut looks = 0;
        loop {
            match self.request.load(Relaxed) {
                // If this fails, the visitor has gone away or has the P.
                ASKED => self.changes(ASKED, YIELDED),
                // If this fails, the visitor has the P.
                YIELDED if looks >= PATIENCE => self.changes(YIELDED, REFUSED),
                YIELDED | HELD => {
                    wait_hint(looks);
                    looks += 1;
                    false
                }
                _ => return,
            };
        }
    }

    /// Returns to user code. The owner calls this.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        // Relaxed: the owner reads its own last store.
        debug_assert_eq!(self.mark.load(Relaxed), INSIDE, "left twice");
        self.mark.store(USER, Release);
    }

    /// Lends the P to any thread that needs it, until the owner next enters the runtime. The owner
    /// calls this in user code. Does nothing if there is a visitor.
    #[inline]
    pub(crate) fn lend(&self) {
        let _ = self.request.compare_exchange(NONE, LENT, Release, Relaxed);
    }

    /// Returns whether the owner has lent the P. This is a hint: the request may have changed
    /// since.
    pub(crate) fn is_lent(&self) -> bool {
        self.request.load(Relaxed) == LENT
    }

    /// Returns whether the owner has not noticed yet that its P has been taken. Sysmon calls this.
    pub(crate) fn is_taken(&self) -> bool {
        self.request.load(Relaxed) == TAKEN
    }

    /// Tries to take the P, lent or not. Sysmon calls this. Calls `still_held` while the owner is
    /// kept in user code. `still_held` returns whether the M still holds the P that the caller
    /// wants.
    pub(crate) fn take(&self, still_held: impl FnOnce() -> bool) -> bool {
        // An owner inside the runtime makes progress. This check avoids the barrier.
        if self.is_inside() && !self.is_lent() {
            return false;
        }
        self.keep_out()
            .is_some_and(|before| self.take_held(before, still_held))
    }

    /// Tries to take the P if the owner has lent it. Any thread may call this. `still_held` is as
    /// for [`take`](Self::take).
    pub(crate) fn take_lent(&self, still_held: impl FnOnce() -> bool) -> bool {
        self.keep_lender_out() && self.take_held(LENT, still_held)
    }

    /// Takes the P, for a visitor whose request is `HELD`, or ends the visit.
    fn take_held(&self, before: u32, still_held: impl FnOnce() -> bool) -> bool {
        let taken = still_held();
        self.request
            .store(if taken { TAKEN } else { before }, Release);
        taken
    }

    /// Calls `visit` while the owner is kept in user code, and returns its result. Returns `None`
    /// if the owner is inside, or has another visitor. A thief calls this. `visit` must not block.
    pub(crate) fn visit<R>(&self, visit: impl FnOnce() -> R) -> Option<R> {
        let before = self.keep_out()?;
        let result = visit();
        self.request.store(before, Release);
        Some(result)
    }

    /// Keeps an owner that has lent its P outside, by a request that is `HELD`. Returns `false` if
    /// there is no loan.
    fn keep_lender_out(&self) -> bool {
        self.request
            .compare_exchange(LENT, HELD, Acquire, Relaxed)
            .is_ok()
    }

    /// Keeps the owner outside, by a request that is `HELD`. Returns what the request was before.
    /// Returns `None` if the owner is inside, or has another visitor.
    fn keep_out(&self) -> Option<u32> {
        if self.is_lent() && self.keep_lender_out() {
            return Some(LENT);
        }
        (self.changes(NONE, ASKED) && self.hold_or_withdraw()).then_some(NONE)
    }

    /// Changes a request that is `ASKED` to `HELD`, or withdraws it and returns `false`.
    fn hold_or_withdraw(&self) -> bool {
        for _ in 0..LOOKS {
            if self.changes(YIELDED, HELD) {
                return true;
            }
            spin_hint();
        }
        // If the owner is inside, the barrier would probably be in vain (six of seven were in the
        // benchmark `timers` on 2 Ps).
        if !self.is_inside() {
            heavy_barrier();
            if self.mark.load(Acquire) == USER && self.changes(ASKED, HELD) {
                return true;
            }
        }
        // Until one of these changes succeeds, the owner may yield, and may then refuse.
        if self.changes(ASKED, NONE) {
            return false;
        }
        if self.changes(YIELDED, HELD) {
            return true;
        }
        self.request.store(NONE, Release);
        false
    }

    /// Changes the request from `from` to `to`. Returns `false` if it is not `from`.
    #[inline]
    fn changes(&self, from: u32, to: u32) -> bool {
        self.request.load(Relaxed) == from
            && self
                .request
                .compare_exchange(from, to, AcqRel, Relaxed)
                .is_ok()
    }
}
