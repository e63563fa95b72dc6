//! The keeper of a bubble: the goroutine that acts when no goroutine in the bubble can run.
//!
//! The keeper sleeps while any of them can run (`proc/bubble.rs`). In its turn it does the first of
//! these that applies:
//!
//! 1. run the timers that are due at the bubble's current time;
//! 2. wake the goroutine that waits for the others in `synctest::wait`;
//! 3. return, if all goroutines have ended;
//! 4. put the clock forward to the next timer, unless the root has ended;
//! 5. wait a second of real time, if a member waits for a lock: a goroutine outside may hold it;
//! 6. report a deadlock.

use crate::api::handle::JoinHandle;
use crate::bubble::due::queue_due;
use crate::bubble::pool::PooledBubble;
use crate::os;
use crate::proc::bubble::{Bubble, is_only};
use crate::proc::waitreason::WaitReason;
use crate::report::list::goroutines;
use crate::turns::explorer::Keeper;
use crate::wait::park::Current;
use crate::wait::ready::submit_next;
use crate::wait::sleep::sleep;
use crate::wait::waiter::Waiter;
use std::panic::Location;
use std::time::Duration;

/// How long a goroutine outside the bubble may hold a lock before the keeper reports a deadlock.
const GRACE_NS: u64 = 1_000_000_000;
/// Interval at which the keeper checks, during that time, whether a member has been woken.
const CHECK_INTERVAL: Duration = Duration::from_millis(2);

/// Why the keeper's work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All goroutines have ended.
    Empty,
    /// The goroutines that are left can never run.
    Blocked,
    /// The bubble was explored, and the explorer has stopped it.
    Stopped,
}

/// Runs the keeper from its first turn to its last. After the last, the keeper keeps its token.
pub(super) fn run_keeper<T>(
    current: &Current,
    pooled: &'static PooledBubble,
    root: &JoinHandle<T>,
    site: &'static Location<'static>,
) -> End {
    let bubble = &pooled.bubble;
    loop {
        // SAFETY: the thread that hands the keeper the last token finds and wakes it, once for each
        // time that the keeper has released its own token. Releasing it is the last step of
        // `commit` (apart from giving a member its turn), and `commit` returns false if the keeper
        // has kept its token. In an explored bubble, point 2 of `turns/explorer.rs` says which
        // thread finds the keeper.
        unsafe {
            current.park(|| falls_asleep(pooled), WaitReason::SynctestRun, site);
        }
        if bubble.explores() && pooled.explorer.verdict().is_some() {
            return End::Stopped;
        }
        let tokens = bubble.tokens();
        if !is_only(tokens) {
            // A thread outside has woken a member.
            continue;
        }
        let now = bubble.now();
        let next = pooled.timers.next();
        if next != 0 && next <= now {
            queue_due(&pooled.timers, now);
        } else if let Some(waiter) = bubble.take_waiter() {
            // SAFETY: the word is from `to_word` (`wait`), and only we have taken it out. The
            // waiter's goroutine has parked, because it has released its token.
            unsafe { Waiter::from_word(waiter).ready() };
        } else if bubble.is_empty() {
            return End::Empty;
        } else if next != 0 && !root.is_finished() {
            bubble.set_now(next);
            queue_due(&pooled.timers, next);
        } else if !is_woken_from_outside(bubble, tokens) {
            return End::Blocked;
        }
    }
}

/// Releases the keeper's token. Returns `false` if it was the last token, which the keeper then
/// keeps. Runs on g0.
fn falls_asleep(pooled: &'static PooledBubble) -> bool {
    if !pooled.bubble.explores() {
        return pooled.bubble.release_token().is_none();
    }
    match pooled.explorer.keeper_sleeps(&pooled.bubble) {
        Keeper::StaysAwake => false,
        Keeper::Sleeps(next) => {
            if let Some(next) = next {
                submit_next(next);
            }
            true
        }
    }
}

/// Returns whether a thread outside has woken a member since `tokens` was read. If a member waits
/// for a lock, waits up to the grace period for that to happen.
fn is_woken_from_outside(bubble: &Bubble, tokens: u64) -> bool {
    let by_lock = (bubble.id(), true);
    if tokens == bubble.tokens() && goroutines().iter().any(|info| info.bubble == by_lock) {
        let until = os::now_ns() + GRACE_NS;
        while tokens == bubble.tokens() && os::now_ns() < until {
            sleep(CHECK_INTERVAL);
        }
    }
    tokens != bubble.tokens()
}
