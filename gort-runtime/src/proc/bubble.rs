//! Bubble: what goroutines that share a clock of their own have in common.
//!
//! The clock stands while any of them can run, and is put forward when all are *durably blocked*: parked, and
//! nothing but another of them, or the clock, is expected to wake them. A goroutine, the *keeper*, which is outside
//! the bubble and waits in `synctest::run`, then does what is next (`api/synctest.rs`). Here is how it is known whose
//! turn that is.
//!
//! # The baton
//! A word counts *holds* (and how often one was taken): one for each member that is not durably blocked, and one for the keeper while it is its
//! turn. Whoever lets go of its hold looks whether that is the last. The last hold is not let go of but handed to the
//! keeper, who is woken. So the count is never 0, and
//!
//! 1. the keeper is awake exactly while it has a hold; so it is woken once for each time that it has gone to sleep;
//! 2. if the keeper has the only hold, no member runs, is runnable, or is on its way into a park.
//!
//! # Park, wake-up and the keeper's turn
//! A member that parks durably (P) lets go of its hold *after* its park is committed, on g0. Whoever wakes it (W) takes
//! a hold for it *before* it can run: after it has won the right to wake it, and before it queues it.
//!
//! - W comes before P has let go: there are two holds for one goroutine, P's and the one taken for it. P takes one of
//!   them away. The count is never less than what it should be.
//! - W comes afterwards: then W is a member, and has a hold of its own; or the keeper, in its turn; or comes from
//!   outside (a lock that is shared with others). A member keeps the word from falling to 1 for the keeper. Somebody from
//!   outside may come while the keeper, with the only hold, is about to put the clock forward. So time may run ahead of
//!   such a wake-up, which is all that can happen: the goroutine runs, with its hold, and the keeper sleeps again
//!   without having lost its own.
//!
//! P must read which bubble is meant before it commits, since the goroutine may be gone afterwards. The bubble is
//! not: there is P's hold.
//!
//! # Orderings
//! All changes of the word are acquire-release read-modify-writes, the handing over of the last hold as well (it
//! replaces the word by itself). So what a goroutine did before it blocked or ended is seen by the keeper in its turn, and by
//! whoever that wakes: `synctest::wait` and `run` return after it.
//!
//! That all have ended is seen in two words: the keeper reads the number of members (acquire; a member leaves by a release)
//! and then the holds. If nobody is left, and there is no hold but its own, then the last one has let go of its own too, which
//! it had before it left: nobody touches the bubble any more.
//!
//! # Memory
//! Bubbles are never freed (`bubble/pool.rs`); one whose goroutines are left behind, blocked, is not used
//! again. Its keeper has kept its hold, so nobody wakes one any more.

use crate::base::prim::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    const_unless_loom,
    hint::{self, AtomicU32},
};

/// In a goroutine's word that says why it waits: it is durably blocked in its bubble.
pub(crate) const BLOCKED: u32 = 1 << 8;
/// And somebody outside the bubble may be the one to wake it.
pub(crate) const BY_LOCK: u32 = 1 << 9;
/// Its bubble is explored: whoever wakes it asks the explorer whose turn it is.
pub(crate) const EXPLORED: u32 = 1 << 10;

/// One hold that has been taken, in the upper half of the word.
const TAKEN: u64 = 1 << 32;

/// Whether this is one hold, and no other.
pub(crate) fn is_only(holds: u64) -> bool {
    holds & (TAKEN - 1) == 1
}

/// See the header. `repr(C)`: it is the first field of what the pool makes (`bubble/pool.rs`).
#[derive(Debug)]
pub(crate) struct Bubble {
    /// How many there are, and in the upper half how many have been taken: so that the keeper sees that one was, also if
    /// it is gone again.
    holds: AtomicU64,
    /// Its present.
    now: hint::AtomicU64,
    /// Goroutines that have been started and have not ended.
    members: AtomicUsize,
    /// Not 0, and no other bubble's; changes when the bubble is used again.
    id: AtomicU32,
    /// The goroutine that waits in `run`, as a word.
    keeper: hint::AtomicUsize,
    /// The one that waits in `synctest::wait`; 0: none.
    waiter: hint::AtomicUsize,
    /// Somebody is in `synctest::wait`.
    is_awaited: hint::AtomicBool,
    /// Its goroutines take turns (`turns/explorer.rs`).
    explores: hint::AtomicBool,
    /// Those that are left in it will never run, and count no more.
    is_given_up: hint::AtomicBool,
}

impl Bubble {
    const_unless_loom! {
        /// One that nobody is in; the keeper has the hold.
        pub(crate) fn new() -> Self {
            Self {
                holds: AtomicU64::new(1),
                now: hint::AtomicU64::new(0),
                members: AtomicUsize::new(0),
                id: AtomicU32::new(0),
                keeper: hint::AtomicUsize::new(0),
                waiter: hint::AtomicUsize::new(0),
                is_awaited: hint::AtomicBool::new(false),
                explores: hint::AtomicBool::new(false),
                is_given_up: hint::AtomicBool::new(false),
            }
        }
    }

    /// Its keeper: the bubble begins, as number `id`, at `now`. Nobody is in it.
    pub(crate) fn begin(&self, id: u32, now: u64, keeper: usize) {
        self.id.store(id, Relaxed);
        self.now.store(now, Relaxed);
        self.keeper.store(keeper, Relaxed);
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.load(Relaxed)
    }

    /// The time on its clock, in nanoseconds. A member reads what was set in the keeper's last turn.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// The keeper, in its turn: puts the clock forward.
    pub(crate) fn set_now(&self, now: u64) {
        self.now.store(now, Relaxed);
    }

    /// A goroutine is being started, by a member or the keeper, and is not yet runnable.
    pub(crate) fn enter(&self) {
        self.members.fetch_add(1, Relaxed);
        self.take_hold();
    }

    /// A goroutine has ended: it keeps its hold, which the caller is to let go of, as its last step.
    pub(crate) fn leave(&self) {
        self.members.fetch_sub(1, Release);
    }

    /// The keeper, in its turn: whether all have ended, and let go of their holds. (Somebody from outside may have woken
    /// the last one just now: its hold is there before it leaves.)
    pub(crate) fn is_empty(&self) -> bool {
        self.members.load(Acquire) == 0 && is_only(self.holds())
    }

    /// A member that is durably blocked is going to run: its waker, before it queues it.
    pub(crate) fn take_hold(&self) {
        self.holds.fetch_add(TAKEN | 1, AcqRel);
    }

    /// Lets go of a hold. The answer is the keeper, who is to be woken, if it was the last: then the keeper has it.
    #[must_use]
    pub(crate) fn let_go(&self) -> Option<usize> {
        let mut holds = self.holds.load(Relaxed);
        loop {
            let is_last = is_only(holds);
            let left = if is_last { holds } else { holds - 1 };
            match self
                .holds
                .compare_exchange_weak(holds, left, AcqRel, Relaxed)
            {
                Ok(_) if is_last => return Some(self.keeper.load(Relaxed)),
                Ok(_) => return None,
                Err(now) => holds = now,
            }
        }
    }

    /// The keeper, in its turn: something that changes when somebody takes a hold.
    pub(crate) fn holds(&self) -> u64 {
        self.holds.load(Acquire)
    }

    /// The caller is the one that waits for the others from here on; false if there is one.
    pub(crate) fn await_begins(&self) -> bool {
        !self.is_awaited.swap(true, Relaxed)
    }

    /// The one that waits is parked, but for letting go of its hold.
    pub(crate) fn show_waiter(&self, waiter: usize) {
        self.waiter.store(waiter, Relaxed);
    }

    /// The keeper, in its turn: who waits for the others, and is to be woken.
    pub(crate) fn take_waiter(&self) -> Option<usize> {
        let waiter = self.waiter.load(Relaxed);
        self.waiter.store(0, Relaxed);
        (waiter != 0).then_some(waiter)
    }

    /// The caller waits no more.
    pub(crate) fn await_ends(&self) {
        self.is_awaited.store(false, Relaxed);
    }

    /// The goroutine that waits in `run`, as a word.
    pub(crate) fn keeper(&self) -> usize {
        self.keeper.load(Relaxed)
    }

    /// Its keeper, while nobody is in it: whether its goroutines take turns from here on.
    pub(crate) fn set_explores(&self, explores: bool) {
        self.explores.store(explores, Relaxed);
    }

    /// Whether its goroutines take turns.
    #[inline(always)]
    pub(crate) fn explores(&self) -> bool {
        self.explores.load(Relaxed)
    }

    /// Its keeper: those that are left in it will never run, and count no more.
    pub(crate) fn give_up(&self) {
        self.is_given_up.store(true, Relaxed);
    }

    /// Whether they do not count.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Relaxed)
    }
}
