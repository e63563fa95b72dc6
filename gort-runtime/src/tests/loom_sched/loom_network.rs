//! Models of which M polls while Ms sleep (`sched/README.md`, "The network").
//!
//! At the end, if a P is idle, one M sleeps in the poll. The table in `loom_idle.rs` says what
//! fails without which barrier. Other changes were also tried. If an M that returns from the poll
//! stays the poller, all models fail. If `wake_for_poll` wakes an M only when there *is* a poller,
//! all fail, except the model without a P.

use super::super::state::SCHED;
use super::super::submit::wake_for_poll;
use super::{Model, Step, explore_threads};
use crate::netpoll::Waiting;
use std::mem;

impl Model {
    /// A plain thread, or a goroutine on an M without a P, waits for a descriptor.
    fn waits_for_network(&self) {
        mem::forget(Waiting::new());
        wake_for_poll();
    }

    /// M `i`, which has no P, sleeps in the poll, because of a waiter that then gives up.
    fn polls(&self, i: usize) {
        let waiting = Waiting::new();
        self.stops(i);
        drop(waiting);
    }

    /// Checks that an M sleeps in the poll if a P is idle.
    fn check_network(&self) {
        self.run_woken();
        let idle = SCHED.shared.lock().npidle();
        let asleep = self.asleep.lock().unwrap();
        let pollers = asleep.iter().filter(|(_, asleep)| asleep.polls).count();
        assert!(idle == 0 || pollers != 0, "the network is forgotten");
        assert!(pollers <= 1, "two Ms in the poll");
    }
}

/// Explores `threads`, one of which waits for the network, and checks at the end that an M polls.
fn explore_network(procs: u32, init: Step, threads: &'static [Step]) {
    explore_threads(procs, init, threads, Model::check_network);
}

/// A thread begins to wait while the only M falls asleep.
#[test]
fn thread_waits_while_an_m_falls_asleep() {
    explore_network(1, |_| {}, &[Model::waits_for_network, |s| s.idles(0)]);
}

#[test]
fn thread_waits_while_a_spinner_falls_asleep() {
    explore_network(
        2,
        |s| s.spins(1),
        &[Model::waits_for_network, |s| s.idles(1)],
    );
}

/// A thread relies on a poller that is already awake.
#[test]
fn thread_waits_while_the_poller_looks() {
    explore_network(
        2,
        |s| {
            s.loses_p(1);
            s.polls(1);
        },
        &[Model::waits_for_network, |s| s.wakes(1)],
    );
}

/// The poller needs a P to look for work. It finds none idle, and relies on the M that has the P.
#[test]
fn poller_relies_on_an_m_that_has_looked() {
    explore_network(
        2,
        |s| s.polls(2),
        &[Model::waits_for_network, |s| s.wakes(2), |s| s.idles(1)],
    );
}

/// The poller is awake, and an M that has lost its P, with the goroutine that waits, falls asleep.
#[test]
fn poller_relies_on_an_m_without_a_p() {
    explore_network(
        2,
        |s| {
            s.loses_p(1);
            s.polls(1);
        },
        &[
            |s| s.wakes(1),
            |s| {
                s.waits_for_network();
                s.stops(2);
            },
        ],
    );
}
