//! Models of `netpoll/desc.rs`: one user of a slot against the poller, `close`, deadlines and
//! timers.
//!
//! `Slot` and `Desc` are the real ones. The user's loop is a copy of the loop in `iowait.rs`. It
//! ends when the operation succeeds or the wait is `Interrupted`. The kernel's socket is a mutex
//! around "data have arrived". A park is a cell that the waker sets: a user that has committed
//! sleeps until then. The model decides what time it is.
//!
//! # What fails without which step
//! The changes were tried by hand, one at a time.
//!
//! | removed | models that fail |
//! |---|---|
//! | `fence_after_rmw` in `begin` | `close_is_missed_..`, both about a deadline |
//! | `fence_after_rmw` in `close` | `close_is_missed_..` |
//! | `fence_after_rmw` in `set_deadline` | both about a deadline |
//! | the check of `closing` and the deadline after `begin` | `close_is_missed_..`, both about a deadline |
//! | `commit` succeeds whatever the word is (a swap) | all |
//! | `ready` leaves `EMPTY` instead of `READY` | both about an edge, `late_event_..`, `timer_and_event_..` |
//! | `interrupt` leaves what it finds | all but those about an edge, `close_is_missed_..` and `late_event_..` |
//! | `interrupt` wipes out `READY` as well | `timer_and_event_..` |
//! | a nearer deadline interrupts no waiter | both about a deadline |
//! | `Acquire` in `forget_ready` | none: loom's socket is a mutex, which orders enough |

use super::{explore, explore_all};
use crate::base::prim::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::netpoll::{Desc, NEVER};
use loom::sync::Mutex;
use loom::thread;
use std::sync::{self, Arc};

/// The user's word.
const USER: usize = 64;

/// How the user's operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Data,
    Closed,
    TimedOut,
    /// The user sleeps, and no actor of the model can wake it any more.
    Asleep,
}

struct Model {
    desc: Desc,
    /// The kernel's side of the socket.
    data: Mutex<bool>,
    /// How often the user was woken. A loom atomic, with the orderings of `goready`.
    woken: AtomicU32,
    /// How often the user slept. A std atomic, so that no ordering comes from it.
    slept: sync::atomic::AtomicU32,
    /// The model's time: deadlines up to here have passed.
    now: u64,
}

impl Model {
    fn new(now: u64) -> Arc<Self> {
        Arc::new(Self {
            desc: Desc::new(),
            data: Mutex::new(false),
            woken: AtomicU32::new(0),
            slept: sync::atomic::AtomicU32::new(0),
            now,
        })
    }

    fn wake(&self, word: Option<usize>) {
        if let Some(word) = word {
            assert_eq!(word, USER);
            self.woken.fetch_add(1, Release);
        }
    }

    /// Data arrive; then the poller learns of it.
    fn edge(&self) {
        *self.data.lock().unwrap() = true;
        self.wake(self.desc.read.ready());
    }

    fn close(&self) {
        if let Some(words) = self.desc.close() {
            words.into_iter().for_each(|word| self.wake(word));
        }
    }

    fn set_deadline(&self, deadline: u64) {
        self.wake(self.desc.read.set_deadline(deadline));
    }

    /// The user's timer fires, while it is armed.
    fn expire(&self) -> bool {
        self.desc.read.interrupt().is_some()
    }

    /// Runs one operation, up to the point at which the user sleeps.
    fn user(&self) -> End {
        let slot = &self.desc.read;
        slot.forget_ready();
        loop {
            if *self.data.lock().unwrap() {
                return End::Data;
            }
            while slot.begin() {
                let closed = self.desc.is_closing();
                if closed || slot.deadline() <= self.now {
                    slot.abandon();
                    return if closed { End::Closed } else { End::TimedOut };
                }
                // If the user is woken later, `ends` continues the operation.
                if slot.commit(USER) && !self.wakes_up() {
                    return End::Asleep;
                }
            }
        }
    }

    /// Records that the user sleeps. Returns `true` if it has been woken already.
    fn wakes_up(&self) -> bool {
        let slept = self.slept.fetch_add(1, Relaxed) + 1;
        self.is_awake(slept)
    }

    fn is_awake(&self, slept: u32) -> bool {
        let woken = self.woken.load(Acquire);
        assert!(woken <= slept, "woken while it was not asleep");
        woken == slept
    }

    /// Finishes the user's operation when all other actors are done: it continues if it was woken.
    fn ends(&self, mut end: End) -> End {
        while end == End::Asleep && self.is_awake(self.slept.load(Relaxed)) {
            end = self.user();
        }
        end
    }
}

/// Runs the user against `others`. Returns how its operation ends.
fn race(model: &Arc<Model>, others: &[fn(&Model)]) -> End {
    let others: Vec<_> = others
        .iter()
        .map(|&other| {
            let model = Arc::clone(model);
            thread::spawn(move || other(&model))
        })
        .collect();
    let end = model.user();
    for other in others {
        other.join().unwrap();
    }
    model.ends(end)
}

#[test]
fn edge_is_missed_by_a_user_that_parks() {
    explore_all(|| assert_eq!(race(&Model::new(0), &[Model::edge]), End::Data));
}

/// The edge of earlier data is still there. New data arrive while it is being cleared.
#[test]
fn edge_is_wiped_out_before_the_call() {
    explore_all(|| {
        let model = Model::new(0);
        assert_eq!(model.desc.read.ready(), None);
        assert_eq!(race(&model, &[Model::edge]), End::Data);
    });
}

#[test]
fn close_is_missed_by_a_user_that_parks() {
    explore_all(|| assert_eq!(race(&Model::new(0), &[Model::close]), End::Closed));
}

#[test]
fn nearer_deadline_is_missed_by_a_user_that_parks() {
    explore_all(|| {
        let model = Model::new(10);
        assert_eq!(race(&model, &[|m| m.set_deadline(5)]), End::TimedOut);
    });
}

/// Two interrupters and a poller: the user is woken once, and its operation ends.
#[test]
fn close_and_event_both_wake() {
    explore(|| {
        let end = race(&Model::new(0), &[Model::edge, Model::close]);
        assert!(end == End::Data || end == End::Closed, "{end:?}");
    });
}

/// The timer of a wait fires while an edge arrives.
#[test]
fn timer_and_event_both_wake() {
    explore(|| {
        let model = Model::new(0);
        let timer = |m: &Model| {
            if m.expire() {
                m.woken.fetch_add(1, Release);
            }
        };
        // The timer belongs to an old wait: the user looks again, and waits.
        assert_eq!(race(&model, &[Model::edge, timer]), End::Data);
    });
}

/// A deadline is moved to a later time, then to an earlier one, while the user begins to wait for
/// the first.
#[test]
fn deadline_that_comes_back_is_missed() {
    explore_all(|| {
        let model = Model::new(10);
        model.set_deadline(20);
        let mover = |m: &Model| {
            m.set_deadline(NEVER);
            m.set_deadline(5);
        };
        assert_eq!(race(&model, &[mover]), End::TimedOut);
    });
}

/// An event for the previous owner reaches the next one, which may be woken needlessly, but never
/// twice.
#[test]
fn late_event_meets_the_next_owner() {
    explore(|| {
        let model = Model::new(0);
        let late = |m: &Model| {
            if m.desc.generation() == 0 {
                m.wake(m.desc.read.ready());
            }
        };
        model.desc.retire();
        model.desc.open();
        // The poller may have read the old generation just before.
        let late_anyway = |m: &Model| m.wake(m.desc.read.ready());
        assert_eq!(race(&model, &[late, late_anyway, Model::edge]), End::Data);
    });
}
