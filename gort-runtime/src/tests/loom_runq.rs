//! Models of `runq.rs`: the owner of a queue against its thieves.
//!
//! The ring (with a `CAP` of 4 here) and `runnext` are the real ones, not copies. An entry points
//! to a cell that the owner writes before it queues the entry. The thread that takes the entry
//! writes the cell as well. So loom reports an entry that two threads take, and an entry that is
//! visible before what it points to.
//!
//! The owner is in user code, except during its operations. Thieves visit it by the real handshake
//! of `ownership.rs`. A thief that is refused goes away.
//!
//! Not modelled: indices that wrap around at 2^32; how long a thief waits before it takes a
//! `runnext` (`sched/steal.rs`); which thread learns of new entries (`loom_sched/`); a P without an
//! M.
//!
//! Tried by hand, each of these makes a model fail: only one look at `tail` in `is_empty`, or a
//! Relaxed load of `next` there; a `get_next` that leaves the entry.
//! With Relaxed stores of `next` in `put_next` or of `tail` in `put`, no model fails: the visit
//! orders what a thief takes, and a submitter's barrier what an M that falls asleep sees. The
//! releases are for `is_empty`.

use super::{explore_all, explore_further};
use crate::base::prim::DataCell;
use crate::proc::ownership::Ownership;
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

/// A queue and its owner.
struct Owned {
    queue: Runq<Entry>,
    owner: Ownership,
}

impl Owned {
    /// Creates an empty queue, whose owner is in user code.
    fn new() -> Self {
        let owner = Ownership::new();
        owner.leave();
        let queue = Runq::new();
        Self { queue, owner }
    }

    /// Lets the owner do something inside the runtime.
    fn inside<R>(&self, f: impl FnOnce(&Runq<Entry>) -> R) -> R {
        assert!(self.owner.enter(), "nobody takes the P");
        let result = f(&self.queue);
        self.owner.leave();
        result
    }
}

/// The queue under test, the thieves' own queues, and all entries.
struct Queues {
    victim: Owned,
    thieves: [Owned; 2],
    entries: [Entry; ENTRIES],
}

impl Queues {
    /// Creates the queues with the entries `0..filled` in the ring.
    fn new(filled: usize) -> Arc<Self> {
        let this = Arc::new(Self {
            victim: Owned::new(),
            thieves: [Owned::new(), Owned::new()],
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
        self.victim.inside(|queue| put_into(queue, gp));
    }

    /// Does `runq_put_next`, as the owner.
    fn put_next(&self, i: usize) {
        let gp = self.entry(i);
        self.victim.inside(|queue| {
            if let Some(displaced) = queue.put_next(gp) {
                put_into(queue, displaced);
            }
        });
    }

    /// Takes an entry from the ring, as the owner. Returns `false` if there was none.
    fn get(&self) -> bool {
        take(self.victim.inside(Runq::get))
    }

    /// Takes `runnext`, as the owner. Returns `false` if there was none.
    fn get_next(&self) -> bool {
        take(self.victim.inside(Runq::get_next))
    }

    /// Steals from `victim` as thief `me`, then runs everything that thief has.
    fn steal(&self, me: usize, victim: &Owned) {
        let loot = self.thieves[me].inside(|mine| {
            let loot = victim.owner.visit(|| victim.queue.steal_into(mine));
            loot.flatten()
        });
        take(loot);
        while take(self.thieves[me].inside(Runq::get)) {}
    }

    /// Takes `runnext` as a thief, like `steal_next` of `sched/steal.rs`.
    fn steal_next(&self) {
        let Owned { queue, owner } = &self.victim;
        let seen = queue.peek_next();
        if !seen.is_null() {
            take(owner.visit(|| queue.steal_next(seen)).flatten());
        }
    }

    /// Takes what is left at the end. Then every entry has been taken as often as it was queued.
    fn check(&self) {
        self.get_next();
        for owned in [&self.victim, &self.thieves[0], &self.thieves[1]] {
            while take(owned.inside(Runq::get)) {}
            assert!(owned.queue.is_empty());
        }
        for (i, entry) in self.entries.iter().enumerate() {
            // SAFETY: loom checks the access.
            let queued = entry.queued.with(|n| unsafe { *n });
            assert_eq!(queued, 0, "entry {i} was lost or taken twice");
        }
    }
}

/// Does `runq_put`, inside.
fn put_into(queue: &Runq<Entry>, gp: NonNull<Entry>) {
    queue.put(gp, |batch| {
        assert_eq!(batch[CAP as usize / 2], gp.as_ptr());
        for &gp in batch {
            take(NonNull::new(gp));
        }
    });
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

/// The owner and a thief want the same entries.
#[test]
fn entry_taken_by_owner_and_thief() {
    explore_all(|| {
        let q = Queues::new(2);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        q.put(2);
        q.get();
        q.get();
        thief.join().unwrap();
        q.check();
    });
}

/// A thief takes an entry as soon as it is there.
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
    explore_further(|| {
        let q = Queues::new(CAP as usize);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        q.get();
        q.put(CAP as usize);
        q.get();
        q.put(CAP as usize + 1);
        thief.join().unwrap();
        q.check();
    });
}

/// With a full ring, `spill_half` and a thief want the same entries.
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
    explore_further(|| {
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
        q.get_next();
        thief.join().unwrap();
        q.check();
    });
}

/// The same goroutine is `runnext` again when the thief takes it. That is just as good, but the
/// thief must see what the goroutine has done in between.
#[test]
fn runnext_stolen_with_what_it_was_before() {
    explore_all(|| {
        let q = Queues::new(0);
        q.put_next(0);
        let thief = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal_next()
        });
        if q.get_next() {
            q.put_next(0);
        }
        thief.join().unwrap();
        q.check();
    });
}

/// Two thieves and the owner at one ring.
#[test]
fn entry_taken_by_two_thieves() {
    explore_further(|| {
        let q = Queues::new(3);
        let thieves = [0, 1].map(|me| {
            let q = Arc::clone(&q);
            thread::spawn(move || q.steal(me, &q.victim))
        });
        q.get();
        for thief in thieves {
            thief.join().unwrap();
        }
        q.check();
    });
}

/// A second thief robs the first one, which is inside during its copy.
#[test]
fn loot_visible_before_it_is_the_thiefs() {
    explore_further(|| {
        let q = Queues::new(CAP as usize);
        let first = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(0, &q.victim)
        });
        let second = thread::spawn({
            let q = Arc::clone(&q);
            move || q.steal(1, &q.thieves[0])
        });
        q.get();
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
            move || assert!(!q.victim.queue.is_empty(), "entry 0 was there all the time")
        });
        q.put_next(1);
        q.get_next();
        checker.join().unwrap();
        q.check();
    });
}
