//! Models of `proc/home.rs`, of `pinned.rs` and `turn.rs` around it, and of how its owner sleeps.
//!
//! Not modelled: two who send at once (the inbox has a lock); Ms to which a goroutine is wired.
//!
//! # What fails without which step
//! Tried one at a time.
//!
//! | removed | models that fail |
//! |---|---|
//! | `fence` in `send` | all but `owner_wants_a_p_..` |
//! | `fence` in `rest`, the look at `len` there | the same |
//! | `stop_at_home` that sleeps whatever `rest` says | the same |
//! | the line for a P: who is woken without one is not put there; who idles a P does not look there | `owner_wants_a_p_..`, `owner_without_a_p_..` |
//! | `len`: release, acquire | none: the inbox's lock orders what is in it, and `rest` looks again behind its fence |
//! | `resting` is cleared by `wake`, and by `rest` when it must not sleep | none: senders would take the scheduler's lock for nothing |

use super::super::pinned::send_home;
use super::super::state::SCHED;
use super::{Model, Step, explore_threads};
use crate::base::config::Migration;
use crate::proc::m::M;
use std::ptr;

impl Model {
    /// Somebody makes ready a goroutine that belongs to M `i`.
    fn ready_at_home(&self, i: usize) {
        let gp = self.g();
        // SAFETY: it is in no queue yet.
        unsafe { gp.as_ref() }.last_m.set(ptr::from_ref(self.ms[i]));
        assert!(send_home(gp), "it has a home");
    }

    /// M `i`, unless it sleeps: its goroutine parks.
    fn goes_on(&self, i: usize) {
        if self.ms[i].held_p().is_some() {
            self.look(i);
        }
    }

    /// All have run, as soon as the others have parked.
    fn check_home(&self) {
        let submitted = self.gs.lock().unwrap().len();
        for _ in 0..2 * submitted {
            self.run_woken();
            for m in M::all().filter(|m| m.held_p().is_some()) {
                self.looks(m);
            }
        }
        let ran = self.ran.lock().unwrap().len();
        assert_eq!(ran, submitted, "somebody is forgotten at home");
        assert_eq!(SCHED.idle.nmspinning(), 0, "spinning Ms are miscounted");
    }
}

/// Explores `threads` over one P; M 1 has none.
fn explore_home(init: Step, threads: &'static [Step]) {
    explore_threads(1, Migration::Never, init, threads, Model::check_home);
}

/// Somebody makes ready while the owner goes to sleep.
#[test]
fn inbox_forgets_one() {
    explore_home(|_| {}, &[|s| s.ready_at_home(0), |s| s.look(0)]);
}

/// Again, when it has been awake.
#[test]
fn inbox_forgets_the_second() {
    explore_home(
        |_| {},
        &[
            |s| {
                s.ready_at_home(0);
                s.ready_at_home(0);
            },
            |s| {
                s.look(0);
                s.goes_on(0);
            },
        ],
    );
}

/// The owner is woken for something else, and a sender sees that it does not rest.
#[test]
fn inbox_relies_on_another_wake_up() {
    explore_home(
        |_| {},
        &[
            |s| s.ready_at_home(0),
            |s| s.ready_outside(1),
            |s| s.look(0),
        ],
    );
}

/// The owner sleeps, and another M has the only P, which is about to idle.
#[test]
fn owner_wants_a_p_that_idles() {
    explore_home(|s| s.stops(1), &[|s| s.ready_at_home(1), |s| s.look(0)]);
}

/// The owner is about to sleep without a P, with something to do.
#[test]
fn owner_without_a_p_falls_asleep() {
    explore_home(
        |_| {},
        &[|s| s.ready_at_home(1), |s| s.stops(1), |s| s.look(0)],
    );
}
