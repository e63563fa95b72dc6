//! The keeper of a bubble: the goroutine that acts when nobody in it can run.
//!
//! It sleeps while anybody in the bubble can run (`proc/bubble.rs`), and in its
//! turn does the first of these that there is to do:
//!
//! 1. what is due at the bubble's present;
//! 2. waking who waits for the others, in `synctest::wait`;
//! 3. going, if all have ended;
//! 4. putting the clock forward to the next timer, unless the root has ended;
//! 5. waiting a second of real time, if a member waits for a lock: somebody outside may have it;
//! 6. reporting a deadlock.

use crate::api::handle::JoinHandle;
use crate::bubble::due::queue_due;
use crate::bubble::pool::Kept;
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

/// How long a lock may be held outside before the bubble counts as dead,
const GRACE_NS: u64 = 1_000_000_000;
/// and how often the keeper looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Why the keeper's work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All goroutines have ended.
    Empty,
    /// Those that are left can never run.
    Blocked,
    /// It was explored, and the explorer has stopped it.
    Stopped,
}

/// The keeper, from the first turn to the last, from which on the hold stays with it.
pub(super) fn see_through<T>(
    current: &Current,
    kept: &'static Kept,
    root: &JoinHandle<T>,
    site: &'static Location<'static>,
) -> End {
    let bubble = &kept.bubble;
    loop {
        // SAFETY: who finds the keeper is who hands it the last hold, once for each time that it has let go of its own:
        // the last step of `commit`, but for giving a member its turn, and it answers false if it has kept it. Where
        // goroutines take turns it is found as `turns/explorer.rs` says, 2.
        unsafe {
            current.park(|| falls_asleep(kept), WaitReason::SynctestRun, site);
        }
        if bubble.explores() && kept.explorer.verdict().is_some() {
            return End::Stopped;
        }
        let holds = bubble.holds();
        if !is_only(holds) {
            // Somebody outside has woken a member.
            continue;
        }
        let now = bubble.now();
        let next = kept.timers.next();
        if next != 0 && next <= now {
            queue_due(&kept.timers, now);
        } else if let Some(waiter) = bubble.take_waiter() {
            // SAFETY: from `to_word` (`wait`), and taken out by us alone; its goroutine has parked, as it has let go of
            // its hold.
            unsafe { Waiter::from_word(waiter).ready() };
        } else if bubble.is_empty() {
            return End::Empty;
        } else if next != 0 && !root.is_finished() {
            bubble.set_now(next);
            queue_due(&kept.timers, next);
        } else if !somebody_comes(bubble, holds) {
            return End::Blocked;
        }
    }
}

/// On g0: the keeper lets go of its hold; false: it was the last.
fn falls_asleep(kept: &'static Kept) -> bool {
    if !kept.bubble.explores() {
        return kept.bubble.let_go().is_none();
    }
    match kept.explorer.keeper_sleeps(&kept.bubble) {
        Keeper::StaysAwake => false,
        Keeper::Sleeps(next) => {
            if let Some(next) = next {
                submit_next(next);
            }
            true
        }
    }
}

/// Whether somebody outside has woken a member since `holds` was read, or wakes one that waits for a lock.
fn somebody_comes(bubble: &Bubble, holds: u64) -> bool {
    let by_lock = (bubble.id(), true);
    if holds == bubble.holds() && goroutines().iter().any(|info| info.bubble == by_lock) {
        let until = os::now_ns() + GRACE_NS;
        while holds == bubble.holds() && os::now_ns() < until {
            sleep(LOOK_EVERY);
        }
    }
    holds != bubble.holds()
}
