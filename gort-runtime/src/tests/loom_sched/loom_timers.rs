//! Models of which M keeps time while Ms sleep (`sched/README.md`, "Timers").
//!
//! At the end, if a P is idle, some M wakes in time. The table in `loom_idle.rs` says what fails
//! without which barrier. Other changes were also tried. If an adder only checks whether there is a
//! timekeeper, both models with an earlier timer fail. If it only checks until when the timekeeper
//! sleeps, all others fail. If `poll_until` outlives the timekeeper, all fail, except the model in
//! which the timekeeper sleeps.

use super::super::state::SCHED;
use super::super::submit::wake_for_timer;
use super::{Model, Step, explore_threads};
use crate::base::prim::Ordering::Relaxed;
use crate::proc::g::G;
use crate::proc::gstatus::GStatus;
use crate::proc::m::M;
use crate::time::Timer;
use std::ptr::{self, NonNull};

const MS: u64 = 1_000_000;

impl Model {
    /// A goroutine on P 0 goes to sleep until `when`.
    fn adds_timer(&self, when: u64) {
        // SAFETY: the timer is never freed.
        if unsafe { self.p(0).timers.add(timer(when)) } {
            wake_for_timer(when);
        }
    }

    /// Adds a timer to P 0.
    fn has_timer(&self, when: u64) -> &'static Timer {
        let timer = timer(when);
        // SAFETY: as above.
        unsafe { self.p(0).timers.add(timer) };
        timer
    }

    /// M `i`, which has no P, keeps time for a timer that has been cancelled.
    fn keeps_time(&self, i: usize, when: u64) {
        let timer = self.has_timer(when);
        self.stops(i);
        timer.cancel();
    }

    /// A goroutine sleeps on P 0, and its time has come.
    fn has_due(&self) {
        unsafe fn won(_: *const ()) -> bool {
            true
        }
        let gp = self.g();
        // SAFETY: no other thread knows of it yet, and the timer is never freed.
        unsafe {
            gp.as_ref().status.store(GStatus::Waiting as u32, Relaxed);
            let timer = Timer::waking(1, gp, won, ptr::null());
            self.p(0).timers.add(Box::leak(Box::new(timer)));
        }
    }

    /// Checks as `check` does, after the time of every M that keeps time has come.
    fn check_due(&self) {
        self.run_woken();
        for m in M::all() {
            self.wakes_up(m);
        }
        self.check();
    }

    /// Checks that an M wakes in time for the timer if a P is idle.
    fn check_timer(&self, when: u64) {
        self.run_woken();
        let idle = SCHED.shared.lock().npidle();
        let asleep = self.asleep.lock().unwrap();
        let asleep: Vec<_> = asleep.iter().map(|(_, asleep)| asleep).collect();
        assert!(
            idle == 0 || asleep.iter().any(|asleep| asleep.until <= when),
            "timer {when} forgotten: {asleep:?}"
        );
    }
}

fn timer(when: u64) -> &'static Timer {
    unsafe fn lost(_: *const ()) -> bool {
        false
    }
    let timer = Timer::waking(when, NonNull::<G>::dangling(), lost, ptr::null());
    Box::leak(Box::new(timer))
}

/// Explores `threads`, and checks at the end that an M wakes for the timer of `when`.
fn explore_timer(procs: u32, when: u64, init: Step, threads: &'static [Step]) {
    explore_threads(procs, init, threads, move |s| s.check_timer(when));
}

/// The first timer is added while the only other M falls asleep.
#[test]
fn first_timer_added_while_no_m_keeps_time() {
    explore_timer(
        2,
        50 * MS,
        |_| {},
        &[|s| s.adds_timer(50 * MS), |s| s.idles(1)],
    );
}

#[test]
fn first_timer_added_while_a_spinner_falls_asleep() {
    explore_timer(
        2,
        50 * MS,
        |s| s.spins(1),
        &[|s| s.adds_timer(50 * MS), |s| s.idles(1)],
    );
}

/// An M becomes timekeeper for a later timer.
#[test]
fn earlier_timer_added_while_an_m_becomes_timekeeper() {
    explore_timer(
        2,
        50 * MS,
        |s| _ = s.has_timer(100 * MS),
        &[|s| s.adds_timer(50 * MS), |s| s.idles(1)],
    );
}

/// There is a timekeeper, but it sleeps too long.
#[test]
fn earlier_timer_added_while_the_timekeeper_sleeps() {
    explore_timer(
        2,
        50 * MS,
        |s| {
            s.has_timer(100 * MS);
            s.stops(2);
        },
        &[|s| s.adds_timer(50 * MS), |s| s.idles(1)],
    );
}

/// An adder relies on a timekeeper that is already awake.
#[test]
fn timer_added_while_the_timekeeper_looks() {
    explore_timer(
        2,
        150 * MS,
        |s| {
            s.loses_p(1);
            s.keeps_time(1, 100 * MS);
        },
        &[|s| s.adds_timer(150 * MS), |s| s.wakes(1)],
    );
}

/// The timekeeper needs a P to look for timers. It finds none idle, and relies on the M that has
/// the P.
#[test]
fn timekeeper_relies_on_an_m_that_has_looked() {
    explore_timer(
        2,
        150 * MS,
        |s| s.keeps_time(2, 100 * MS),
        &[|s| s.adds_timer(150 * MS), |s| s.wakes(2), |s| s.idles(1)],
    );
}

/// The timekeeper is awake, and an M that has lost its P falls asleep.
#[test]
fn timekeeper_relies_on_an_m_without_a_p() {
    explore_timer(
        2,
        150 * MS,
        |s| {
            s.loses_p(1);
            s.keeps_time(1, 100 * MS);
        },
        &[|s| s.adds_timer(150 * MS), |s| s.wakes(1), |s| s.stops(2)],
    );
}

/// One of two due timers runs. The other stays in the heap, while a spinning M looks there.
#[test]
fn timer_that_is_left_is_forgotten() {
    explore_threads(
        3,
        |s| {
            s.is_idle(2);
            s.spins(1);
            s.queues(0, 1);
            s.has_due();
            s.has_due();
        },
        &[|s| s.look(1), |s| s.look(0)],
        Model::check_due,
    );
}
