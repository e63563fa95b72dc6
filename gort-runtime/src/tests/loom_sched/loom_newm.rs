//! Models of what Ms leave to sysmon: starting threads (`newm.rs`), and watching Ps
//! (`sysmonsleep.rs`).
//!
//! The models run two parts of sysmon: the part in which it sleeps and starts the threads that were
//! left to it (`nap`), and the part in which it decides whether to park.

use super::super::hand::handoffp;
use super::super::newm::start_left_threads;
use super::super::state::SCHED;
use super::{Model, explore_threads, releasep};
use crate::base::note::Asleep;
use std::panic;

impl Model {
    /// M `i` has a goroutine that is wired to it and may have changed its thread.
    fn is_tainted(&self, i: usize) {
        self.ms[i].tainted.set(true);
    }

    /// M `i` hands on its P, because its goroutine keeps the thread.
    pub(super) fn hands_off(&self, i: usize) {
        let m = self.ms[i];
        self.enters(m);
        self.step(m, || handoffp(releasep(m)));
        m.ownership.leave();
    }

    /// Runs sysmon until it sleeps.
    pub(super) fn naps(&self) {
        loop {
            let woken = panic::catch_unwind(|| SCHED.sysmon.sleep_until(u64::MAX));
            match woken.map_err(|payload| payload.downcast::<Asleep>()) {
                Ok(_) => start_left_threads(),
                Err(Ok(_)) => return,
                Err(Err(payload)) => panic::resume_unwind(payload),
            }
        }
    }

    /// Sysmon has found nothing to do for long enough to park.
    fn parks(&self) {
        *self.sysmon_parked.lock().unwrap() = SCHED.shared.lock().sysmon_parks();
    }

    /// Checks that sysmon sleeps for good only if there is no P to watch.
    fn check_parked(&self) {
        self.check();
        if *self.sysmon_parked.lock().unwrap() {
            let woken = panic::catch_unwind(|| SCHED.sysmon.sleep_until(u64::MAX)).is_ok();
            let idle = SCHED.shared.lock().npidle();
            assert!(
                woken || idle == SCHED.procs(),
                "sysmon sleeps while a P is busy"
            );
        }
    }

    /// Lets sysmon see its note, and checks that every M that sysmon had to start runs.
    pub(super) fn check_started(&self) {
        self.naps();
        self.check();
        let ran = self.ran.lock().unwrap().len();
        assert_eq!(ran, self.gs.lock().unwrap().len(), "an M is left behind");
    }
}

/// Another M leaves the start of an M's thread to sysmon, while sysmon goes to sleep.
#[test]
fn m_is_left_behind() {
    explore_threads(
        2,
        |s| {
            s.is_tainted(0);
            s.loses_p(1);
        },
        &[|s| s.ready(0), Model::naps],
        Model::check_started,
    );
}

/// Two starts are left to sysmon at the same time, while it starts a thread.
#[test]
fn second_m_is_left_behind() {
    explore_threads(
        2,
        |s| {
            for i in 0..2 {
                s.is_tainted(i);
                s.queues(i, 1);
            }
        },
        &[|s| s.hands_off(0), |s| s.hands_off(1), Model::naps],
        Model::check_started,
    );
}

/// Sysmon parks because every P is idle, while an M takes one.
#[test]
fn busy_p_is_not_watched() {
    explore_threads(
        1,
        |s| s.is_idle(0),
        &[Model::parks, |s| s.ready_outside(1)],
        Model::check_parked,
    );
}
