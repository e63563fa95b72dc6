//! The select algorithm. Go's `selectgo`.
//!
//! 0. If the readiness of an arm is `Ready`, try the arms that are `Ready` or `Unknown`, in random
//!    order: without a lock where that is possible, otherwise under the arm's own lock. The first
//!    that is possible is chosen. (This step is skipped if the first ready arm in source order has
//!    to be chosen: to find that arm, the select must examine all arms at one moment. It is also
//!    skipped in an explored schedule, and if there are more than 64 arms.)
//! 1. Lock every channel, each lock once, in the order of the locks' addresses, so that two selects
//!    over the same channels cannot deadlock.
//! 2. Try the arms in random order, or in source order if the select is biased. The first that is
//!    possible is chosen.
//! 3. Otherwise enter every arm's queue, and park. The locks are released on g0.
//! 4. When woken, lock all channels again, remove the records that are still queued, and unlock.
//!    Then wake the waiters that stood behind these records and were served when they left.
//! 5. The chosen arm settles, since it may have been promised a value that is yet to come. If the
//!    value never comes, start again at 1. If the arm was woken by a close, also start again at 1:
//!    every poll sees the close, so step 2 finds the arm.
//!
//! Step 0 may choose any arm that is ready when it is tried, since no order is promised. It never
//! concludes that no arm is ready. With every channel locked, the arms are examined at one moment:
//! if at each instant some channel is ready, neither `default` nor a time-out can be chosen. Which
//! of several wakers wins is decided by one compare-and-swap on the [`SelectWord`].
//!
//! Step 4 must take every lock before the select returns: a waker that lost the word may still hold
//! a lock and read our record. Once we have held that lock, it cannot.
//!
//! # Ordering of step 3
//! Wakers can see the records before the goroutine is parked, but only under locks that `commit`
//! releases after the status is Waiting. `commit` releases them in locking order. After the last
//! release the select may return (it needs that very lock in step 4), so nothing on its stack is
//! touched after that.

use super::arm::{Arm, Readiness};
use super::case::Case;
use crate::sudog::SelectWord;
use crate::waitlock;
use crate::waitqueue::Wakes;
use gort_runtime::{
    Current, Home, MayWait, Nanos, RawLock, WaitReason, deadline_after, go_on_exiting,
    lock_stepping_back, now, point, random, wait_for_ever,
};
use std::panic::Location;
use std::ptr;
use std::time::Duration;

/// What a select does when no arm is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Waits for as long as necessary.
    Block,
    /// Blocks; reports say that the goroutine is in `time::timeout`.
    InTimeout,
    /// Returns without waiting.
    Default,
    /// Waits for at most this long.
    Timeout(Duration),
}

impl Wait {
    fn reason(self) -> WaitReason {
        match self {
            Self::InTimeout => WaitReason::Timeout,
            Self::Block | Self::Timeout(_) | Self::Default => WaitReason::Select,
        }
    }
}

/// Which ready arm a select chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each ready arm with equal probability.
    Random,
    /// The first ready arm in source order.
    Biased,
}

/// A select of up to this many arms does not allocate.
const INLINE: usize = 16;

/// Performs exactly one of `arms` and returns its index. Returns `None` if no arm was ready
/// (`Default`) or the time was up.
///
/// The arms are passed by value, so that none can be used in a second select.
#[track_caller]
#[inline]
pub fn select<const N: usize>(mut arms: [Case<'_>; N], wait: Wait, order: Order) -> Option<usize> {
    // SAFETY: the cases are not used again: they were passed by value and are dropped here.
    unsafe { select_among(&mut arms, wait, order) }
}

/// Like [`select`], for a slice.
///
/// # Safety
/// The cases are not used again.
#[track_caller]
#[inline]
pub(super) unsafe fn select_among(
    arms: &mut [Case<'_>],
    wait: Wait,
    order: Order,
) -> Option<usize> {
    // This is the fast path for a poll of one arm. Most polls find nothing
    // (`compare select_default`).
    if wait == Wait::Default
        && let [arm] = &arms
        && !point::is_exploring()
        && arm.0.readiness() == Readiness::Unready
    {
        return None;
    }
    choose(arms, wait, order, Location::caller())
}

fn choose(
    arms: &mut [Case<'_>],
    wait: Wait,
    order: Order,
    site: &'static Location<'static>,
) -> Option<usize> {
    if arms.len() <= INLINE {
        let mut poll_order = [0; INLINE];
        let mut locks = [const { ptr::null() }; INLINE];
        run(arms, wait, order, &mut poll_order, &mut locks, site)
    } else {
        let mut poll_order = vec![0; arms.len()];
        let mut locks = vec![ptr::null(); arms.len()];
        run(arms, wait, order, &mut poll_order, &mut locks, site)
    }
}

/// Waits for ever: `select! {}`.
#[track_caller]
pub fn block_forever() -> ! {
    wait_for_ever(WaitReason::SelectNoCases)
}

fn run(
    arms: &mut [Case<'_>],
    wait: Wait,
    order: Order,
    poll_order: &mut [usize],
    locks: &mut [*const RawLock],
    site: &'static Location<'static>,
) -> Option<usize> {
    let n = arms.len();
    point::point_of_all("select", site);
    // Where schedules are explored, the explorer makes the choice.
    let branch = match order {
        Order::Random => point::branch(n),
        Order::Biased => None,
    };
    let deadline = match wait {
        Wait::Timeout(d) => Some(deadline_after(d)),
        Wait::Block | Wait::InTimeout | Wait::Default => None,
    };

    let may_wait = if wait == Wait::Default {
        None
    } else {
        let may_wait = MayWait::check(WaitReason::Select);
        go_on_exiting();
        Some(may_wait)
    };
    if order == Order::Random
        && branch.is_none()
        && let Some(chosen) = try_alone(arms, site)
    {
        return Some(chosen);
    }
    let poll_order = &mut poll_order[..n];
    for (i, place) in poll_order.iter_mut().enumerate() {
        *place = i;
    }
    match (order, branch) {
        (_, Some(first)) => poll_order.rotate_left(first),
        (Order::Random, None) => shuffle(poll_order),
        (Order::Biased, None) => {}
    }
    let locks = Locks::of(arms, locks);
    loop {
        let wakes = Wakes::new();
        let locked = locks.lock();
        // SAFETY: all locks are held. On every path from here all waiters in `wakes` are woken once
        // no lock is held.
        let ready = poll_order
            .iter()
            .find(|&&i| unsafe { arms[i].0.poll(&wakes) });
        if branch.is_some() {
            point::branched(ready.copied().unwrap_or(n));
        }
        if let Some(&chosen) = ready {
            drop(locked);
            wakes.wake_all();
            // SAFETY: we are the select, and have just chosen this arm through its `poll`.
            if unsafe { arms[chosen].0.settle(site) } {
                return Some(chosen);
            }
            continue;
        }
        let time_is_up = deadline.is_some_and(|deadline| now() >= deadline);
        let (false, Some(may_wait)) = (time_is_up, may_wait) else {
            drop(locked);
            wakes.wake_all();
            return None;
        };
        let limit = limit_of(arms, deadline);
        let account = Account {
            reason: wait.reason(),
            site,
        };
        let chosen = park(arms, poll_order, locked, wakes, limit, may_wait, account);
        // SAFETY: we are the select, and the arm has just been chosen by the waker that won the
        // word.
        if chosen.is_some_and(|chosen| unsafe { arms[chosen].0.settle(site) }) {
            return chosen;
        }
        // Otherwise the chosen arm did not settle, or the time was up (the select's or an arm's),
        // or an arm's due time has changed: look again.
    }
}

/// Performs step 0. Returns `None` if no arm was chosen; arms may be ready nevertheless.
fn try_alone(arms: &[Case<'_>], site: &'static Location<'static>) -> Option<usize> {
    if arms.len() > u64::BITS as usize {
        return None;
    }
    let (mut ready, mut unknown) = (0u64, 0u64);
    for (i, arm) in arms.iter().enumerate() {
        match arm.0.readiness() {
            Readiness::Ready => ready |= 1 << i,
            Readiness::Unknown => unknown |= 1 << i,
            Readiness::Unready => {}
        }
    }
    while ready != 0 {
        let i = random_bit(ready | unknown);
        ready &= !(1 << i);
        unknown &= !(1 << i);
        let arm = &arms[i].0;
        // SAFETY: we are the select, and have chosen no arm: the loop ends with the first one
        // chosen.
        let chosen = unsafe { arm.try_unlocked() }.unwrap_or_else(|| poll_under_its_lock(*arm));
        if chosen {
            // SAFETY: we are the select, and have just chosen this arm.
            return unsafe { arm.settle(site) }.then_some(i);
        }
    }
    None
}

/// Returns the number of a randomly chosen bit among those that are set.
fn random_bit(mut bits: u64) -> usize {
    if bits & (bits - 1) != 0 {
        for _ in 0..random_below(bits.count_ones()) {
            bits &= bits - 1;
        }
    }
    bits.trailing_zeros() as usize
}

/// Polls an arm whose lock is not held. The caller holds no other lock either.
fn poll_under_its_lock(arm: &dyn Arm) -> bool {
    let wakes = Wakes::new();
    let lock = arm.lock().map(ptr::from_ref);
    let locked = Locks(lock.as_slice()).lock();
    // SAFETY: the lock is held, and all waiters in `wakes` are woken once it is released.
    let ready = unsafe { arm.poll(&wakes) };
    drop(locked);
    wakes.wake_all();
    ready
}

/// Returns the home that a select of these arms waits for, and the time until which it waits at
/// most.
///
/// In a bubble, the wait is durable if each of its arms is. If not, the bubble's clock stands
/// still: no time on that clock will come, but a time on another clock may.
fn limit_of(arms: &[Case<'_>], deadline: Option<Nanos>) -> (Home, Option<Nanos>) {
    let here = Home::here();
    if here != Home::OUTSIDE {
        return limit_in_bubble(here, arms, deadline);
    }
    let due = arms.iter().filter_map(|arm| arm.0.due()).min();
    (here, due.into_iter().chain(deadline).min())
}

/// Does what [`limit_of`] does, for a goroutine of the bubble `here`.
#[cold]
fn limit_in_bubble(
    here: Home,
    arms: &[Case<'_>],
    deadline: Option<Nanos>,
) -> (Home, Option<Nanos>) {
    let dues = || {
        arms.iter()
            .filter_map(|arm| Some((arm.0.home(), arm.0.due()?)))
    };
    let foreign = |home: Home| home != here && home != Home::ANYWHERE;
    if !arms.iter().any(|arm| foreign(arm.0.home())) {
        let by_lock = arms.iter().any(|arm| arm.0.home() == Home::ANYWHERE);
        let home = if by_lock { Home::ANYWHERE } else { here };
        return (home, dues().map(|(_, due)| due).chain(deadline).min());
    }
    let real = dues().filter(|&(home, _)| home == Home::OUTSIDE);
    (Home::KERNEL, real.map(|(_, due)| due).min())
}

/// What reports say about the waiting goroutine.
#[derive(Clone, Copy)]
struct Account {
    reason: WaitReason,
    site: &'static Location<'static>,
}

/// Performs steps 3 and 4. The caller holds the locks under which no arm was found ready; this
/// function releases them. Returns `None` if no arm was chosen: the time `until` has come, or an
/// arm's due time has changed, so that the caller must determine it again.
fn park(
    arms: &[Case<'_>],
    order: &[usize],
    locked: Locked<'_>,
    wakes: Wakes,
    (home, until): (Home, Option<Nanos>),
    may_wait: MayWait,
    account: Account,
) -> Option<usize> {
    let current = Current::also_exiting(may_wait);
    let word = SelectWord::new();
    let locks = locked.0;
    // The closure owns everything that it uses. An arm without a lock holds back no waker: the
    // timer may wake the select, and the select may be over, before `commit` has run.
    let commit = move || {
        drop(locked);
        wakes.wake_all();
        true
    };
    // SAFETY: the locks have been held since every `poll` returned false. The arms are in no queue:
    // either this is the first pass, or the last pass has called `dequeue` below. Wakers see the
    // records only under the locks, which `commit` releases (see the header). A waker that removes
    // a record and wins the word wakes us, and so does a timer that wins the word. The word is won
    // only once. Arms and word stay in place until every record has been removed below, where the
    // locks are held again. (An arm without a lock has no queue.)
    unsafe {
        // The order is random here, too: if several arms wait on one channel, the first in its
        // queue wins.
        for &case in order {
            arms[case].0.enqueue(current.waiter(), &word, case);
        }
        let wait = waitlock::Wait {
            current: &current,
            until,
            home,
            reason: account.reason,
            site: account.site,
        };
        waitlock::park(wait, &word, commit);
        let _locked = locks.lock();
        for arm in arms {
            arm.0.dequeue();
        }
    }
    for arm in arms {
        arm.0.after_dequeue();
    }
    word.winner()
}

/// Shuffles by Fisher and Yates.
fn shuffle(order: &mut [usize]) {
    for i in (1..order.len()).rev() {
        order.swap(i, random_below(i as u32 + 1) as usize);
    }
}

fn random_below(n: u32) -> u32 {
    ((u64::from(random()) * u64::from(n)) >> 32) as u32
}

/// Returns true if the lock `a` is taken before `b`. Locks are ordered by their addresses.
#[cfg(not(loom))]
fn precedes(a: *const RawLock, b: *const RawLock) -> bool {
    a < b
}

/// In a model locks are ordered by their age: each execution must take the same steps, and
/// allocations made by other tests may change the order of addresses.
#[cfg(loom)]
fn precedes(a: *const RawLock, b: *const RawLock) -> bool {
    // SAFETY: `Locks::of` has references to both.
    unsafe { (*a).number() < (*b).number() }
}

/// The locks of a select's arms, each once, in the order in which they are taken.
#[derive(Clone, Copy)]
struct Locks<'a>(&'a [*const RawLock]);

impl<'a> Locks<'a> {
    fn of(arms: &[Case<'_>], room: &'a mut [*const RawLock]) -> Self {
        let mut n = 0;
        for lock in arms.iter().filter_map(|arm| arm.0.lock()) {
            let lock = ptr::from_ref(lock);
            // Selects are small, so each lock is inserted in its place rather than sorted.
            let at = room[..n].partition_point(|&other| precedes(other, lock));
            if at < n && room[at] == lock {
                continue;
            }
            room.copy_within(at..n, at + 1);
            room[at] = lock;
            n += 1;
        }
        Self(&room[..n])
    }

    fn lock(self) -> Locked<'a> {
        for (i, &lock) in self.0.iter().enumerate() {
            // SAFETY: `of` was given references that the arms borrow for their whole lives, and the
            // arms outlive the select.
            let lock = unsafe { &*lock };
            if i == 0 {
                lock_stepping_back(lock);
            } else {
                // Stepping back here would keep other threads from the locks that are already held.
                lock.lock();
            }
        }
        Locked(self)
    }
}

/// All of the locks are held until this is dropped.
struct Locked<'a>(Locks<'a>);

impl Drop for Locked<'_> {
    /// Releases all locks in order. Reads nothing of the slice after the last release.
    fn drop(&mut self) {
        let all = self.0.0;
        for &lock in all {
            // SAFETY: a `Locked` is made by `lock`, which took all of them. Each lock still exists:
            // the select may already continue on another thread (`commit`), but it does not return
            // before it has taken this lock once more, and until then the arms borrow the object
            // that contains the lock.
            unsafe { (*lock).unlock() };
        }
    }
}
