//! The timers of one P: a 4-ary heap, as in Go's `time.go`.
//!
//! A [`Timer`] lies on the stack of the goroutine that waits for it; the heap
//! holds its time and its address. Any M may add to its own P's heap, remove
//! from whichever heap it added to, and run what is due in any heap.
//!
//! # Invariants
//! 1. `pos` and the heap are touched only under the heap's lock; a timer is in
//!    the heap exactly when `pos != OUT`.
//! 2. A timer is taken out before its `expire` is called, and `expire` runs under
//!    the lock. So a goroutine that removes its timer afterwards (and takes the
//!    lock for it) knows that nobody uses the timer any more; and one that was
//!    woken by `expire` winning knows it without the lock, because `run` reads
//!    everything it needs before it calls `expire`.
//! 3. `next` is the time of the earliest timer, 0 for none; written under the lock.
//!
//! # Orderings
//! `next` is a hint for others. A goroutine that adds an earliest timer publishes
//! `next`, then looks whether somebody sleeps too long (`schedule/wake.rs`,
//! `wake_for_timer`); an M about to sleep publishes until when, then reads every
//! `next` (`stopm`, in the same file). Both sides put a full fence between.

use crate::g::G;
use crate::gqueue::GQueue;
use crate::lock::Lock;
use crate::prim::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use std::cell::Cell;
use std::ptr::{self, NonNull};

const ARITY: usize = 4;
const OUT: usize = usize::MAX;

/// One goroutine's wish to be woken at a time.
#[derive(Debug)]
pub(crate) struct Timer {
    when: u64,
    pos: Cell<usize>,
    home: Cell<*const Timers>,
    gp: NonNull<G>,
    expire: unsafe fn(*const ()) -> bool,
    arg: *const (),
}

impl Timer {
    /// A timer that calls `expire(arg)` at `when`, and makes `gp` ready if that
    /// answers true (the right to wake `gp` has been won).
    pub(crate) fn new(
        when: u64,
        gp: NonNull<G>,
        expire: unsafe fn(*const ()) -> bool,
        arg: *const (),
    ) -> Self {
        Self {
            when,
            pos: Cell::new(OUT),
            home: Cell::new(ptr::null()),
            gp,
            expire,
            arg,
        }
    }

    /// Takes the timer back if it has not fired.
    pub(crate) fn cancel(&self) {
        // SAFETY: `home` is null or one of the Ps' heaps, which live for ever.
        if let Some(home) = unsafe { self.home.get().as_ref() } {
            home.remove(self);
        }
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
    heap: Lock<Vec<Entry>>,
}

// SAFETY: the heap's pointers are to timers whose owners are parked until they
// have been taken out (invariant 2); everything else is atomic or locked.
unsafe impl Send for Timers {}
// SAFETY: as above.
unsafe impl Sync for Timers {}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
            heap: Lock::new(Vec::new()),
        }
    }

    /// Time of the earliest timer, 0 for none.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Acquire)
    }

    /// Adds `timer`; true if it is now the earliest.
    ///
    /// # Safety
    /// `*timer` stays in place until it has fired or `cancel` has returned.
    pub(crate) unsafe fn add(&self, timer: &Timer) -> bool {
        timer.home.set(self);
        let mut heap = self.heap.lock();
        let entry = Entry {
            when: timer.when,
            timer: NonNull::from(timer),
        };
        heap.push(entry);
        let pos = heap.len() - 1;
        sift_up(&mut heap, pos);
        let earliest = heap[0].timer == entry.timer;
        if earliest {
            self.next.store(timer.when, Release);
        }
        earliest
    }

    fn remove(&self, timer: &Timer) {
        let mut heap = self.heap.lock();
        let pos = timer.pos.get();
        if pos != OUT {
            take_out(&mut heap, pos);
            self.next.store(heap.first().map_or(0, |e| e.when), Release);
        }
    }

    /// Takes out what is due at `now`; goroutines that became ready go to `ready`.
    pub(crate) fn run(&self, now: u64, ready: &GQueue) {
        let mut heap = self.heap.lock();
        while let Some(first) = heap.first().copied()
            && first.when <= now
        {
            take_out(&mut heap, 0);
            // SAFETY: the timer is ours while we hold the lock (invariant 2).
            // Nothing of it is used after `expire` has answered true: its owner
            // may then return at any moment, once it has been made ready.
            unsafe {
                let Timer {
                    gp, expire, arg, ..
                } = *first.timer.as_ref();
                if expire(arg) {
                    ready.push_back(gp);
                }
            }
        }
        self.next.store(heap.first().map_or(0, |e| e.when), Release);
    }
}

fn place(heap: &mut [Entry], pos: usize, entry: Entry) {
    heap[pos] = entry;
    // SAFETY: an entry's timer is alive while it is in the heap.
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
    // SAFETY: the timer was in the heap until this line.
    unsafe { gone.timer.as_ref() }.pos.set(OUT);
    if pos < heap.len() {
        sift_down(heap, pos);
        sift_up(heap, pos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            .map(|_| Timer::new(1 + random() % 5000, g, yes, ptr::null()))
            .collect();
        for t in &all {
            // SAFETY: `all` outlives the heap's use.
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
            while heap.first().is_some_and(|e| e.when <= next) {
                take_out(&mut heap, 0);
                due += 1;
            }
            timers
                .next
                .store(heap.first().map_or(0, |e| e.when), Release);
        }
        assert_eq!(due, 1000 - 334);
    }
}
