//! Models of who keeps time while Ms sleep (`sched/README.md`, "Timers").
//!
//! At the end, if a P is idle, some M wakes in time. The table in `loom_idle.rs` says what fails without
//! which barrier. Besides, tried: whoever adds a timer looks only at whether there is a timekeeper
//! (both about an earlier timer fail), only at until when it sleeps (all others); `poll_until` that outlives
//! the timekeeper (all but the one where it sleeps).

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
        // SAFETY: it is never freed.
        if unsafe { self.p(0).timers.add(timer(when)) } {
            wake_for_timer(when);
        }
    }

    /// There is a timer of P 0.
    fn has_timer(&self, when: u64) -> &'static Timer {
        let timer = timer(when);
        // SAFETY: as above.
        unsafe { self.p(0).timers.add(timer) };
        timer
    }

    /// M `i`, which has no P, keeps time, for a timer that has been taken back.
    fn keeps_time(&self, i: usize, when: u64) {
        let timer = self.has_timer(when);
        self.stops(i);
        timer.cancel();
    }

    /// A goroutine sleeps on P 0, whose time has come.
    fn has_due(&self) {
        unsafe fn won(_: *const ()) -> bool {
            true
        }
        let gp = self.g();
        // SAFETY: nobody else knows of it yet; the timer is never freed.
        unsafe {
            gp.as_ref().status.store(GStatus::Waiting as u32, Relaxed);
            let timer = Timer::waking(1, gp, won, ptr::null());
            self.p(0).timers.add(Box::leak(Box::new(timer)));
        }
    }

    /// As `check`; time goes on for those who keep it.
    fn check_due(&self) {
        self.run_woken();
        for m in M::all() {
            self.wakes_up(m);
        }
        self.check();
    }

    /// If a P is idle, somebody wakes in time for the timer.
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

/// Explores `threads` and asks at the end whether somebody wakes for the timer of `when`.
fn explore_timer(procs: u32, when: u64, init: Step, threads: &'static [Step]) {
    explore_threads(procs, init, threads, move |s| s.check_timer(when));
}

/// The first timer is added while the only other M falls asleep.
#[test]
fn first_timer_added_while_nobody_keeps_time() {
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

/// There is a timekeeper, which sleeps too long.
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

/// Who adds a timer relies on a timekeeper that is up already.
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

/// The timekeeper finds no P to look with and relies on who has it.
#[test]
fn timekeeper_relies_on_an_m_that_has_looked() {
    explore_timer(
        2,
        150 * MS,
        |s| s.keeps_time(2, 100 * MS),
        &[|s| s.adds_timer(150 * MS), |s| s.wakes(2), |s| s.idles(1)],
    );
}

/// The timekeeper is up, and an M that has lost its P falls asleep.
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

/// Of two that are due one runs; the other stays in the heap, while a spinning M looks there.
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
