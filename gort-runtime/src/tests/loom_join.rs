//! Models of `join.rs`: a goroutine's end against its handle.
//!
//! Modelled: the join word as it is; around it copies of what `goexit.rs` does at
//! the end and `handle.rs` in `join` and `drop`, call for call. The outcome, the
//! goroutine's stack and the slot are cells, so loom reports an outcome that is used
//! by both sides at once, and a slot that is freed while its stack is in use.
//!
//! Selects that watch (`ending.rs`) are modelled with one watcher for each: the list is a cell
//! under a lock, which is not part of the slot, and a select's word is won by the goroutine's end or
//! by somebody else (another arm, a time-out).
//!
//! Not modelled: parking itself (a loom notification stands for `gopark` and
//! `goready`), the destructor of an outcome that panics, goroutines without a handle.
//!
//! Tried by hand, each fails a model: any ordering of the word made Relaxed in
//! `outcome_stored`, `ended`, `is_done`, `detach`, `detach_with_outcome`; a load and a store
//! instead of the read-modify-write in `outcome_stored` and `ended`; `detach` that frees
//! at `OUTCOME`; `set_waiter` that takes `OUTCOME` for waiting; `ended` that ignores `WATCHED`;
//! `outcome_stored` and `detach` that do not know it; `watch` with a load and a store; DONE set after
//! the lock is free, and before the watchers are taken out; a select that leaves without taking its
//! watcher out.

use super::explore_all;
use crate::join::{AtDetach, AtEnd, JoinWord};
use crate::lock::RawLock;
use crate::prim::{
    AtomicBool, AtomicUsize, DataCell,
    Ordering::{AcqRel, Acquire, Release},
    spin_hint,
};
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;

/// The waiter of the only handle: any word above `DONE`.
const WAITER: usize = 0x40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Missing,
    Stored,
    Gone,
}

/// A goroutine's slot.
struct Slot {
    join: JoinWord,
    outcome: DataCell<Outcome>,
    /// Steps that the goroutine made on its stack.
    stack: DataCell<u32>,
    /// Written at the start and when the slot is freed, read by both.
    name: DataCell<u32>,
    freed: DataCell<bool>,
    /// The waiter's `ready` has been called, and what the waiter sleeps on.
    ready: (AtomicBool, Notify),
    /// The list: which selects are in it.
    watchers: DataCell<[bool; 2]>,
}

// SAFETY: loom checks every access to the cells.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    fn new() -> Arc<Self> {
        let slot = Self {
            join: JoinWord::new(),
            outcome: DataCell::new(Outcome::Missing),
            stack: DataCell::new(0),
            name: DataCell::new(1),
            freed: DataCell::new(false),
            ready: (AtomicBool::new(false), Notify::new()),
            watchers: DataCell::new([false; 2]),
        };
        slot.join.reset(true);
        Arc::new(slot)
    }

    /// `entry` and `goexit0`.
    fn goroutine(&self) {
        self.read_name();
        self.step();
        self.change_outcome(Outcome::Missing, Outcome::Stored);
        if self.join.outcome_stored() {
            self.change_outcome(Outcome::Stored, Outcome::Gone);
        }
        self.step();
        let at_end = self.join.ended();
        match at_end.unwrap_or_else(|| panic!("watched, in a model without selects")) {
            AtEnd::Keep => {}
            AtEnd::Wake(waiter) => {
                assert_eq!(waiter, WAITER);
                self.ready.0.store(true, Release);
                self.ready.1.notify();
            }
            AtEnd::Free => self.free(),
        }
    }

    /// `JoinHandle::join`.
    fn join(&self) {
        self.read_name();
        while !self.join.is_done() {
            if self.join.set_waiter(WAITER) {
                // loom's notification may come too early, `goready` never does.
                while !self.ready.0.load(Acquire) {
                    self.ready.1.wait();
                }
            } else {
                spin_hint();
            }
        }
        self.change_outcome(Outcome::Stored, Outcome::Gone);
        self.free();
    }

    /// `JoinHandle::drop`.
    fn drop_handle(&self) {
        self.read_name();
        let ended = match self.join.detach() {
            AtDetach::Left => return,
            AtDetach::DropOutcome => false,
            AtDetach::DropAndFree => true,
        };
        self.change_outcome(Outcome::Stored, Outcome::Gone);
        if ended || self.join.detach_with_outcome() {
            self.free();
        }
    }

    /// Goroutine: does something on its stack.
    fn step(&self) {
        // SAFETY: loom checks the access.
        self.stack.with_mut(|steps| unsafe { *steps += 1 });
    }

    /// `goroutine()`, by whoever has a share of the slot.
    fn read_name(&self) {
        // SAFETY: loom checks the access.
        let name = self.name.with(|name| unsafe { *name });
        assert_eq!(name, 1);
    }

    fn change_outcome(&self, from: Outcome, to: Outcome) {
        self.outcome.with_mut(|outcome| {
            // SAFETY: loom checks the access.
            let before = unsafe { outcome.replace(to) };
            assert_eq!(before, from);
        });
    }

    /// `goexit::free`: the slot may be another goroutine's at once.
    fn free(&self) {
        self.step();
        self.change_outcome(Outcome::Gone, Outcome::Gone);
        // SAFETY: loom checks the access.
        self.name.with_mut(|name| unsafe { *name = 0 });
        // SAFETY: as above.
        let before = self.freed.with_mut(|freed| unsafe { freed.replace(true) });
        assert!(!before, "the slot was freed twice");
    }

    /// At the end.
    fn check(&self) {
        // SAFETY: loom checks the accesses.
        let (outcome, freed) = unsafe {
            (
                self.outcome.with(|outcome| *outcome),
                self.freed.with(|freed| *freed),
            )
        };
        assert_eq!(outcome, Outcome::Gone, "the outcome leaked");
        assert!(freed, "the slot leaked");
    }
}

/// Explores a goroutine's end against what is done with its handle.
fn explore_end(handle: impl Fn(&Slot) + Send + Sync + 'static) {
    explore_all(move || {
        let slot = Slot::new();
        let goroutine = thread::spawn({
            let slot = Arc::clone(&slot);
            move || slot.goroutine()
        });
        handle(&slot);
        goroutine.join().unwrap();
        slot.check();
    });
}

/// The handle is dropped while the goroutine ends.
#[test]
fn slot_freed_twice_or_outcome_dropped_twice_at_detach() {
    explore_end(Slot::drop_handle);
}

/// `join` while the goroutine ends.
#[test]
fn joiner_not_woken() {
    explore_end(Slot::join);
}

/// `is_finished` says that `join` would not wait; dropping the handle is as good.
#[test]
fn slot_freed_under_the_goroutine_after_is_finished() {
    explore_end(|slot| {
        let finished = slot.join.is_done();
        slot.drop_handle();
        if finished {
            slot.check();
        }
    });
}

/// The handle travels to a third thread, which joins.
#[test]
fn joiner_on_another_thread_not_woken() {
    explore_all(|| {
        let slot = Slot::new();
        let [goroutine, joiner] = [Slot::goroutine, Slot::join].map(|f: fn(&Slot)| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || f(&slot))
        });
        goroutine.join().unwrap();
        joiner.join().unwrap();
        slot.check();
    });
}
