//! Models of `home.rs` and of how its owner sleeps.
//!
//! Modelled: `Home` and its queues as they are, and copies, call for call, of what `pinned.rs`
//! (`put`, `wake`, `stop_at_home`), `sched/state.rs` (`end_rest`) and `wake.rs` do with them. Change both.
//! Goroutines are links of a queue. The scheduler's lock is loom's mutex: one that spins gives
//! it too much to try.
//!
//! Not modelled: Ps (who wakes the owner always has one for it); two who send at once (the inbox has
//! `crate::lock`, see `loom_idle.rs`).
//!
//! # What fails without which step
//! Tried by hand, one at a time.
//!
//! | removed | models that fail |
//! |---|---|
//! | `fence` in `send` | all |
//! | `fence` in `rest` | all |
//! | the look at `len` in `rest` | all |
//! | `len` is 0 after `fetch` | `inbox_forgets_the_second`, which runs for ever |
//! | `resting` is cleared by `wake`, and by `rest` when it must not sleep | none: senders would take the scheduler's lock for nothing |

use super::{explore, explore_all};
use crate::proc::g::G;
use crate::proc::home::Home;
use loom::sync::{Mutex, Notify};
use loom::thread;
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

/// An M, and what of the scheduler it needs to sleep.
struct M {
    home: Home,
    /// The scheduler's lock; whether this one is among the idle Ms.
    idle: Mutex<bool>,
    note: Notify,
    /// How many have been run; the owner's.
    ran: Cell<u32>,
}

// SAFETY: as in the runtime, what is not behind a lock is the owner's.
unsafe impl Send for M {}
// SAFETY: as above.
unsafe impl Sync for M {}

impl M {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            home: Home::new(),
            idle: Mutex::new(false),
            note: Notify::new(),
            ran: Cell::new(0),
        })
    }

    /// `pinned::put`, from elsewhere.
    fn put(&self) {
        let gp = NonNull::from(Box::leak(Box::new(G::new())));
        if self.home.send(gp) {
            self.wake();
        }
    }

    /// `pinned::wake`, and also whoever has a P for some idle M: `midle_get`.
    fn wake(&self) {
        let mut idle = self.idle.lock().unwrap();
        if !*idle {
            return;
        }
        *idle = false;
        self.home.wake();
        drop(idle);
        self.note.notify();
    }

    /// The owner: runs `n` goroutines, asleep while there are none.
    fn run(&self, n: u32) {
        while self.ran.get() < n {
            self.home.fetch();
            if let Some(gp) = self.home.local.pop_front() {
                // SAFETY: made by `put`, and in no queue any more.
                drop(unsafe { Box::from_raw(gp.as_ptr()) });
                self.ran.set(self.ran.get() + 1);
                continue;
            }
            // `stop_at_home`.
            let mut idle = self.idle.lock().unwrap();
            if !self.home.rest() {
                continue;
            }
            *idle = true;
            drop(idle);
            self.note.wait();
        }
    }
}

/// Somebody makes ready while the owner goes to sleep.
#[test]
fn inbox_forgets_one() {
    explore_all(|| {
        let m = M::new();
        let owner = Arc::clone(&m);
        let owner = thread::spawn(move || owner.run(1));
        m.put();
        owner.join().unwrap();
    });
}

/// Again, when it has been awake.
#[test]
fn inbox_forgets_the_second() {
    explore(|| {
        let m = M::new();
        let owner = Arc::clone(&m);
        let owner = thread::spawn(move || owner.run(2));
        m.put();
        m.put();
        owner.join().unwrap();
    });
}

/// The owner is woken for something else, and a sender sees that it does not rest.
#[test]
fn inbox_relies_on_another_wake_up() {
    explore(|| {
        let m = M::new();
        let waker = Arc::clone(&m);
        let waker = thread::spawn(move || waker.wake());
        let owner = Arc::clone(&m);
        let owner = thread::spawn(move || owner.run(1));
        m.put();
        owner.join().unwrap();
        waker.join().unwrap();
    });
}
