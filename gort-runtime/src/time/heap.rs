//! The timers of one P: a 4-ary heap (`quad.rs`), as in Go's `time.go`.
//!
//! A [`Timer`] lies on the stack of the goroutine that waits for it, or, if it starts a new
//! goroutine, in a `Timed` (`life/timed.rs`). The heap holds the timer's time and address. Any M
//! may add timers to its own P's heap, remove a timer from the heap it was added to, and run the
//! due timers of any heap.
//!
//! # Invariants
//! 1. `slot` and the heap are touched only under the heap's lock. A timer is in the heap if and
//!    only if the heap's item in the timer's slot has the timer's address.
//! 2. A timer is taken out before its `expire` is called, under the same lock. So a goroutine that
//!    removes its timer afterwards (taking the lock) knows that the timer is no longer in use. A
//!    goroutine that was woken because `expire` won knows this without the lock, because `run`
//!    reads everything that it needs before it calls `expire`.
//! 3. `next` is the time of the earliest timer, or 0 if there is none. It is written under the
//!    lock. A timer whose time never comes (`clock.rs`) does not count.
//! 4. All other fields of a timer are written by its owner, while the timer is in no heap.
//! 5. A timer that starts a goroutine is taken out only by a caller that has a record for it, so
//!    each such timer that `run` takes out does start its goroutine. A caller that gets no record
//!    puts the timer off and leaves it in the heap. Until a timer is taken out, it can be cancelled
//!    and counts as armed.
//!
//! # Orderings
//! `next` is a hint for other threads. A goroutine that adds an earliest timer publishes `next`,
//! then checks whether the timekeeper sleeps too long (`wake_for_timer` in `sched/submit.rs`). An M
//! that is about to sleep publishes the time until which it sleeps, then reads every `next`
//! (`stopm` in `sched/stop.rs`). Both execute a full fence between the two steps.

use super::never_comes;
use super::quad::{NO_SLOT, Quad};
use crate::arch;
use crate::base::lock::{Lock, Rank};
use crate::base::prim::{
    AtomicU64,
    Ordering::{Acquire, Release},
    const_unless_loom,
};
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::cell::Cell;
use std::panic::Location;
use std::ptr::{self, NonNull};

/// A request to wake or start a goroutine at a certain time.
#[derive(Debug)]
pub(crate) struct Timer {
    when: Cell<u64>,
    what: Cell<What>,
    slot: Cell<u32>,
    home: Cell<*const Timers>,
}

/// What happens when the time has come.
#[derive(Clone, Copy, Debug)]
enum What {
    Nothing,
    Wake(Wake),
    Start(Start),
}

/// Describes a goroutine to wake. `gp` is made ready if `expire(arg)` returns true, which means
/// that it has won the right to wake `gp`. `expire` is called once, under the heap's lock, by the
/// thread that takes the due timer out.
#[derive(Clone, Copy, Debug)]
struct Wake {
    gp: NonNull<G>,
    expire: unsafe fn(*const ()) -> bool,
    arg: *const (),
}

/// Describes a goroutine to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Creates the goroutine, in a free record and with this id.
    ///
    /// Contract: it is called with the `Start` that it belongs to, once for each time that the
    /// timer was added, by the thread that has taken the due timer out of the heap. The record is
    /// Idle and belongs to the caller.
    pub(crate) make: unsafe fn(&Start, NonNull<G>, u64),
    /// Called in another goroutine instead of `make`, if the new goroutine will not be started.
    pub(crate) give_up: unsafe fn(*const ()),
    /// The argument of `give_up`. It also holds what the new goroutine calls.
    pub(crate) arg: *const (),
    /// The root of the goroutine that armed the timer (`Lineage::root`).
    pub(crate) root: Option<u64>,
    pub(crate) bubble: Option<&'static Bubble>,
    /// Where the timer was armed.
    pub(crate) site: &'static Location<'static>,
}

/// Why [`Timers::run`] returned.
#[derive(Debug)]
pub(crate) enum Ran {
    /// No more timers are due, or the limit was reached.
    Enough,
    /// The next due timer starts a goroutine, and the caller has no record for it.
    NeedsRecord,
    /// The caller must start this goroutine now.
    Start(Start),
}

impl Timer {
    /// Creates a timer that is not armed.
    pub(crate) const fn new() -> Self {
        Self {
            when: Cell::new(0),
            what: Cell::new(What::Nothing),
            slot: Cell::new(NO_SLOT),
            home: Cell::new(ptr::null()),
        }
    }

    /// Creates a timer that calls `expire(arg)` at `when`, and makes `gp` ready if `expire` returns
    /// true, which means that it has won the right to wake `gp`.
    pub(crate) fn waking(
        when: u64,
        gp: NonNull<G>,
        expire: unsafe fn(*const ()) -> bool,
        arg: *const (),
    ) -> Self {
        let timer = Self::new();
        timer.when.set(when);
        timer.what.set(What::Wake(Wake { gp, expire, arg }));
        timer
    }

    /// Makes this a timer that starts a goroutine at `when`. The timer is in no heap.
    pub(crate) fn set_start(&self, when: u64, start: Start) {
        self.when.set(when);
        self.what.set(What::Start(start));
    }

    /// Returns the goroutine that the timer was last set to start. The timer is in no heap, or the
    /// caller holds the heap's lock.
    pub(crate) fn start(&self) -> Option<Start> {
        match self.what.get() {
            What::Start(start) => Some(start),
            _ => None,
        }
    }

    /// Removes the timer from its heap. Returns `true` if it had not fired.
    pub(crate) fn cancel(&self) -> bool {
        // SAFETY: `home` is null, or the heap that the timer was last added to. That heap belongs
        // to a P, and Ps live for ever (`sched/allp.rs`), or to a test, where it outlives its
        // timers.
        unsafe { self.home.get().as_ref() }.is_some_and(|home| home.remove(self))
    }
}

/// How many due timers are taken out before the first of their goroutines is touched. The loads of
/// these goroutines' memory then overlap.
///
/// A stack that has not been used for long is in no TLB, and its first use takes 340 ns. Loads that
/// are issued in a loop of their own overlap, and the first use takes 25 ns. (With other work
/// between the loads it takes 160 ns, because a processor does not look far enough ahead.)
const TOGETHER: usize = 16;

/// A timer in a heap. This has everything that is needed to wake the timer's goroutine, because the
/// timer itself is on a cold stack.
#[derive(Clone, Copy, Debug)]
struct Listed {
    timer: NonNull<Timer>,
    /// `None` if the timer starts a goroutine.
    wake: Option<Wake>,
}

impl Listed {
    fn new(timer: &Timer) -> Self {
        Self {
            timer: NonNull::from(timer),
            wake: match timer.what.get() {
                What::Wake(wake) => Some(wake),
                _ => None,
            },
        }
    }

    /// Returns what happens when the time has come.
    ///
    /// # Safety
    /// The timer is in a heap, and the caller holds the heap's lock.
    unsafe fn what(self) -> What {
        // SAFETY: a timer in a heap stays in place, and its owner does not touch it: first clause
        // of `add`.
        unsafe { self.timer.as_ref() }.what.get()
    }

    /// Prefetches the cache lines that the goroutine to wake will touch first: those of its record,
    /// and those of its stack around the timer. The goroutine's context is in that part of the
    /// stack, too.
    #[inline]
    fn prefetch(&self) {
        if let Some(wake) = self.wake {
            let timer = self.timer.as_ptr().cast_const().cast::<u8>();
            let gp = wake.gp.as_ptr().cast_const().cast::<u8>();
            for line in 0..4 {
                arch::prefetch(timer.wrapping_sub(64).wrapping_add(64 * line));
            }
            for line in 0..3 {
                arch::prefetch(gp.wrapping_add(64 * line));
            }
        }
    }
}

/// The timers of one P.
#[derive(Debug)]
pub(crate) struct Timers {
    next: AtomicU64,
    /// The note on which the thread that watches these timers sleeps, if there is such a thread
    /// (`threads/sched/clock.rs`). It is woken when no timer is left.
    #[cfg(gort_threads)]
    pub(crate) note: crate::base::note::Note,
    heap: Lock<Quad<Listed>>,
}

// SAFETY: the heap's pointers are to timers that stay in place until they have been taken out
// (`add`). Any holder of the lock may touch their `slot` and read the rest (invariants 1 and 4), so
// the pointers may go to any thread.
unsafe impl Send for Timers {}
// SAFETY: as argued for `Send`, any thread may use the pointers under the lock, and threads that
// share a `Timers` reach the pointers only through the lock. `next` is atomic.
unsafe impl Sync for Timers {}

impl Timers {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                next: AtomicU64::new(0),
                #[cfg(gort_threads)]
                note: crate::base::note::Note::new(),
                heap: Lock::ranked(Rank::Timers, Quad::new()),
            }
        }
    }

    /// Returns the time of the earliest timer, or 0 if there is none.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Acquire)
    }

    /// Returns how many timers are earlier than `limit`, counting up to `most`.
    pub(crate) fn count_before(&self, limit: u64, most: usize) -> usize {
        let next = self.next();
        if most == 0 || next == 0 || next >= limit {
            return 0;
        }
        self.heap.lock().count_before(limit, most)
    }

    /// Adds `timer`, which is in no heap. Returns `true` if it is now the earliest.
    ///
    /// # Safety
    /// - `*timer` stays in place, and its owner changes nothing in it, until it has fired or
    ///   `cancel` has returned. No other code touches its cells without this heap's lock.
    /// - Until then, when the timer's time has come, any thread may call `expire(arg)` or `make`,
    ///   whichever the timer is for. `expire(arg)` returns true only if it has won the right to
    ///   wake `gp`, which then is Waiting.
    pub(crate) unsafe fn add(&self, timer: &Timer) -> bool {
        timer.home.set(self);
        let mut heap = self.heap.lock();
        let when = timer.when.get();
        let (slot, earliest) = heap.add(when, Listed::new(timer));
        timer.slot.set(slot);
        if earliest {
            self.publish(&heap);
        }
        earliest && !never_comes(when)
    }

    /// Takes `timer` out. Returns `true` if it was in the heap.
    fn remove(&self, timer: &Timer) -> bool {
        let mut heap = self.heap.lock();
        let slot = timer.slot.get();
        if heap
            .get(slot)
            .is_none_or(|listed| listed.timer != NonNull::from(timer))
        {
            return false;
        }
        heap.take_out(slot);
        self.publish(&heap);
        true
    }

    /// Takes out the timers that are due at `now`, in the order of their times, and appends the
    /// goroutines to wake to `woken`. Stops when `woken` has `most` goroutines. It also stops at a
    /// timer that starts a goroutine, because the caller needs a record for that.
    pub(crate) fn run(&self, now: u64, most: u32, has_record: bool, woken: &GQueue) -> Ran {
        let mut heap = self.heap.lock();
        let mut ran = Ran::Enough;
        while woken.len() < most
            && let Some((when, first)) = heap.first()
            && when <= now
        {
            if first.wake.is_some() {
                wake_due(&mut heap, now, most, woken);
                continue;
            }
            // SAFETY: it is in the heap, and we hold the lock.
            let what = unsafe { first.what() };
            if matches!(what, What::Start(_)) && !has_record {
                ran = Ran::NeedsRecord;
                break;
            }
            heap.take_first();
            if let What::Start(start) = what {
                ran = Ran::Start(start);
                break;
            }
        }
        self.publish(&heap);
        ran
    }

    /// Takes out the earliest timer, which starts a goroutine, and returns that goroutine; the
    /// caller must give it up. Returns `None` if there is no timer. (No goroutine waits for a timer
    /// of this heap.)
    pub(crate) fn take_start(&self) -> Option<Start> {
        let mut heap = self.heap.lock();
        let (_, first) = heap.first()?;
        // SAFETY: it is in the heap, and we hold the lock.
        let What::Start(start) = (unsafe { first.what() }) else {
            return None;
        };
        heap.take_first();
        self.publish(&heap);
        Some(start)
    }

    /// Calls `show` with every timer that starts a goroutine, and its time. `show` runs under the
    /// heap's lock, and may only take locks of rank `Leaf`.
    pub(crate) fn each_start(&self, mut show: impl FnMut(u64, &Start)) {
        for (when, listed) in self.heap.lock().iter() {
            if listed.wake.is_none()
                // SAFETY: it is in the heap, and we hold the lock.
                && let What::Start(start) = unsafe { listed.what() }
            {
                show(when, &start);
            }
        }
    }

    /// Puts the earliest timer off to `until`, if it is due and starts a goroutine.
    pub(crate) fn put_off(&self, now: u64, until: u64) {
        let mut heap = self.heap.lock();
        if let Some((when, first)) = heap.first()
            && when <= now
            // SAFETY: it is in the heap, and we hold the lock.
            && let What::Start(_) = unsafe { first.what() }
        {
            heap.put_off_first(until);
            self.publish(&heap);
        }
    }

    fn publish(&self, heap: &Quad<Listed>) {
        let next = heap.first_time().unwrap_or(0);
        self.next
            .store(if never_comes(next) { 0 } else { next }, Release);
        #[cfg(gort_threads)]
        if heap.first_time().is_none() {
            self.note.wake();
        }
    }
}

/// Takes out the next due timers that wake goroutines, and appends those to `woken`, until `woken`
/// has `most`. Takes up to [`TOGETHER`].
fn wake_due(heap: &mut Quad<Listed>, now: u64, most: u32, woken: &GQueue) {
    let room = TOGETHER.min((most - woken.len()) as usize);
    let mut due = [None::<Listed>; TOGETHER];
    for place in &mut due[..room] {
        let Some((_, listed)) = heap.first().filter(|&(when, _)| when <= now) else {
            break;
        };
        if listed.wake.is_none() {
            break;
        }
        heap.take_first();
        *place = Some(listed);
    }
    due.iter().flatten().for_each(Listed::prefetch);
    for Wake { gp, expire, arg } in due.into_iter().flatten().filter_map(|listed| listed.wake) {
        // SAFETY: second clause of `add`: we have taken the timer out, under the lock (invariant
        // 2), so no other thread calls `expire`. The timer is not used from here on: if `expire`
        // returns true, its owner may return as soon as it has been made ready.
        if unsafe { expire(arg) } {
            woken.push_back(gp);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
