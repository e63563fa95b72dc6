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
    /// Falls asleep.
    pub(crate) fn now(self) -> ! {
        panic::resume_unwind(Box::new(self))
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

    pub(crate) fn sleep(&self) {
        self.sleep_until(u64::MAX);
    }

    /// True if it was woken already. Otherwise it does not return.
    pub(crate) fn sleep_until(&self, deadline_ns: u64) -> bool {
        self.take() || fall_asleep(deadline_ns)
    }

    pub(crate) fn wake(&self) {
        self.word.swap(WOKEN, Release);
        CALLED.0.lock().map(|mut called| called.push(self)).ok();
    }

    /// Takes a wake-up, if there is one.
    pub(crate) fn take(&self) -> bool {
        self.word.swap(EMPTY, Acquire) == WOKEN
    }
}

fn fall_asleep(until: u64) -> bool {
    let polls = false;
    Asleep { until, polls }.now()
}

/// Notes of those that were woken, or are to be started. Not part of any protocol: the order comes from
/// the notes' own words.
struct Called(Mutex<Vec<*const Note>>);

// SAFETY: the pointers are only compared.
unsafe impl Send for Called {}
// SAFETY: as above.
unsafe impl Sync for Called {}

global! {
    static CALLED: Called = Called(Mutex::new(Vec::new()));
}

/// A thread of which this is the note is to be started.
pub(crate) fn start(note: &Note) {
    note.wake();
}

/// The next that was woken or is to be started.
pub(crate) fn next_called() -> Option<*const Note> {
    CALLED.0.lock().ok().and_then(|mut called| called.pop())
}
