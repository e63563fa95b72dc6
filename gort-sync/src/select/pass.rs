//! The select algorithm. Go's `selectgo`.
//!
//! 0. If some arm looks ready, try those that do and those that do not tell, in random order: without a lock where that
//!    is possible, else under the arm's own. The first that can go, goes. (Not where it has to be the first in source order:
//!    that is a question about all of them.)
//! 1. Lock every channel, in the order of the locks' addresses (so that two selects
//!    over the same channels cannot wait for each other), each lock once.
//! 2. Look at the arms in random order; the first that can go, goes.
//! 3. Otherwise enter every arm's queue, and park; the locks are released on g0.
//! 4. Awake: lock all again, take out the records that are still queued, unlock; then wake
//!    whoever stood behind one of them and can go on now.
//! 5. The chosen arm settles: it may have been promised a value that has yet to come. If it
//!    never comes, or the arm was woken by a close, which every look sees, again from 1.
//!
//! Step 0 may choose any arm that is ready when it is tried, as no order is promised; it never says that none is.
//! With every channel locked the arms are examined at one moment: if at each instant
//! some channel is ready, neither `default` nor a time-out can be chosen. Which of
//! several wakers wins is decided by one compare-and-swap on the [`SelectWord`].
//!
//! Why step 4 locks all before it returns: a waker that lost the word may still hold a
//! lock and look at our record; after we have held that lock it cannot.
//!
//! # Ordering of step 3
//! The records are visible to wakers before the goroutine is parked, but only under
//! locks that `commit` releases after the status is Waiting. `commit` releases them in
//! locking order: after the last one the select may return (it needs that very lock
//! in step 4), so nothing of its stack is touched after that.

use super::arm::{Arm, Look};
use super::case::Case;
use crate::sudog::SelectWord;
use crate::waitlock;
use crate::waitqueue::Wakes;
use gort_runtime::{
    Current, Home, MayWait, Nanos, RawLock, WaitReason, deadline_after, go_on_exiting, now, point,
    random, wait_for_ever,
};
use std::panic::Location;
use std::ptr;
use std::time::Duration;

/// What to do when no arm is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Wait.
    Block,
    /// Wait, as `time::timeout`.
    InTimeout,
    /// Do not wait.
    Default,
    /// Wait for at most this long.
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

/// Which ready arm is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each with equal probability.
    Random,
    /// The first in source order.
    Biased,
}

/// Selects up to this many arms without allocating.
const INLINE: usize = 16;

/// Performs exactly one of `arms` and says which; `None`: nothing was ready (`Default`),
/// or the time was up.
///
/// By value: no arm can be in a second one.
#[track_caller]
#[inline]
pub fn select<const N: usize>(mut arms: [Case<'_>; N], wait: Wait, order: Order) -> Option<usize> {
    // SAFETY: the cases are not used again: they were given by value, and end here.
    unsafe { select_among(&mut arms, wait, order) }
}

/// As [`select`].
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
    // A poll: most find nothing (`compare select_default`).
    if wait == Wait::Default
        && let [arm] = &arms
        && !point::is_exploring()
        && arm.0.look() == Look::Unready
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
    // Where schedules are explored, the choice is the explorer's.
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
        // SAFETY: all locks are held, and on each way from here on all in `wakes` are woken, once no
        // lock is held.
        let ready = poll_order
            .iter()
            .find(|&&i| unsafe { arms[i].0.poll(&wakes) });
        if branch.is_some() {
            point::branched(ready.copied().unwrap_or(n));
        }
        if let Some(&chosen) = ready {
            drop(locked);
            wakes.wake_all();
            // SAFETY: we are the select, and have just chosen this arm, by its `poll`.
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
        // SAFETY: we are the select, and the arm has just been chosen, by whoever won the word.
        if chosen.is_some_and(|chosen| unsafe { arms[chosen].0.settle(site) }) {
            return chosen;
        }
        // Or a time was up, the select's own or that of an arm, or the latter was moved: look
        // again.
    }
}

/// Step 0. `None`: no arm was chosen, which says nothing about any of them.
fn try_alone(arms: &[Case<'_>], site: &'static Location<'static>) -> Option<usize> {
    if arms.len() > u64::BITS as usize {
        return None;
    }
    let (mut ready, mut unknown) = (0u64, 0u64);
    for (i, arm) in arms.iter().enumerate() {
        match arm.0.look() {
            Look::Ready => ready |= 1 << i,
            Look::Unknown => unknown |= 1 << i,
            Look::Unready => {}
        }
    }
    while ready != 0 {
        let i = any_of(ready | unknown);
        ready &= !(1 << i);
        unknown &= !(1 << i);
        let arm = &arms[i].0;
        // SAFETY: we are the select, and have chosen no arm: with the first that is, the loop ends.
        let chosen = unsafe { arm.try_unlocked() }.unwrap_or_else(|| poll_under_its_lock(*arm));
        if chosen {
            // SAFETY: we are the select, and have just chosen this arm.
            return unsafe { arm.settle(site) }.then_some(i);
        }
    }
    None
}

/// The number of one of the bits that are set, at random.
fn any_of(mut bits: u64) -> usize {
    if bits & (bits - 1) != 0 {
        for _ in 0..random_below(bits.count_ones()) {
            bits &= bits - 1;
        }
    }
    bits.trailing_zeros() as usize
}

/// Polls an arm whose lock is not held, with no other lock held either.
fn poll_under_its_lock(arm: &dyn Arm) -> bool {
    let wakes = Wakes::new();
    let lock = arm.lock().map(ptr::from_ref);
    let locked = Locks(lock.as_slice()).lock();
    // SAFETY: the lock is held, and all in `wakes` are woken, once it is not.
    let ready = unsafe { arm.poll(&wakes) };
    drop(locked);
    wakes.wake_all();
    ready
}

/// On whose account a select of these arms waits, and until when at most.
///
/// In a bubble, the wait is durable if each of its arms is. If not, the bubble's clock stands: no time on
/// that will come, but the others may.
fn limit_of(arms: &[Case<'_>], deadline: Option<Nanos>) -> (Home, Option<Nanos>) {
    let here = Home::here();
    if here != Home::OUTSIDE {
        return limit_in_bubble(here, arms, deadline);
    }
    let due = arms.iter().filter_map(|arm| arm.0.due()).min();
    (here, due.into_iter().chain(deadline).min())
}

/// The same, for a goroutine of the bubble `here`.
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

/// What reports say of whoever waits.
#[derive(Clone, Copy)]
struct Account {
    reason: WaitReason,
    site: &'static Location<'static>,
}

/// Steps 3 and 4, under the locks under which no arm was found ready; afterwards they are not held.
/// `None`: `until` came, or has to be asked for again.
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
    // Has all it uses by value: where there is no lock to hold it back, the select may be over, woken
    // by the time, before `commit` has run.
    let commit = move || {
        drop(locked);
        wakes.wake_all();
        true
    };
    // SAFETY: the locks are held since each `poll` said no. The arms are in no queue: this is the
    // first time, or `dequeue` has been called below since the last. Wakers see the records only under
    // the locks, which `commit` releases (see the header); whoever takes one out and wins the word,
    // or wins it because a time is up, wakes us, once. Arms and word stay in place until every record
    // is out, below, where the locks are held again. (An arm without a lock has no queue.)
    unsafe {
        // In random order too: among arms on one channel the first in its queue wins.
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
        arm.0.left();
    }
    word.winner()
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize]) {
    for i in (1..order.len()).rev() {
        order.swap(i, random_below(i as u32 + 1) as usize);
    }
}

fn random_below(n: u32) -> u32 {
    ((u64::from(random()) * u64::from(n)) >> 32) as u32
}

/// Whether the lock `a` is taken before `b`: by their addresses.
#[cfg(not(loom))]
fn precedes(a: *const RawLock, b: *const RawLock) -> bool {
    a < b
}

/// In a model by their age: each execution must take the same steps, and what other tests allocate meanwhile may
/// change the order of addresses.
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
            // Selects are small: insertion, not sorting.
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
        for &lock in self.0 {
            // SAFETY: `of` was given references, which the arms borrow for as long as they live; and
            // they outlive the select.
            unsafe { &*lock }.lock();
        }
        Locked(self)
    }
}

/// All of them are held, until this is dropped.
struct Locked<'a>(Locks<'a>);

impl Drop for Locked<'_> {
    /// Releases all, in order. Reads nothing of the slice after the last release.
    fn drop(&mut self) {
        let all = self.0.0;
        for &lock in all {
            // SAFETY: a `Locked` is made by `lock`, which took them all. Each is still there: the select
            // may go on elsewhere meanwhile (`commit`), but is not over before it has taken this lock
            // once more; and until then the arms borrow the lock's object.
            unsafe { (*lock).unlock() };
        }
    }
}
