//! `note.rs` under loom: an M that sleeps leaves its thread, which is free to be another M.
//!
//! A model's thread is not an M for all its life, but takes a few steps of one or several: there would
//! be too much to explore. So a sleep that nobody has ended yet is an unwinding with [`Asleep`], which
//! the model catches; the M is then as asleep as in the runtime. Whoever wakes it leaves the wake-up in the
//! note, and the note in a list; a thread of the model that is free takes it from there, and is that M
//! from where `stopm` would have gone on (`tests/loom_sched/mod.rs`).

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
    /// When it wakes by itself.
    pub(crate) until: u64,
    /// In the network poll.
    pub(crate) polls: bool,
}

impl Asleep {
    /// Whether it wakes by itself.
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

    /// Sleeps until woken; then returns only if it was woken before.
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

    /// The thread of which this is the note is to be started.
    pub(crate) fn start(&self) {
        self.word.swap(WOKEN, Release);
        call(self, true);
    }

    /// Takes a wake-up, if there is one.
    pub(crate) fn take(&self) -> bool {
        self.word.swap(EMPTY, Acquire) == WOKEN
    }
}

/// Falls asleep, in the poll or on the note.
pub(crate) fn stay_asleep(until: u64, polls: bool) -> ! {
    panic::resume_unwind(Box::new(Asleep { until, polls }))
}

/// Somebody who was woken, or is to be started.
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

/// Not part of any protocol: the order comes from the notes' own words.
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

/// The model: takes the next one.
pub(crate) fn next_call() -> Option<Call> {
    CALLS.0.lock().ok().and_then(|mut calls| calls.pop())
}
