//! The timers of one P: a 4-ary heap (`quad.rs`), as in Go's `time.go`.
//!
//! A [`Timer`] lies on the stack of the goroutine that waits for it, or in a `Timed`
//! (`life/timed.rs`), for which a new goroutine is started. The heap holds the timer's time and
//! address. Any M may add timers to its own P's heap, remove a timer from the heap it was added to,
//! and run the due timers of any heap.
//!
//! # Invariants
//! 1. `pos` and the heap are touched only under the heap's lock. A timer is in the heap exactly
//!    when `pos != OUT`.
//! 2. A timer is taken out before its `expire` is called, and `expire` runs under the lock. So a
//!    goroutine that removes its timer afterwards (taking the lock) knows that the timer is no
//!    longer in use. A goroutine that was woken because `expire` won knows it without the lock,
//!    because `run` reads everything it needs before it calls `expire`.
//! 3. `next` is the time of the earliest timer, or 0 if there is none. It is written under the
//!    lock. A timer whose time never comes (`clock.rs`) does not count.
//! 4. All other fields of a timer are written by its owner, while the timer is in no heap.
//! 5. A timer that starts a goroutine is taken out only by a caller that has a record for it, so
//!    every such timer that is taken out is called. A caller that gets no record puts the timer off
//!    in place. Until it is taken out, it can be cancelled and counts as armed.
//!
//! # Orderings
//! `next` is a hint for other threads. A goroutine that adds an earliest timer publishes `next`,
//! then checks whether the timekeeper sleeps too long (`wake_for_timer` in `sched/submit.rs`). An M
//! that is about to sleep publishes the time until which it sleeps, then reads every `next`
//! (`stopm` in `sched/stop.rs`). Both execute a full fence in between.

use super::never_comes;
use super::quad::{Entry, OUT, Placed, count_before, sift_down, sift_up, take_out};
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
    pos: Cell<usize>,
    home: Cell<*const Timers>,
}

/// What happens when the time has come.
#[derive(Clone, Copy, Debug)]
enum What {
    Nothing,
    /// `gp` is made ready if `expire(arg)` returns true, which means that it has won the right to
    /// wake `gp`. `expire` is called once, under the heap's lock, by the thread that takes the due
    /// timer out.
    Wake {
        gp: NonNull<G>,
        expire: unsafe fn(*const ()) -> bool,
        arg: *const (),
    },
    Start(Start),
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
    /// Called in a goroutine instead of `make`, if the goroutine will not be started.
    pub(crate) give_up: unsafe fn(*const ()),
    /// The argument of `give_up`, and what the new goroutine calls.
    pub(crate) arg: *const (),
    /// The root of the goroutine that armed the timer (`Lineage::root`). `site` says where it was
    /// armed.
    pub(crate) root: Option<u64>,
    pub(crate) bubble: Option<&'static Bubble>,
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
            pos: Cell::new(OUT),
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
        timer.what.set(What::Wake { gp, expire, arg });
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

/// A timer in a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed(NonNull<Timer>);

impl Placed for Listed {
    fn set_pos(self, pos: usize) {
        // SAFETY: only `add` creates a `Listed`, and only the heap holds it. The heap's functions
        // call this under the heap's lock, for the last time when they take the timer out. Until
        // then the timer stays in place, and only the holder of the lock touches `pos`: first
        // clause of `add`.
        unsafe { self.0.as_ref() }.pos.set(pos);
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
    heap: Lock<Vec<Entry<Listed>>>,
}

// SAFETY: the heap's pointers are to timers that stay in place until they have been taken out
// (`add`). Any holder of the lock may touch their `pos` and read the rest (invariants 1 and 4), so
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
                heap: Lock::ranked(Rank::Timers, Vec::new()),
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
        count_before(&self.heap.lock(), 0, limit, most)
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
        let entry = Entry {
            when: timer.when.get(),
            what: Listed(NonNull::from(timer)),
        };
        heap.push(entry);
        let pos = heap.len() - 1;
        sift_up(&mut heap, pos);
        let earliest = heap[0].what == entry.what;
        if earliest {
            self.publish(&heap);
        }
        earliest && !never_comes(entry.when)
    }

    /// Takes `timer` out. Returns `true` if it was in the heap.
    fn remove(&self, timer: &Timer) -> bool {
        let mut heap = self.heap.lock();
        let pos = timer.pos.get();
        if pos == OUT {
            return false;
        }
        take_out(&mut heap, pos);
        self.publish(&heap);
        true
    }

    /// Takes out the timers that are due at `now`, in the order of their times, and appends the
    /// goroutines to wake to `woken`. Stops when `woken` has `most` goroutines, and at a timer that
    /// starts a goroutine, for which the caller needs a record.
    pub(crate) fn run(&self, now: u64, most: u32, has_record: bool, woken: &GQueue) -> Ran {
        let mut heap = self.heap.lock();
        let mut ran = Ran::Enough;
        while woken.len() < most
            && let Some(first) = heap.first().copied()
            && first.when <= now
        {
            // SAFETY: a timer in the heap stays in place, and its owner does not touch it: first
            // clause of `add`.
            let what = unsafe { first.what.0.as_ref() }.what.get();
            if matches!(what, What::Start(_)) && !has_record {
                ran = Ran::NeedsRecord;
                break;
            }
            take_out(&mut heap, 0);
            match what {
                What::Nothing => {}
                // SAFETY: second clause of `add`: we have taken the timer out, under the lock
                // (invariant 2), so no other thread calls `expire`. The timer is not used from here
                // on: if `expire` returns true, its owner may return as soon as it has been made
                // ready.
                What::Wake { gp, expire, arg } => unsafe {
                    if expire(arg) {
                        woken.push_back(gp);
                    }
                },
                What::Start(start) => {
                    ran = Ran::Start(start);
                    break;
                }
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
        // SAFETY: a timer in the heap stays in place, and its owner does not touch it: first clause
        // of `add`.
        let start = unsafe { heap.first()?.what.0.as_ref() }.start();
        if start.is_some() {
            take_out(&mut heap, 0);
            self.publish(&heap);
        }
        start
    }

    /// Calls `show` with every timer that starts a goroutine, and its time. `show` runs under the
    /// heap's lock, and may only take locks of rank `Leaf`.
    pub(crate) fn each_start(&self, mut show: impl FnMut(u64, &Start)) {
        for entry in self.heap.lock().iter() {
            // SAFETY: a timer in the heap stays in place, and its owner does not touch it: first
            // clause of `add`.
            if let Some(start) = unsafe { entry.what.0.as_ref() }.start() {
                show(entry.when, &start);
            }
        }
    }

    /// Puts the earliest timer off to `until`, if it is due and starts a goroutine.
    pub(crate) fn put_off(&self, now: u64, until: u64) {
        let mut heap = self.heap.lock();
        if let Some(first) = heap.first_mut()
            && first.when <= now
            // SAFETY: a timer in the heap stays in place, and its owner does not touch it: first
            // clause of `add`.
            && let What::Start(_) = unsafe { first.what.0.as_ref() }.what.get()
        {
            first.when = until;
            sift_down(&mut heap, 0);
            self.publish(&heap);
        }
    }

    fn publish(&self, heap: &[Entry<Listed>]) {
        let next = heap.first().map_or(0, |first| first.when);
        self.next
            .store(if never_comes(next) { 0 } else { next }, Release);
        #[cfg(gort_threads)]
        if heap.is_empty() {
            self.note.wake();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// # Safety
    /// Always safe to call.
    unsafe fn yes(_: *const ()) -> bool {
        true
    }

    #[test]
    fn timers_come_out_in_order_whatever_is_removed_between() {
        let g = NonNull::<G>::dangling();
        let timers = Timers::new();
        let mut seed = 42u64;
        let mut random = || {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            seed >> 33
        };
        let all: Vec<Timer> = (0..1000)
            .map(|_| Timer::waking(1 + random() % 5000, g, yes, ptr::null()))
            .collect();
        for t in &all {
            // SAFETY: `all` outlives the heap's use; nothing is called, as the heap is not run.
            unsafe { timers.add(t) };
        }
        for t in all.iter().step_by(3) {
            t.cancel();
        }
        for limit in [0, 1, 5, 50, 500, u64::MAX] {
            let heap = timers.heap.lock();
            let all = heap.iter().filter(|entry| entry.when < limit).count();
            drop(heap);
            for most in [0, 1, 4, 100, 2000] {
                assert_eq!(timers.count_before(limit, most), all.min(most), "{limit}");
            }
        }
        let mut due = 0;
        let mut last = 0;
        while timers.next() != 0 {
            let next = timers.next();
            assert!(next > last, "the earliest time only grows");
            last = next;
            // `run` would put the dangling Gs into a queue and so touch them, so look at the heap
            // instead.
            let mut heap = timers.heap.lock();
            while let Some(first) = heap.first()
                && first.when <= next
            {
                assert_eq!(first.when, next, "nobody was due earlier");
                take_out(&mut heap, 0);
                due += 1;
            }
            timers.publish(&heap);
        }
        assert_eq!(due, 1000 - 334);
    }

    /// # Safety
    /// Always safe to call.
    unsafe fn never_made(_: &Start, _: NonNull<G>, _: u64) {
        unreachable!("nobody has a stack");
    }

    /// # Safety
    /// Always safe to call.
    unsafe fn give_up(_: *const ()) {
        unreachable!("they are cancelled");
    }

    fn starting(when: u64) -> Timer {
        let timer = Timer::new();
        let start = Start {
            make: never_made,
            arg: ptr::null(),
            give_up,
            root: None,
            bubble: None,
            site: Location::caller(),
        };
        timer.set_start(when, start);
        timer
    }

    fn run(timers: &Timers, now: u64, has_record: bool) -> Ran {
        timers.run(now, u32::MAX, has_record, &GQueue::new())
    }

    #[test]
    fn what_gets_no_stack_stays_armed_and_delays_nothing_else() {
        let timers = Timers::new();
        let (first, second) = (starting(10), starting(20));
        // SAFETY: both stay in place, and are taken out below. `make` is never called.
        unsafe {
            assert!(timers.add(&second));
            assert!(timers.add(&first));
        }
        assert!(matches!(run(&timers, 9, false), Ran::Enough));
        assert!(matches!(run(&timers, 10, false), Ran::NeedsRecord));
        assert_eq!(timers.next(), 10, "still armed");
        timers.put_off(10, 30);
        assert_eq!(timers.next(), 20);
        timers.put_off(10, 40);
        assert_eq!(timers.next(), 20, "that one is not due");
        assert!(matches!(run(&timers, 30, true), Ran::Start(_)));
        assert!(!second.cancel(), "it is being started");
        assert_eq!(timers.next(), 30);
        assert!(first.cancel());
        assert_eq!(timers.next(), 0);
    }

    #[test]
    fn the_end_of_time_is_no_time() {
        let timers = Timers::new();
        let (never, once) = (starting(u64::MAX), starting(5));
        // SAFETY: both stay in place, and are taken out below. The heap is never run.
        unsafe {
            assert!(!timers.add(&never));
            assert_eq!(timers.next(), 0);
            assert!(timers.add(&once));
        }
        assert_eq!(timers.next(), 5);
        assert!(once.cancel());
        assert_eq!(timers.next(), 0);
        assert!(never.cancel(), "it was pending");
    }
}
