//! The timers of one P: a 4-ary heap, as in Go's `time.go`.
//!
//! A [`Timer`] lies on the stack of the goroutine that waits for it. The heap knows its
//! address, its time, and where in the heap it is, so that sorting touches no stack: with
//! 100,000 sleepers each of those is a page that no cache holds any more (`compare timers`:
//! a sixth of the CPU time went there). Any M may add to its own P's heap, remove from
//! whichever heap it added to, and run what is due in any heap.
//!
//! # Invariants
//! 1. A timer's `slot` and the heap are touched only under the heap's lock; a timer is in
//!    the heap exactly when `slot != OUT`, and then `pos[slot]` is where.
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
const OUT: u32 = u32::MAX;

/// One goroutine's wish to be woken at a time.
#[derive(Debug)]
pub(crate) struct Timer {
    when: u64,
    slot: Cell<u32>,
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
            slot: Cell::new(OUT),
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
    slot: u32,
}

/// The heap proper, and what it knows of the timers in it by their slots.
#[derive(Debug)]
struct Heap {
    entries: Vec<Entry>,
    /// Where a slot's entry is; of an empty slot: the next empty one, or `OUT`.
    pos: Vec<u32>,
    timers: Vec<*const Timer>,
    /// The first empty slot, or `OUT`.
    empty: u32,
}

/// The timers of one P.
#[derive(Debug)]
pub(crate) struct Timers {
    next: AtomicU64,
    heap: Lock<Heap>,
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
            heap: Lock::new(Heap::new()),
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
        let earliest = heap.put(timer);
        if earliest {
            self.next.store(timer.when, Release);
        }
        earliest
    }

    fn remove(&self, timer: &Timer) {
        let mut heap = self.heap.lock();
        let slot = timer.slot.get();
        if slot != OUT {
            let pos = heap.pos[slot as usize];
            heap.take_out(pos as usize);
            self.next.store(heap.earliest(), Release);
        }
    }

    /// Takes out what is due at `now`; goroutines that became ready go to `ready`.
    pub(crate) fn run(&self, now: u64, ready: &GQueue) {
        let mut heap = self.heap.lock();
        while let Some(first) = heap.entries.first()
            && first.when <= now
        {
            let timer = heap.take_out(0);
            // SAFETY: the timer is ours while we hold the lock (invariant 2).
            // Nothing of it is used after `expire` has answered true: its owner
            // may then return at any moment, once it has been made ready.
            unsafe {
                let Timer {
                    gp, expire, arg, ..
                } = *timer;
                if expire(arg) {
                    ready.push_back(gp);
                }
            }
        }
        self.next.store(heap.earliest(), Release);
    }
}

impl Heap {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            pos: Vec::new(),
            timers: Vec::new(),
            empty: OUT,
        }
    }

    /// Time of the earliest timer, 0 for none.
    fn earliest(&self) -> u64 {
        self.entries.first().map_or(0, |first| first.when)
    }

    /// Adds `timer`; true if it is now the earliest.
    fn put(&mut self, timer: &Timer) -> bool {
        let slot = if self.empty == OUT {
            self.pos.push(OUT);
            self.timers.push(timer);
            (self.pos.len() - 1) as u32
        } else {
            let slot = self.empty;
            self.empty = self.pos[slot as usize];
            self.timers[slot as usize] = timer;
            slot
        };
        timer.slot.set(slot);
        let last = self.entries.len();
        self.entries.push(Entry {
            when: timer.when,
            slot,
        });
        self.sift_up(last);
        self.entries[0].slot == slot
    }

    /// Takes out the timer at `pos`, and gives it.
    fn take_out(&mut self, pos: usize) -> *const Timer {
        let gone = self.entries.swap_remove(pos);
        let timer = self.timers[gone.slot as usize];
        self.pos[gone.slot as usize] = self.empty;
        self.empty = gone.slot;
        if pos < self.entries.len() {
            self.sift_down(pos);
            self.sift_up(pos);
        }
        // SAFETY: the timer was in the heap until now, and its owner, who may only take it
        // away when it is out, needs the lock, which the caller holds, to learn that.
        unsafe { (*timer).slot.set(OUT) };
        timer
    }

    fn place(&mut self, pos: usize, entry: Entry) {
        self.entries[pos] = entry;
        self.pos[entry.slot as usize] = pos as u32;
    }

    fn sift_up(&mut self, mut pos: usize) {
        let entry = self.entries[pos];
        while pos > 0 {
            let parent = (pos - 1) / ARITY;
            if self.entries[parent].when <= entry.when {
                break;
            }
            self.place(pos, self.entries[parent]);
            pos = parent;
        }
        self.place(pos, entry);
    }

    fn sift_down(&mut self, mut pos: usize) {
        let entry = self.entries[pos];
        loop {
            let first = pos * ARITY + 1;
            let children = first..(first + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|&i| self.entries[i].when) else {
                break;
            };
            if entry.when <= self.entries[least].when {
                break;
            }
            self.place(pos, self.entries[least]);
            pos = least;
        }
        self.place(pos, entry);
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
            while heap.entries.first().is_some_and(|e| e.when <= next) {
                heap.take_out(0);
                due += 1;
            }
            timers.next.store(heap.earliest(), Release);
        }
        assert_eq!(due, 1000 - 334);
    }
}
