//! Bubble: the state that goroutines with a common clock share.
//!
//! The clock does not advance while any goroutine of the bubble can run. It advances when all of
//! them are *durably blocked*: parked, so that only another of them, or the clock, is expected to
//! wake them. Then the *keeper* acts. The keeper is the goroutine outside the bubble that waits in
//! `synctest::run` (`api/synctest.rs` says what it does). This file implements how the keeper
//! learns that it is its turn.
//!
//! # Tokens
//! A word counts *tokens* (and how many were ever taken). Each member that is not durably blocked
//! has one token, and the keeper has one during its turn. An actor that releases its token checks
//! whether it is the last. The last token is not released but handed to the keeper, which is then
//! woken. So the count is never 0, and
//!
//! 1. the keeper is awake exactly while it has a token, so it is woken once for each time that it
//!    has gone to sleep;
//! 2. if the keeper has the only token, no member is running, runnable or about to park.
//!
//! # Park, wake-up and the keeper's turn
//! A member that parks durably (P) releases its token *after* its park is committed, on g0. Its
//! waker (W) takes a token for it *before* the member can run: after W has won the right to wake
//! it, and before W queues it.
//!
//! - If W comes before P has released its token, there are two tokens for one goroutine: P's, and
//!   the one that W took for it. P then releases one of them. The count is never too low.
//! - If W comes afterwards, there are three cases. W may be a member, which has its own token, so
//!   the keeper's is not the only one. W may be the keeper, during its turn. Or W may be outside
//!   the bubble, and reach the member through a lock that is shared with others. Perhaps the keeper
//!   has the only token at that time and is about to advance the clock. Then the clock may advance
//!   before that wake-up takes effect. No other harm is possible: the goroutine runs, with its
//!   token, and the keeper goes back to sleep without having lost its own.
//!
//! P must read which bubble it belongs to before it commits, because the goroutine may be gone
//! afterwards. The bubble is not gone: it has P's token.
//!
//! # Orderings
//! All changes of the word are acquire-release read-modify-writes. This includes handing over the
//! last token, which replaces the word by the same value. The keeper in its turn therefore sees
//! what each goroutine did before it blocked or ended. So does every goroutine that the keeper
//! wakes: `synctest::wait` and `run` return after that.
//!
//! The keeper determines from two words whether all members have ended. It reads the number of
//! members (acquire; a member leaves by a release) and then the tokens. If there are no members and
//! the only token is the keeper's, the last member, which had a token when it left, has released
//! that token as well. No member accesses the bubble any more.
//!
//! Bubbles are never freed (`bubble/pool.rs`). If blocked goroutines were left behind in a bubble,
//! the bubble is not reused. Its keeper does not release its token. So no member's token is ever
//! the last one, and no member wakes the keeper.

use crate::base::prim::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    const_unless_loom,
    hint::{self, AtomicU32},
};

/// Bit of the word that says why a goroutine waits: the goroutine is durably blocked in its bubble.
pub(crate) const BLOCKED: u32 = 1 << 8;
/// Bit of the same word: the waker may be a goroutine outside the bubble.
pub(crate) const BY_LOCK: u32 = 1 << 9;
/// Bit of the same word: the bubble is explored, so a waker asks the explorer whose turn it is.
pub(crate) const EXPLORED: u32 = 1 << 10;

/// One taken token, as counted in the upper half of the word.
const TAKEN: u64 = 1 << 32;

/// Returns whether the word counts exactly one token.
pub(crate) fn is_only(tokens: u64) -> bool {
    tokens & (TAKEN - 1) == 1
}

/// The state that the goroutines of a bubble share; see the head of this file. `repr(C)`, because
/// it is the first field of `PooledBubble` (`bubble/pool.rs`).
#[derive(Debug)]
pub(crate) struct Bubble {
    /// The number of tokens. The upper half counts how many were ever taken, so that the keeper
    /// notices a token that was taken and released again.
    tokens: AtomicU64,
    /// The current time on the bubble's clock.
    now: hint::AtomicU64,
    /// Number of goroutines that have been started and have not ended.
    members: AtomicUsize,
    /// Identifies the bubble. Never 0, and no two bubbles have the same. Changes when the bubble is
    /// reused.
    id: AtomicU32,
    /// The waiter of `run`, as a word (`Waiter::to_word`).
    keeper: hint::AtomicUsize,
    /// The waiter of `synctest::wait`, as a word. 0: none.
    waiter: hint::AtomicUsize,
    /// Whether a goroutine is in `synctest::wait`.
    is_awaited: hint::AtomicBool,
    /// Whether the bubble's goroutines take turns (`turns/explorer.rs`).
    explores: hint::AtomicBool,
    /// Whether the goroutines left in the bubble will never run. If so, reports do not list them.
    is_given_up: hint::AtomicBool,
}

impl Bubble {
    const_unless_loom! {
        /// Creates a bubble without members. The keeper has the only token.
        pub(crate) fn new() -> Self {
            Self {
                tokens: AtomicU64::new(1),
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

    /// Sets the bubble's id, time and keeper for a new use. The keeper calls this while there are
    /// no members.
    pub(crate) fn begin(&self, id: u32, now: u64, keeper: usize) {
        self.id.store(id, Relaxed);
        self.now.store(now, Relaxed);
        self.keeper.store(keeper, Relaxed);
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.load(Relaxed)
    }

    /// Returns the time on the bubble's clock, in nanoseconds. A member reads the value that the
    /// keeper set during its last turn.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Advances the clock. The keeper calls this during its turn.
    pub(crate) fn set_now(&self, now: u64) {
        self.now.store(now, Relaxed);
    }

    /// Adds a member that is being started, by a member or by the keeper, and is not yet runnable.
    pub(crate) fn enter(&self) {
        self.members.fetch_add(1, Relaxed);
        self.take_token();
    }

    /// Removes a member that has ended. The member's token remains: the caller must release it as
    /// its last step.
    pub(crate) fn leave(&self) {
        self.members.fetch_sub(1, Release);
    }

    /// Returns whether all members have ended and released their tokens. The keeper calls this
    /// during its turn. (If a waker outside the bubble has just woken the last member, that
    /// member's token was taken before the member left, and so is counted.)
    pub(crate) fn is_empty(&self) -> bool {
        self.members.load(Acquire) == 0 && is_only(self.tokens())
    }

    /// Takes a token for a durably blocked member that is about to run. Its waker calls this before
    /// it queues the member.
    pub(crate) fn take_token(&self) {
        self.tokens.fetch_add(TAKEN | 1, AcqRel);
    }

    /// Releases a token. If it was the last, hands it to the keeper and returns the keeper, which
    /// the caller must wake.
    #[must_use]
    pub(crate) fn release_token(&self) -> Option<usize> {
        let mut tokens = self.tokens.load(Relaxed);
        loop {
            let is_last = is_only(tokens);
            let left = if is_last { tokens } else { tokens - 1 };
            match self
                .tokens
                .compare_exchange_weak(tokens, left, AcqRel, Relaxed)
            {
                Ok(_) if is_last => return Some(self.keeper.load(Relaxed)),
                Ok(_) => return None,
                Err(now) => tokens = now,
            }
        }
    }

    /// Returns a value that changes whenever a token is taken. The keeper calls this during its
    /// turn.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens.load(Acquire)
    }

    /// Registers the caller as the goroutine in `synctest::wait`, which waits for all other
    /// members. Returns `false` if there already is one.
    pub(crate) fn await_begins(&self) -> bool {
        !self.is_awaited.swap(true, Relaxed)
    }

    /// Publishes the goroutine in `synctest::wait`, which has parked but has not yet released its
    /// token.
    pub(crate) fn show_waiter(&self, waiter: usize) {
        self.waiter.store(waiter, Relaxed);
    }

    /// Takes the waiter of `synctest::wait`, which the caller must wake. The keeper calls this
    /// during its turn.
    pub(crate) fn take_waiter(&self) -> Option<usize> {
        let waiter = self.waiter.load(Relaxed);
        self.waiter.store(0, Relaxed);
        (waiter != 0).then_some(waiter)
    }

    /// Unregisters the caller, which has returned from its wait for the other members.
    pub(crate) fn await_ends(&self) {
        self.is_awaited.store(false, Relaxed);
    }

    /// Returns the waiter of `run`, as a word.
    pub(crate) fn keeper(&self) -> usize {
        self.keeper.load(Relaxed)
    }

    /// Sets whether the goroutines take turns from now on. The keeper calls this while there are no
    /// members.
    pub(crate) fn set_explores(&self, explores: bool) {
        self.explores.store(explores, Relaxed);
    }

    /// Returns whether the bubble's goroutines take turns.
    #[inline(always)]
    pub(crate) fn explores(&self) -> bool {
        self.explores.load(Relaxed)
    }

    /// Records that the goroutines left in the bubble will never run, so that they are no longer
    /// listed. The keeper calls this.
    pub(crate) fn give_up(&self) {
        self.is_given_up.store(true, Relaxed);
    }

    /// Returns whether the goroutines left in the bubble will never run, and must not be listed.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Relaxed)
    }
}
