//! Models of `runq.rs`: the owner of a queue against its thieves.
//!
//! The ring (with a `CAP` of 4 here) and `runnext` are the real ones, not copies. An entry points
//! to a cell that the owner writes before it queues the entry. The thread that takes the entry
//! writes the cell as well. So loom reports an entry that two threads take, and an entry that is
//! visible before what it points to.
//!
//! Not modelled: indices that wrap around at 2^32; how long a thief waits before it takes a
//! `runnext` (`sched/steal.rs`); who is told of new entries (`loom_sched/`). Beyond loom's reach:
//! that slots have been read before `head` moves on (the release of a taker's compare-and-swap, and
//! the acquire of `head` in `put`). A read that came later would be load buffering; with both
//! Relaxed no model fails.
//!
//! Tried by hand, each of these makes a model fail: Relaxed instead of the release of `tail` in
//! `put` and `steal_into`, of its acquire in `steal_into`, of the swaps of `runnext`, of the
//! compare-and-swap in `steal_next`, of the acquire of `runnext` in `is_empty`; a load and a store
//! instead of the compare-and-swap in `get`, `steal_into`, `spill_half`, or of the swap in
//! `get_next`; `tail` published before the compare-and-swap in `steal_into`; only one look at
//! `tail` in `is_empty`.

use super::explore_all;
use crate::base::prim::DataCell;
use crate::proc::runq::{CAP, Runq};
use loom::thread;
use std::ptr::NonNull;
use std::sync::Arc;

/// The entries of the queues: a G as far as the model needs it.
struct Entry {
    /// Number of times queued minus number of times taken.
    queued: DataCell<i32>,
}

// SAFETY: loom checks every access to the cell.
unsafe impl Send for Entry {}
// SAFETY: loom checks every access to the cell, including those of several threads.
unsafe impl Sync for Entry {}

const ENTRIES: usize = CAP as usize + 2;

/// The queue under test, the thieves' own queues, and all entries.
struct Queues {
    victim: Runq<Entry>,
    thieves: [Runq<Entry>; 2],
    entries: [Entry; ENTRIES],
}

impl Queues {
    /// Creates the queues with the entries `0..filled` in the ring.
    fn new(filled: usize) -> Arc<Self> {
        let this = Arc::new(Self {
            victim: Runq::new(),
            thieves: [Runq::new(), Runq::new()],
            entries: std::array::from_fn(|_| Entry {
                queued: DataCell::new(0),
            }),
        });
        for i in 0..filled {
            this.put(i);
        }
        this
    }

    /// Returns an entry that is about to be queued. It is in no queue now.
    fn entry(&self, i: usize) -> NonNull<Entry> {
        add(&self.entries[i], 1);
        NonNull::from(&self.entries[i])
    }

    /// Does `runq_put`, as the owner. The overflow counts as taken, because no other thread can
    /// take it.
    fn put(&self, i: usize) {
        self.put_back(self.entry(i));
    }

    fn put_back(&self, gp: NonNull<Entry>) {
        self.victim.put(gp, |batch| {
            assert_eq!(batch[CAP as usize / 2], gp.as_ptr());
            for &gp in batch {
                take(NonNull::new(gp));
            }
        });
    }

    /// Does `runq_put_next`, as the owner.
    fn put_next(&self, i: usize) {
        if let Some(displaced) = self.victim.put_next(self.entry(i)) {
            self.put_back(displaced);
        }
    }

    /// Steals from `victim` as thief `me`, then runs everything that thief has.
    fn steal(&self, me: usize, victim: &Runq<Entry>) {
        take(victim.steal_into(&self.thieves[me]));
        while take(self.thieves[me].get()) {}
    }

    /// Takes `runnext` as a thief, like `steal_next` of `sched/steal.rs`.
    fn steal_next(&self) {
        let seen = self.victim.peek_next();
        if !seen.is_null() {
            take(self.victim.steal_next(seen));
        }
    }

    /// Takes what is left at the end. Then every entry has been taken as often as it was queued.
    fn check(&self) {
        take(self.victim.get_next());
        for queue in [&self.victim, &self.thieves[0], &self.thieves[1]] {
            while take(queue.get()) {}
            assert!(queue.is_empty());
        }
        for (i, entry) in self.entries.iter().enumerate() {
            // SAFETY: loom checks the access.
            let queued = entry.queued.with(|n| unsafe { *n });
            assert_eq!(queued, 0, "entry {i} was lost or taken twice");
        }
    }
}

fn add(entry: &Entry, n: i32) {
    // SAFETY: loom checks the access.
    entry.queued.with_mut(|queued| unsafe { *queued += n });
}

/// Uses an entry that the caller took. Returns `false` if there was none.
fn take(gp: Option<NonNull<Entry>>) -> bool {
    match gp {
        // SAFETY: entries live as long as the model.
        Some(gp) => add(unsafe { gp.as_ref() }, -1),
        None => return false,
    }
    true
}

/// Fails without the compare-and-swap on `head` in `get`.
#[test]
fn entry_taken_by_owner_and_thief() {
    explore_all(|| {
        let q = Queues::new(2);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        q.put(2);
        take(q.victim.get());
        take(q.victim.get());
        thief.join().unwrap();
        q.check();
    });
}

/// Fails with a Relaxed store of `tail` in `put`.
#[test]
fn entry_visible_before_its_goroutine() {
    explore_all(|| {
        let q = Queues::new(0);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        q.put(0);
        q.put_next(1);
        thief.join().unwrap();
        q.check();
    });
}

/// The owner wraps around the ring and writes the slot that a thief is reading.
#[test]
fn slot_overwritten_while_a_thief_reads_it() {
    explore_all(|| {
        let q = Queues::new(CAP as usize);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        take(q.victim.get());
        q.put(CAP as usize);
        take(q.victim.get());
        q.put(CAP as usize + 1);
        thief.join().unwrap();
        q.check();
    });
}

/// With a full ring, `take_half` and a thief want the same entries.
#[test]
fn overflow_takes_what_a_thief_has_taken() {
    explore_all(|| {
        let q = Queues::new(CAP as usize);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        q.put(CAP as usize);
        q.put(CAP as usize + 1);
        thief.join().unwrap();
        q.check();
    });
}

/// The owner takes a `runnext` that a thief has just taken. Also, `runnext` moves to the ring when
/// another entry displaces it.
#[test]
fn runnext_taken_by_owner_and_thief() {
    explore_all(|| {
        let q = Queues::new(0);
        q.put_next(0);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || {
                q.steal_next();
                q.steal(0, &q.victim);
            }
        });
        q.put_next(1);
        take(q.victim.get_next());
        thief.join().unwrap();
        q.check();
    });
}

/// The same goroutine is `runnext` again when the thief takes it. That is just as good, but the
/// thief must see what it has done in between.
#[test]
fn runnext_stolen_with_what_it_was_before() {
    explore_all(|| {
        let q = Queues::new(0);
        q.put_next(0);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal_next()
        });
        if take(q.victim.get_next()) {
            q.put_next(0);
        }
        thief.join().unwrap();
        q.check();
    });
}

/// Two thieves and the owner at one ring.
#[test]
fn entry_taken_by_two_thieves() {
    explore_all(|| {
        let q = Queues::new(3);
        let thieves = [0, 1].map(|me| {
            let q = Arc::clone(&q);
            thread::spawn(move || q.steal(me, &q.victim))
        });
        take(q.victim.get());
        for thief in thieves {
            thief.join().unwrap();
        }
        q.check();
    });
}

/// A second thief robs the first one during its copy: `steal_into` publishes `tail` last.
#[test]
fn loot_visible_before_it_is_the_thiefs() {
    explore_all(|| {
        let q = Queues::new(CAP as usize);
        let first = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        let second = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(1, &q.thieves[0])
        });
        take(q.victim.get());
        first.join().unwrap();
        second.join().unwrap();
        q.check();
    });
}

/// An entry is always queued, and only moves from `runnext` to the ring. Fails without the second
/// look at `tail` in `is_empty`.
#[test]
fn queue_called_empty_while_an_entry_moves() {
    explore_all(|| {
        let q = Queues::new(0);
        q.put_next(0);
        let checker = thread::spawn({
            let q = Arc::clone(&q);
            move || assert!(!q.victim.is_empty(), "entry 0 was there all the time")
        });
        q.put_next(1);
        take(q.victim.get_next());
        checker.join().unwrap();
        q.check();
    });
}
