//! Models of Ms with a wired goroutine (`sched/wired.rs`).
//!
//! The goroutine has parked. From then on it may be made ready, even before its M has handed on its
//! P and fallen asleep.

use super::super::run::wired_wakes;
use super::super::state::SCHED;
use super::super::wire::wire;
use super::{Model, explore_threads, on_g0};
use crate::proc::g::G;
use crate::proc::m::M;
use crate::wait::ready::submit_next;
use std::ptr::NonNull;

impl Model {
    /// The first of all goroutines is wired to M `i`, and has parked there.
    fn is_wired(&self, i: usize) {
        wire(self.ms[i], self.g());
    }

    fn wired_g(&self) -> NonNull<G> {
        self.gs.lock().unwrap()[0]
    }

    /// A goroutine on M `i` makes the wired one ready.
    fn ready_wired(&self, i: usize) {
        self.step(self.ms[i], || submit_next(self.wired_g()));
    }

    /// Continues the wired goroutine's M, as at the end of `stoplockedm`.
    pub(super) fn continue_wired(&self, m: &'static M) {
        self.run(m, || wired_wakes(on_g0(m)));
    }

    /// Checks that all goroutines have run, the wired one on its M, which holds a P.
    fn check_wired(&self) {
        // The thread of a wired M may be tainted, so it starts no threads; sysmon does.
        self.check_started();
        let gp = self.wired_g().as_ptr();
        let m = self.ms.iter().find(|m| m.lockedg.get() == gp).unwrap();
        assert_eq!(m.curg.get(), gp, "the wired goroutine runs elsewhere");
        assert!(m.held_p().is_some());
        assert_eq!(
            SCHED.shared.lock().wired_asleep,
            0,
            "the sleeping wired Ms are miscounted"
        );
    }
}

/// Explores `threads` over `procs` Ps that `init` has set up, and checks at the end.
fn explore_wired(procs: u32, init: fn(&Model), threads: &'static [fn(&Model)]) {
    explore_threads(procs, init, threads, Model::check_wired);
}

/// An M makes the wired goroutine ready and hands over its P, while the goroutine's M has yet to
/// sleep.
#[test]
fn wired_goroutine_is_ready_before_its_m_sleeps() {
    explore_wired(
        2,
        |s| {
            s.is_wired(0);
            s.queues(0, 1);
        },
        &[
            |s| s.look(0),
            |s| {
                s.ready_wired(1);
                s.look(1);
            },
        ],
    );
}

/// A submitter outside relies on the M to which the P is handed on.
#[test]
fn submitter_relies_on_an_m_that_a_wired_one_wakes() {
    explore_wired(
        2,
        |s| s.is_wired(0),
        &[
            |s| s.look(0),
            |s| s.ready_outside(1),
            |s| {
                s.ready_wired(1);
                s.look(1);
            },
        ],
    );
}

/// A spinning M finds the wired goroutine and gives up its P to it, while a submitter relies on the
/// spinning M.
#[test]
fn submitter_relies_on_a_spinner_that_finds_a_wired_goroutine() {
    explore_wired(
        3,
        |s| {
            s.is_wired(0);
            s.look(0);
            s.naps();
            s.run_woken();
            s.ready_wired(1);
            s.spins(2);
        },
        &[|s| s.look(2), |s| s.ready_outside(1), |s| s.look(1)],
    );
}
