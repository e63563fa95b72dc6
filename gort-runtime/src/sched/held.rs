//! Goroutines on hold: what `hogs.rs` decides, and the Ms find.
//!
//! A suspect bears the number of the epoch in which it was started. One number says who is on hold
//! now: the *bar*; every suspect of its epoch or an earlier one is.
//!
//! An M that has taken such a suspect out of a queue puts it on hold under the scheduler's lock, and
//! after it has looked at the bar again there. Sysmon, which alone moves the bar, does so under the same
//! lock, and submits those whom it leaves below. So nobody stays on hold whom the bar lets pass.

use crate::base::prim::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::sched::state::SCHED;
use crate::sched::submit::wakep;
use std::ptr::NonNull;

/// In `G::suspect`: none.
pub(crate) const CLEARED: u64 = 0;
/// In `G::suspect`: it has computed for long, and may come back. Only [`ALL`] holds it.
pub(crate) const HAS_COMPUTED: u64 = u64::MAX;
/// As a bar: nobody is on hold.
pub(crate) const NOBODY: u64 = 0;
/// As a bar: every suspect is on hold.
pub(crate) const ALL: u64 = u64::MAX;

/// What every M reads and sysmon rarely writes: on a line of its own.
#[repr(align(128))]
struct Words {
    bar: AtomicU64,
    epoch: AtomicU64,
}

static WORDS: Words = Words {
    bar: AtomicU64::new(NOBODY),
    epoch: AtomicU64::new(1),
};

/// Who is on hold; part of what the scheduler's lock protects.
pub(crate) struct Held {
    /// The epoch up to which all are *barred*: they stay for the whole of a hold.
    barred: u64,
    old: GQueue,
    /// Those above, who wait for a verdict, or for the hogs to become fewer.
    young: GQueue,
}

impl Held {
    pub(crate) const fn new() -> Self {
        Self {
            barred: 0,
            old: GQueue::new(),
            young: GQueue::new(),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.old.len() + self.young.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.old.is_empty() && self.young.is_empty()
    }
}

/// The present epoch. Seen late, a newcomer passes for one a little older.
#[inline]
pub(crate) fn epoch() -> u64 {
    WORDS.epoch.load(Relaxed)
}

/// Sysmon: begins an epoch.
pub(crate) fn next_epoch() {
    WORDS.epoch.store(epoch() + 1, Relaxed);
}

/// Whether anybody is on hold. Seen late, a suspect more is tried.
#[inline]
pub(crate) fn is_holding() -> bool {
    WORDS.bar.load(Relaxed) != NOBODY
}

/// For an M that has taken `gp` out of a queue: true if it is a suspect and on hold now. The
/// `coin` decides at which end of the queue.
#[cold]
pub(crate) fn put_on_hold(gp: NonNull<G>, coin: u32) -> bool {
    // SAFETY: the caller took `gp` out of a queue: it is ours.
    let suspect = unsafe { gp.as_ref() }.suspect.load(Relaxed);
    if suspect == CLEARED || suspect > WORDS.bar.load(Relaxed) {
        return false;
    }
    let shared = SCHED.shared.lock();
    if suspect > WORDS.bar.load(Relaxed) {
        return false;
    }
    let held = &shared.held;
    let queue = if suspect <= held.barred {
        &held.old
    } else {
        &held.young
    };
    if coin.is_multiple_of(2) {
        queue.push_back(gp);
    } else {
        queue.push_front(gp);
    }
    true
}

/// Sysmon: moves the bar, which is [`NOBODY`] or not below `barred`, and submits those whom it
/// leaves: the young ones first.
pub(crate) fn set_bar(bar: u64, barred: u64) {
    {
        let mut shared = SCHED.shared.lock();
        let before = WORDS.bar.load(Relaxed);
        shared.held.barred = barred;
        WORDS.bar.store(bar, Relaxed);
        // Under the same lock: in no queue, with all Ms asleep, they would pass for a deadlock.
        if bar < before {
            shared.runq.append(&shared.held.young);
        }
        if bar == NOBODY {
            shared.runq.append(&shared.held.old);
        }
        SCHED.publish_runqsize(&shared);
    }
    fence(SeqCst);
    wakep();
}
