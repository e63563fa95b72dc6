//! Models of goroutines that wait for a stack (`starved.rs`).
//!
//! At the end no goroutine waits while a stack is free: all have run, or the Ps are busy. Tried by
//! hand, each of these makes a model fail: no `feed_from` before a P idles; stacks of idle Ps
//! ignored in `bind_or_wait`; no `feed` where a goroutine ends without a P.

use super::super::find::{dispatches_of_others, may_nap};
use super::super::starved;
use super::super::state::SCHED;
use super::super::submit::runq_put;
use super::{Model, Step, explore_threads};
use crate::base::prim::Ordering::Relaxed;
use crate::netpoll::Waiting;
use crate::proc::bind::unbind;
use crate::stack::StackSlot;

impl Model {
    /// M `i` has a goroutine in its ring that has not run yet.
    fn queues_new(&self, i: usize) {
        let gp = self.g();
        // SAFETY: no other thread knows of it yet.
        unsafe { gp.as_ref() }.stack.set(StackSlot(false));
        runq_put(self.p(i), gp);
    }

    /// The goroutine on M `i` ends, and the M looks for work.
    fn ends(&self, i: usize) {
        let m = self.ms[i];
        self.enters(m);
        self.step(m, || {
            unbind(m.held_p());
            if starved::is_any() {
                starved::feed(m.held_p());
            }
        });
        self.look(i);
    }
}

fn explore_stacks(procs: u32, init: Step, threads: &'static [Step]) {
    explore_threads(procs, init, threads, Model::check);
}

/// A goroutine ends while another one finds no stack.
#[test]
fn goroutine_without_a_stack_is_forgotten() {
    explore_stacks(2, |s| s.queues_new(1), &[|s| s.ends(0), |s| s.look(1)]);
}

/// A goroutine ends on an M whose P was taken, while another one finds no stack.
#[test]
fn stack_of_an_m_without_a_p_is_forgotten() {
    explore_stacks(
        2,
        |s| {
            s.queues_new(1);
            s.loses_p(0);
        },
        &[|s| s.ends(0), |s| s.look(1)],
    );
}

/// The P that has the only free stack is idle.
#[test]
fn stack_of_an_idle_p_is_overlooked() {
    explore_stacks(
        2,
        |s| {
            s.queues_new(1);
            unbind(Some(s.p(0)));
            s.is_idle(0);
        },
        &[|s| s.look(1)],
    );
}

/// Two goroutines find no stack, and one stack becomes free soon.
#[test]
fn second_goroutine_without_a_stack_is_forgotten() {
    explore_stacks(
        2,
        |s| {
            s.queues_new(1);
            s.queues_new(1);
        },
        &[
            |s| {
                s.ends(0);
                s.ends(0);
            },
            |s| s.look(1),
        ],
    );
}

/// An M must not nap while a goroutine waits for a stack or for the network: it would keep its P's
/// stacks, and no M would sleep in the poll.
#[test]
fn m_naps_beside_goroutines_that_wait_for_a_stack_or_the_network() {
    explore_stacks(
        2,
        |_| {},
        &[|s| {
            let p = s.p(0);
            let before = dispatches_of_others(p).wrapping_sub(1);
            assert!(may_nap(p, before), "other Ps have dispatched goroutines");
            SCHED.starving.store(true, Relaxed);
            assert!(!may_nap(p, before));
            SCHED.starving.store(false, Relaxed);
            let waiting = Waiting::new();
            assert!(!may_nap(p, before));
            drop(waiting);
        }],
    );
}
