//! `note.rs` under loom: an M that sleeps leaves its thread, and the thread may then become another
//! M.
//!
//! A thread of a model is not one M for all its life: it takes a few steps of one or several Ms.
//! Otherwise there would be too much to explore. An M that would sleep, because no wake-up is
//! pending, unwinds with [`Asleep`] instead, and the model catches the unwind. From then on the M
//! takes no step, as if it slept. Its waker stores the wake-up in the note, and adds the note to a
//! list. A free thread of the model takes the note from there and becomes that M, from the point at
//! which `stopm` would have continued (`tests/loom_sched/mod.rs`).

use crate::base::prim::{
    AtomicU32,
    Ordering::{Acquire, Release},
    global,
};
use std::panic;
use std::ptr;
use std::sync::Mutex;

const EMPTY: u32 = 0;
const WOKEN: u32 = 1;

/// How an M sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asleep {
    /// The time at which it wakes by itself.
    pub(crate) until: u64,
    /// Whether it sleeps in the network poll.
    pub(crate) polls: bool,
}

impl Asleep {
    /// Returns whether the M wakes by itself.
    pub(crate) fn has_duties(&self) -> bool {
        self.polls || self.until != u64::MAX
    }
}

/// The word that one thread sleeps on.
#[derive(Debug)]
pub(crate) struct Note {
    word: AtomicU32,
}

impl Note {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU32::new(EMPTY),
        }
    }

    /// Takes a pending wake-up and returns, or falls asleep by unwinding.
    pub(crate) fn sleep(&self) {
        if !self.take() {
            stay_asleep(u64::MAX, false);
        }
    }

    pub(crate) fn sleep_until(&self, deadline_ns: u64) -> bool {
        self.take() || stay_asleep(deadline_ns, false)
    }

    pub(crate) fn wake(&self) {
        self.word.swap(WOKEN, Release);
        call(self, false);
    }

    /// Asks the model to start the thread of the M that has this note.
    pub(crate) fn start(&self) {
        self.word.swap(WOKEN, Release);
        call(self, true);
    }

    /// Takes a wake-up, if there is one.
    pub(crate) fn take(&self) -> bool {
        self.word.swap(EMPTY, Acquire) == WOKEN
    }
}

/// Falls asleep by unwinding, either in the network poll or on the note.
pub(crate) fn stay_asleep(until: u64, polls: bool) -> ! {
    panic::resume_unwind(Box::new(Asleep { until, polls }))
}

/// A request that a thread of the model continue as an M that was woken, or start as a new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    note: *const Note,
    pub(crate) is_new: bool,
}

impl Call {
    pub(crate) fn is_for(&self, note: &Note) -> bool {
        ptr::eq(self.note, note)
    }
}

/// The calls that no thread of the model has taken yet. They are not part of any protocol: the
/// ordering comes from the notes' own words.
struct Calls(Mutex<Vec<Call>>);

// SAFETY: the pointers are only compared.
unsafe impl Send for Calls {}
// SAFETY: the pointers are only compared.
unsafe impl Sync for Calls {}

global! {
    static CALLS: Calls = Calls(Mutex::new(Vec::new()));
}

fn call(note: &Note, is_new: bool) {
    let calls = CALLS.0.lock();
    calls
        .map(|mut calls| calls.push(Call { note, is_new }))
        .ok();
}

/// Takes the next call. The model calls this.
pub(crate) fn next_call() -> Option<Call> {
    CALLS.0.lock().ok().and_then(|mut calls| calls.pop())
}
