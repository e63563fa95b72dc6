//! Models of `join.rs`: a goroutine's end against its handle.
//!
//! The join word is the real one. Around it are copies of what `goexit.rs` does at the end and what
//! `handle.rs` does in `join` and `drop`, call for call. The outcome, the goroutine's stack and its
//! record (the *slot*) are cells. So loom reports an outcome that both sides use at the same time,
//! and a slot that is freed while its stack is in use.
//!
//! Selects that watch (`ending.rs`) are modelled with one watcher each. The list is a cell under a
//! lock, which is not part of the slot. A select's word is won by the goroutine's end or by
//! something else (another arm, a time-out).
//!
//! Not modelled: parking itself (a loom notification stands for `gopark` and `goready`), an outcome
//! whose destructor panics, goroutines without a handle.
//!
//! Tried by hand, each of these makes a model fail: any ordering of the word made Relaxed in
//! `outcome_stored`, `ended`, `is_done`, `detach`, `detach_with_outcome`; a load and a store
//! instead of the read-modify-write in `outcome_stored` and `ended`; a `detach` that frees at
//! `OUTCOME`; a `set_waiter` that returns `true` at `OUTCOME` without storing the waiter; an
//! `ended` that ignores `WATCHED`; an `outcome_stored` and a `detach` that ignore `WATCHED`; a
//! `watch` with a load and a store; DONE set after the lock is free, or before the watchers are
//! taken out; a select that leaves without taking its watcher out.

use super::{explore, explore_all};
use crate::base::lock::{Rank, RawLock};
use crate::base::prim::{
    AtomicBool, AtomicUsize, DataCell,
    Ordering::{AcqRel, Acquire, Release},
    spin_hint,
};
use crate::life::join::{AtDetach, AtEnd, JoinWord};
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

/// State of a select's word: not won yet, won by the goroutine's end, or won by something else.
const OPEN: usize = 0;
const BY_END: usize = 1;
const BY_OTHER: usize = 2;

/// A select that watches.
struct Select {
    word: AtomicUsize,
    /// The watcher, on the select's stack.
    record: DataCell<u32>,
    ready: (AtomicBool, Notify),
}

impl Select {
    fn new() -> Self {
        Self {
            word: AtomicUsize::new(OPEN),
            record: DataCell::new(0),
            ready: (AtomicBool::new(false), Notify::new()),
        }
    }

    fn win(&self, by: usize) -> bool {
        let won = self.word.compare_exchange(OPEN, by, AcqRel, Acquire);
        won.is_ok()
    }

    fn wake(&self) {
        self.ready.0.store(true, Release);
        self.ready.1.notify();
    }

    /// Another arm or the time-out wins.
    fn other_arm(&self) {
        if self.win(BY_OTHER) {
            self.wake();
        }
    }

    /// Accesses the record as the select does when it creates the record or lets go of it.
    fn write_record(&self) {
        // SAFETY: loom checks the access.
        self.record.with_mut(|record| unsafe { *record += 1 });
    }

    /// Accesses the record as the goroutine's end does.
    fn read_record(&self) {
        // SAFETY: loom checks the access.
        let _ = self.record.with(|record| unsafe { *record });
    }
}

/// A goroutine's record, called slot here, and the related data that does not lie in the record.
struct Slot {
    join: JoinWord,
    outcome: DataCell<Outcome>,
    /// Counts the steps that the goroutine made on its stack.
    stack: DataCell<u32>,
    /// Written at the start and when the slot is freed. Read by both sides.
    name: DataCell<u32>,
    freed: DataCell<bool>,
    /// Whether the waiter's `ready` has been called, and the notification that the waiter sleeps
    /// on.
    ready: (AtomicBool, Notify),
    /// The list: which of the selects are in it.
    watchers: DataCell<[bool; 2]>,
    /// The list's lock, which lies outside of the slot.
    lock: RawLock,
    selects: [Select; 2],
}

// SAFETY: loom checks every access to the cells.
unsafe impl Send for Slot {}
// SAFETY: loom checks every access to the cells; the rest is atomic.
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
            lock: RawLock::ranked(Rank::Waits),
            selects: [Select::new(), Select::new()],
        };
        slot.join.reset(true);
        Arc::new(slot)
    }

    /// Does what `entry` and `goexit0` do.
    fn goroutine(&self) {
        self.read_name();
        self.step();
        self.change_outcome(Outcome::Missing, Outcome::Stored);
        if self.join.outcome_stored() {
            self.change_outcome(Outcome::Stored, Outcome::Gone);
        }
        self.step();
        let at_end = self.join.ended();
        match at_end.unwrap_or_else(|| self.end_watched()) {
            AtEnd::Keep => {}
            AtEnd::Wake(waiter) => {
                assert_eq!(waiter, WAITER);
                self.ready.0.store(true, Release);
                self.ready.1.notify();
            }
            AtEnd::Free => self.free(),
        }
    }

    /// Does what `ending::end_watched` does.
    fn end_watched(&self) -> AtEnd {
        self.lock.lock();
        // SAFETY: loom checks the access.
        let queued = self
            .watchers
            .with_mut(|list| unsafe { list.replace([false; 2]) });
        let won = [0, 1].map(|i| {
            let select = &self.selects[i];
            queued[i] && {
                select.read_record();
                select.win(BY_END)
            }
        });
        let at_end = self.join.ended_watched();
        // SAFETY: this thread took the lock above.
        unsafe { self.lock.unlock() };
        for (select, won) in self.selects.iter().zip(won) {
            if won {
                select.read_record();
                select.wake();
            }
        }
        at_end
    }

    /// Runs a select with the handle among its arms. Returns `true` if the goroutine's end was
    /// chosen.
    fn select(&self, i: usize) -> bool {
        !self.begin_select(i) || self.finish_select(i)
    }

    /// Runs a select up to its wait. Returns `false` if there is nothing to wait for.
    fn begin_select(&self, i: usize) -> bool {
        self.lock.lock();
        let watches = self.join.watch();
        if watches {
            self.selects[i].write_record();
            self.enlist(i, true);
        }
        // SAFETY: this thread took the lock above.
        unsafe { self.lock.unlock() };
        watches
    }

    fn finish_select(&self, i: usize) -> bool {
        let select = &self.selects[i];
        while !select.ready.0.load(Acquire) {
            select.ready.1.wait();
        }
        self.lock.lock();
        self.enlist(i, false);
        // SAFETY: this thread took the lock above.
        unsafe { self.lock.unlock() };
        select.write_record();
        select.word.load(Acquire) == BY_END
    }

    /// Runs a select with a default.
    fn poll(&self) -> bool {
        self.lock.lock();
        let ended = !self.join.watch();
        // SAFETY: this thread took the lock above.
        unsafe { self.lock.unlock() };
        ended
    }

    /// Enters a select into the list, or takes it out.
    fn enlist(&self, i: usize, there: bool) {
        // SAFETY: loom checks the access.
        self.watchers.with_mut(|list| unsafe { (*list)[i] = there });
    }

    /// Does what `JoinHandle::join` does.
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

    /// Does what `JoinHandle::drop` does.
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

    /// Does something on the goroutine's stack.
    fn step(&self) {
        // SAFETY: loom checks the access.
        self.stack.with_mut(|steps| unsafe { *steps += 1 });
    }

    /// Reads the name, as `goroutine()` does. The caller has a share of the slot.
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

    /// Frees the slot, as `goexit::free` does: another goroutine may get it immediately.
    fn free(&self) {
        self.step();
        self.change_outcome(Outcome::Gone, Outcome::Gone);
        // SAFETY: loom checks the access.
        self.name.with_mut(|name| unsafe { *name = 0 });
        self.enlist(0, false);
        // SAFETY: loom checks the access.
        let before = self.freed.with_mut(|freed| unsafe { freed.replace(true) });
        assert!(!before, "the slot was freed twice");
    }

    /// Checks the state at the end.
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

/// Explores a goroutine's end against `handle`, which uses the handle.
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

/// Once `is_finished` has returned true, `join` does not wait. The model drops the handle instead
/// of joining.
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

/// A third thread gets the handle and joins.
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

/// A select waits for the end; then `join` does not wait.
#[test]
fn select_not_woken_by_the_end() {
    explore_end(|slot| {
        assert!(slot.select(0), "woken by nobody else");
        assert!(slot.join.is_done());
        slot.join();
    });
}

/// A select with a default has set the flag and has returned.
#[test]
fn handle_of_a_watched_goroutine_dropped_at_its_end() {
    explore_end(|slot| {
        slot.poll();
        slot.drop_handle();
    });
}

/// A select with a default has set the flag and has returned; then the handle joins.
#[test]
fn joiner_of_a_watched_goroutine_not_woken() {
    explore_end(|slot| {
        slot.poll();
        slot.join();
    });
}

/// Whether or not the goroutine's end wins the select, the select's record is gone soon, and the
/// slot soon after.
#[test]
fn watcher_used_after_its_select_or_slot_after_its_handle() {
    explore(|| {
        let slot = Slot::new();
        let [goroutine, other] =
            [Slot::goroutine, |slot: &Slot| slot.selects[0].other_arm()].map(|f: fn(&Slot)| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || f(&slot))
            });
        if slot.select(0) {
            assert!(slot.join.is_done());
        }
        slot.drop_handle();
        goroutine.join().unwrap();
        other.join().unwrap();
        slot.check();
    });
}

/// Two selects share the handle.
#[test]
fn second_watcher_not_woken() {
    explore_all(|| {
        let slot = Slot::new();
        // This comes before the goroutine starts: with a third thread, the model would only spin
        // for the lock.
        assert!(slot.begin_select(0));
        let goroutine = thread::spawn({
            let slot = Arc::clone(&slot);
            move || slot.goroutine()
        });
        assert!(slot.select(1));
        assert!(slot.finish_select(0));
        slot.drop_handle();
        goroutine.join().unwrap();
        slot.check();
    });
}
