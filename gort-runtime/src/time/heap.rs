//! The timers of one P: a 4-ary heap, as in Go's `time.go`.
//!
//! A [`Timer`] lies on the stack of the goroutine that waits for it, or in what is to be called in
//! a new goroutine (`life/timed.rs`); the heap holds its time and its address. Any M may add to its
//! own P's heap, remove from whichever heap it added to, and run what is due in any heap.
//!
//! # Invariants
//! 1. `pos` and the heap are touched only under the heap's lock; a timer is in
//!    the heap exactly when `pos != OUT`.
//! 2. A timer is taken out before its `expire` is called, and `expire` runs under
//!    the lock. So a goroutine that removes its timer afterwards (and takes the
//!    lock for it) knows that nobody uses the timer any more; and one that was
//!    woken by `expire` winning knows it without the lock, because `run` reads
//!    everything it needs before it calls `expire`.
//! 3. `next` is the time of the earliest timer, 0 for none; written under the lock. One whose time
//!    never comes (`clock.rs`) does not count.
//! 4. Everything else of a timer is written by its owner while it is in no heap.
//! 5. A timer that starts a goroutine is taken out only by a caller that has a stack for it: what
//!    has been taken out is going to be called. Whoever gets no stack puts the timer off, where
//!    it is; so until then it can be taken back, and counts as armed.
//!
//! # Orderings
//! `next` is a hint for others. A goroutine that adds an earliest timer publishes
//! `next`, then looks whether somebody sleeps too long (`sched/submit.rs`,
//! `wake_for_timer`); an M about to sleep publishes until when, then reads every
//! `next` (`stopm`, in the same file). Both sides put a full fence between.

use super::never_comes;
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

const ARITY: usize = 4;
const OUT: usize = usize::MAX;

/// One wish that something happens at a time.
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
    /// `gp` is made ready if `expire(arg)` answers true (the right to wake it has been won). It is called once, by
    /// whoever takes the timer out as due, under the heap's lock.
    Wake {
        gp: NonNull<G>,
        expire: unsafe fn(*const ()) -> bool,
        arg: *const (),
    },
    Start(Start),
}

/// A goroutine to be started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Makes the goroutine, in a free record and with this id.
    ///
    /// Its contract: it is called with the `Start` that it belongs to, once for each time that the timer was added,
    /// by whoever has taken the timer out of the heap as due; and the record is Idle and the caller's.
    pub(crate) make: unsafe fn(&Start, NonNull<G>, u64),
    /// Called instead of `make`, in a goroutine, if it is not to be started.
    pub(crate) give_up: unsafe fn(*const ()),
    /// What it calls.
    pub(crate) arg: *const (),
    /// Who has armed the timer, and where.
    pub(crate) root: Option<u64>,
    pub(crate) bubble: Option<&'static Bubble>,
    pub(crate) site: &'static Location<'static>,
}

/// What stopped [`Timers::run`].
#[derive(Debug)]
pub(crate) enum Ran {
    /// Nothing more is due, or the limit.
    Enough,
    /// A goroutine is to be started, and the caller has no stack for it.
    NeedsRecord,
    /// This one is to be started now.
    Start(Start),
}

impl Timer {
    /// A timer that is not armed.
    pub(crate) const fn new() -> Self {
        Self {
            when: Cell::new(0),
            what: Cell::new(What::Nothing),
            pos: Cell::new(OUT),
            home: Cell::new(ptr::null()),
        }
    }

    /// A timer that calls `expire(arg)` at `when`, and makes `gp` ready if that
    /// answers true (the right to wake `gp` has been won).
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

    /// From now on a timer that starts a goroutine at `when`. It is in no heap.
    pub(crate) fn set_start(&self, when: u64, start: Start) {
        self.when.set(when);
        self.what.set(What::Start(start));
    }

    /// What it was last to start. It is in no heap, or the caller has the heap's lock.
    pub(crate) fn start(&self) -> Option<Start> {
        match self.what.get() {
            What::Start(start) => Some(start),
            _ => None,
        }
    }

    /// Takes the timer back; true if it had not fired.
    pub(crate) fn cancel(&self) -> bool {
        // SAFETY: null, or the heap that the timer was last added to: one of the Ps', which live for ever
        // (`sched/allp.rs`), or a test's, which outlives its timers.
        unsafe { self.home.get().as_ref() }.is_some_and(|home| home.remove(self))
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    when: u64,
    timer: NonNull<Timer>,
}

/// The timers of one P.
#[derive(Debug)]
pub(crate) struct Timers {
    next: AtomicU64,
    /// Where the thread sleeps that looks after them, if there is one (`threads/sched/clock.rs`): it is woken when there is no
    /// timer left.
    #[cfg(gort_threads)]
    pub(crate) note: crate::base::note::Note,
    heap: Lock<Vec<Entry>>,
}

// SAFETY: the heap's pointers are to timers that stay in place until they have been taken out (`add`), and of which
// anyone who has the lock may touch `pos`, and read the rest (invariants 1 and 4); so they may be in any thread's hands.
unsafe impl Send for Timers {}
// SAFETY: for the same reason; and whoever shares it gets at them only by the lock. `next` is atomic.
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

    /// Time of the earliest timer, 0 for none.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Acquire)
    }

    /// Adds `timer`, which is in no heap; true if it is now the earliest.
    ///
    /// # Safety
    /// - `*timer` stays in place, and its owner changes nothing of it, until it has fired or `cancel` has
    ///   returned. (Nor does anybody else touch its cells without this heap's lock.)
    /// - Until then any thread may do, at its time, what it is for: call `expire(arg)`, which answers true only if
    ///   it has won the right to wake `gp`, which then is Waiting; or have `make` called.
    pub(crate) unsafe fn add(&self, timer: &Timer) -> bool {
        timer.home.set(self);
        let mut heap = self.heap.lock();
        let entry = Entry {
            when: timer.when.get(),
            timer: NonNull::from(timer),
        };
        heap.push(entry);
        let pos = heap.len() - 1;
        sift_up(&mut heap, pos);
        let earliest = heap[0].timer == entry.timer;
        if earliest {
            self.publish(&heap);
        }
        earliest && !never_comes(entry.when)
    }

    /// Takes `timer` out; true if it was in.
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

    /// Takes out what is due at `now`, in the order of their times, until `woken`, to which
    /// goroutines go that are to be made ready, has `most`; stops at a goroutine that is to be
    /// started, which the caller needs a stack for.
    pub(crate) fn run(&self, now: u64, most: u32, has_record: bool, woken: &GQueue) -> Ran {
        let mut heap = self.heap.lock();
        let mut ran = Ran::Enough;
        while woken.len() < most
            && let Some(first) = heap.first().copied()
            && first.when <= now
        {
            // SAFETY: a timer in the heap is in place, and its owner leaves it alone: first clause of `add`.
            let what = unsafe { first.timer.as_ref() }.what.get();
            if matches!(what, What::Start(_)) && !has_record {
                ran = Ran::NeedsRecord;
                break;
            }
            take_out(&mut heap, 0);
            match what {
                What::Nothing => {}
                // SAFETY: second clause of `add`: we have taken it out, under the lock (invariant 2), so nobody
                // else calls it. Nothing of the timer is used from here on: if `expire` answers true its owner
                // may return as soon as it has been made ready.
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

    /// Takes out any timer that starts a goroutine, which is the caller's to give up. Nobody waits for the others.
    pub(crate) fn take_start(&self) -> Option<Start> {
        let mut heap = self.heap.lock();
        // SAFETY: a timer in the heap is in place, and its owner leaves it alone: first clause of `add`.
        let start = unsafe { heap.first()?.timer.as_ref() }.start();
        if start.is_some() {
            take_out(&mut heap, 0);
            self.publish(&heap);
        }
        start
    }

    /// If the earliest timer is due and starts a goroutine, puts it off until then.
    pub(crate) fn put_off(&self, now: u64, until: u64) {
        let mut heap = self.heap.lock();
        if let Some(first) = heap.first_mut()
            && first.when <= now
            // SAFETY: a timer in the heap is in place, and its owner leaves it alone: first clause of `add`.
            && let What::Start(_) = unsafe { first.timer.as_ref() }.what.get()
        {
            first.when = until;
            sift_down(&mut heap, 0);
            self.publish(&heap);
        }
    }

    fn publish(&self, heap: &[Entry]) {
        let next = heap.first().map_or(0, |first| first.when);
        self.next
            .store(if never_comes(next) { 0 } else { next }, Release);
        #[cfg(gort_threads)]
        if heap.is_empty() {
            self.note.wake();
        }
    }
}

fn place(heap: &mut [Entry], pos: usize, entry: Entry) {
    heap[pos] = entry;
    // SAFETY: an entry's timer is in place while it is in the heap, and its `pos` is that of whoever has the lock:
    // first clause of `add`.
    unsafe { entry.timer.as_ref() }.pos.set(pos);
}

fn sift_up(heap: &mut [Entry], mut pos: usize) {
    let entry = heap[pos];
    while pos > 0 {
        let parent = (pos - 1) / ARITY;
        if heap[parent].when <= entry.when {
            break;
        }
        place(heap, pos, heap[parent]);
        pos = parent;
    }
    place(heap, pos, entry);
}

fn sift_down(heap: &mut [Entry], mut pos: usize) {
    let entry = heap[pos];
    loop {
        let first = pos * ARITY + 1;
        let children = first..(first + ARITY).min(heap.len());
        let Some(least) = children.min_by_key(|&i| heap[i].when) else {
            break;
        };
        if entry.when <= heap[least].when {
            break;
        }
        place(heap, pos, heap[least]);
        pos = least;
    }
    place(heap, pos, entry);
}

fn take_out(heap: &mut Vec<Entry>, pos: usize) {
    let gone = heap.swap_remove(pos);
    // SAFETY: the timer was in the heap until now, and we have the lock: in place, and its `pos` ours, until we let
    // go of that (first clause of `add`).
    unsafe { gone.timer.as_ref() }.pos.set(OUT);
    if pos < heap.len() {
        sift_down(heap, pos);
        sift_up(heap, pos);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// # Safety
    /// It asks for nothing.
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
        let mut due = 0;
        let mut last = 0;
        while timers.next() != 0 {
            let next = timers.next();
            assert!(next > last, "the earliest time only grows");
            last = next;
            // `ready` links real Gs, so look at the heap instead of running it.
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
    /// It asks for nothing.
    unsafe fn never_made(_: &Start, _: NonNull<G>, _: u64) {
        unreachable!("nobody has a stack");
    }

    /// # Safety
    /// It asks for nothing.
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
    fn what_gets_no_stack_stays_armed_and_holds_up_nobody() {
        let timers = Timers::new();
        let (first, second) = (starting(10), starting(20));
        // SAFETY: both stay, and are taken out below; nobody calls `make`.
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
        // SAFETY: both stay, and are taken out below; nobody runs the heap.
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
