//! Records waits, for the profiles of blocking and of locks.
//!
//! A goroutine that has waited records its own wait when it runs again. It holds no lock of the
//! runtime then. A goroutine that unlocks records the waits of those that it kept waiting, after it
//! has woken one of them.
//!
//! While nothing is recorded this costs a load and a branch, and only where a goroutine parks or
//! where a lock has waiters.

use crate::base::prim::{Ordering::Relaxed, hint::AtomicU64};
use crate::os;
use crate::proc::g::G;
use crate::proc::p::{GOLDEN, mix};
use crate::proc::waitreason::WaitReason;
use crate::report::callers::addresses_here;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One sample is taken for this many nanoseconds of waiting. 0 means that none is taken.
static RATE: AtomicU64 = AtomicU64::new(0);

/// The waits of goroutines, by the place where each waited.
pub(super) static BLOCKED: Recorded = Recorded::new();
/// The waits that holders of locks have caused, by the place of the unlocking.
pub(super) static HELD: Recorded = Recorded::new();

/// A table of the waits recorded so far.
pub(super) struct Recorded(Mutex<Option<HashMap<WaitPlace, Waits>>>);

/// The place that a recorded wait is charged to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct WaitPlace {
    /// Return addresses, innermost first.
    pub(super) addresses: Box<[usize]>,
    /// What the waiter waited for, in the words of dumps, and where. `None` if the place is that of
    /// an unlocking.
    pub(super) wait: Option<(&'static str, &'static Location<'static>)>,
}

/// A number of waits, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waits {
    pub(super) count: u64,
    pub(super) nanoseconds: u64,
}

impl Recorded {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns everything that has been recorded.
    pub(super) fn all(&self) -> Vec<(WaitPlace, Waits)> {
        let table = self.lock();
        let all = table.iter().flatten();
        all.map(|(place, waits)| (place.clone(), *waits)).collect()
    }

    fn add(&self, place: WaitPlace, waits: Waits) {
        let mut table = self.lock();
        let sum = table.get_or_insert_default().entry(place).or_default();
        sum.count = sum.count.saturating_add(waits.count);
        sum.nanoseconds = sum.nanoseconds.saturating_add(waits.nanoseconds);
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<WaitPlace, Waits>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn set_rate(nanoseconds: u64) {
    RATE.store(nanoseconds, Relaxed);
}

pub(super) fn rate() -> u64 {
    RATE.load(Relaxed)
}

/// Returns the time if waits are recorded, and otherwise 0. The caller is about to wait.
///
/// The time is real time, in a bubble too. It has nothing to do with the bubble's clock.
#[doc(hidden)]
#[inline(always)]
#[must_use]
pub fn wait_begins() -> u64 {
    if RATE.load(Relaxed) == 0 {
        return 0;
    }
    now()
}

#[cold]
fn now() -> u64 {
    os::now_ns().max(1)
}

/// Records that `g`, the running goroutine, has waited. `began` is what [`wait_begins`] returned.
#[inline(always)]
pub(crate) fn has_waited(g: &G, began: u64) {
    if began != 0 {
        record_wait(g, began);
    }
}

#[cold]
#[inline(never)]
fn record_wait(g: &G, began: u64) {
    let (reason, Some(site)) = (g.reason(), g.site()) else {
        return;
    };
    // As in Go, waits for other goroutines count. Waits for time or for the outside world do not.
    if !is_for_others(reason) {
        return;
    }
    let waited = os::now_ns().saturating_sub(began);
    if let Some(waits) = sampled(1, waited, rate(), random()) {
        let place = WaitPlace {
            addresses: addresses_here(),
            wait: Some((reason.words(), site)),
        };
        BLOCKED.add(place, waits);
    }
}

fn is_for_others(reason: WaitReason) -> bool {
    use WaitReason::{ChildWait, IoWait, Readable, Sleep, Writable};
    !matches!(reason, Sleep | IoWait | Readable | Writable | ChildWait)
}

/// Records that the caller kept others waiting. It has unlocked what `waiters` goroutines waited
/// for. `nanoseconds` is the sum of their waits, each since its [`wait_begins`] or since the
/// previous unlocking.
#[doc(hidden)]
#[cold]
#[inline(never)]
pub fn kept_waiting(waiters: u64, nanoseconds: u64) {
    if let Some(waits) = sampled(waiters, nanoseconds, rate(), random()) {
        let place = WaitPlace {
            addresses: addresses_here(),
            wait: None,
        };
        HELD.add(place, waits);
    }
}

/// Returns what to record of these waits, if anything. A wait that is shorter than the rate is
/// recorded with the probability `nanoseconds / rate`, and then counts for `rate / nanoseconds`
/// waits. So the sums are right on average.
fn sampled(count: u64, nanoseconds: u64, rate: u64, random: u64) -> Option<Waits> {
    if rate == 0 || count == 0 {
        return None;
    }
    let nanoseconds = nanoseconds.max(1);
    if nanoseconds >= rate {
        return Some(Waits { count, nanoseconds });
    }
    (random % rate < nanoseconds).then(|| Waits {
        count: scaled(count, rate, nanoseconds),
        nanoseconds: rate,
    })
}

/// Returns `count * rate / nanoseconds`, rounded.
fn scaled(count: u64, rate: u64, nanoseconds: u64) -> u64 {
    let nanoseconds = u128::from(nanoseconds);
    let all = u128::from(count) * u128::from(rate) + nanoseconds / 2;
    u64::try_from(all / nanoseconds).unwrap_or(u64::MAX)
}

fn random() -> u64 {
    /// The state of splitmix64.
    static STEPS: AtomicU64 = AtomicU64::new(0);
    mix(STEPS.fetch_add(GOLDEN, Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_are_recorded_as_they_are_and_short_ones_on_average() {
        let waits = |count, nanoseconds| Some(Waits { count, nanoseconds });
        assert_eq!(sampled(1, 100, 0, 0), None);
        assert_eq!(sampled(1, 100, 1, 7), waits(1, 100));
        assert_eq!(sampled(3, 100, 100, 99), waits(3, 100));
        assert_eq!(sampled(1, 0, 1, 0), waits(1, 1));
        // One wait in ten is recorded, and counts for ten.
        assert_eq!(sampled(1, 10, 100, 9), waits(10, 100));
        assert_eq!(sampled(1, 10, 100, 10), None);
        assert_eq!(sampled(2, 10, 100, 209), waits(20, 100));
        let most = sampled(1000, 3, u64::MAX, 2);
        assert_eq!(most, waits(u64::MAX, u64::MAX));
        let mut sum = Waits::default();
        for _ in 0..100_000 {
            let waits = sampled(1, 30, 1000, random()).unwrap_or_default();
            sum.count += waits.count;
            sum.nanoseconds += waits.nanoseconds;
        }
        assert!((90_000..110_000).contains(&sum.count), "{sum:?}");
        assert!((2_700_000..3_300_000).contains(&sum.nanoseconds), "{sum:?}");
    }
}
