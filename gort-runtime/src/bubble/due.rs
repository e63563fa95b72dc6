//! The goroutines that a bubble's clock wakes.
//!
//! If several are due at the same moment, they run in random order: nothing defines an order, and a
//! program that relies on one should fail in its tests.

use crate::base::throw::throw;
use crate::proc::gqueue::GQueue;
use crate::sched::due::run_due;
use crate::sched::inside::Inside;
use crate::sched::submit::{queue_globally, queue_here};
use crate::time::Timers;
use crate::wait::ready::random;

/// Runs the timers in `timers` that are due at `now`, and makes the goroutines that they wake or
/// start runnable. The bubble's keeper calls this when it acts.
pub(crate) fn queue_due(timers: &Timers, now: u64) {
    let Some(inside) = Inside::enter() else {
        throw("a goroutine outside an M")
    };
    let ready = GQueue::new();
    run_due(timers, inside.p(), now, u32::MAX, &ready);
    shuffle(&ready);
    match inside.p() {
        Some(p) => queue_here(p, &ready),
        None => queue_globally(&ready),
    }
    inside.finish();
}

/// Shuffles the queue: distributes it over two queues and joins these, enough times that no order
/// is much more likely than another.
fn shuffle(list: &GQueue) {
    let rounds = if list.len() < 2 {
        0
    } else {
        2 * list.len().ilog2() + 2
    };
    for _ in 0..rounds {
        let (first, second) = (GQueue::new(), GQueue::new());
        while let Some(gp) = list.pop_front() {
            let to = if random() & 1 == 0 { &first } else { &second };
            to.push_back(gp);
        }
        list.append(&first);
        list.append(&second);
    }
}
