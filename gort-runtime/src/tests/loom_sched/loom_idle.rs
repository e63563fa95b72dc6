//! Models of submitting work and falling asleep (`sched/README.md`).
//!
//! At the end, when all Ms that were woken have looked, no goroutine waits in a queue while a P is
//! idle. If one waits because every P is busy, `needspinning` is set, so that the next M that idles
//! its P looks for work first.
//!
//! # What fails without which barrier
//! Tried on the real files, one change at a time. `tests/mutants.toml` has those that make a model
//! fail. Some of the models are those of the timers and of the network, in the files beside this.
//!
//! | removed, or made Relaxed | models that fail |
//! |---|---|
//! | `light_barrier` in `runq_put_next` | `submitter_relies_on_a_spinner_..`, `.._the_last_but_one_spinner`, `found_work_..`, `count_of_a_waker_..`, `displaced_goroutine_..` |
//! | `fence` in `submit_global` | `outside_submitter_..`, both `goroutines_between_..`, `queue_of_a_retired_p_..` |
//! | `light_barrier` in `queue_here` | `goroutine_that_a_poll_brings_..` |
//! | `light_barrier` in `runq_put_next` before what was displaced is queued | `displaced_goroutine_..` |
//! | `fence`, `wakep` in `queue_behind_all` | `goroutine_between_runnext_and_global_queue_..` |
//! | `light_barrier` in `yield_to_queue` | `goroutine_that_a_yield_moves_..` |
//! | `fence` in `set_bar` | `goroutine_that_was_on_hold_..` |
//! | `fence` in `must_wake` | `submitter_sees_no_idle_p_..`, `second_submitter_relies_on_needspinning`, `goroutines_between_global_and_local_..` |
//! | `fence` in `p_idled` | the same, `.._while_more_ps_are_added`, `count_of_a_waker_..`, three of the timers, `thread_waits_while_an_m_..`, `poller_relies_on_an_m_that_has_looked` |
//! | `fence_after_rmw` in `stop_spinning` and `heavy_barrier` in `stop_searching` | twenty, including all in which a spinner has looked |
//! | `start_spinning` in `wired_sleep`, the counts of sleeping wired Ms | all of `loom_wired` |
//! | `notice_busy` in `pidle_get`, `parked` without the lock | `busy_p_is_not_watched` |
//! | `fence` in `wake_for_timer` | `first_timer_added_while_a_spinner_..`, `timer_added_..`, both `timekeeper_relies_on_..` |
//! | `fence` in `wake_for_poll` | `thread_waits_while_a_spinner_..`, `thread_waits_while_the_poller_..`, `poller_relies_on_an_m_that_has_looked` |
//! | `runqsize`: release of the store, acquire of the load | `goroutines_between_global_and_local_..` |
//!
//! loom knows no asymmetric barriers: both kinds are full fences here. The argument must not rely
//! on a light barrier where a full one is needed. To check that, all models were run once with both
//! kinds as read-modify-writes of one word (the heavy one between two fences), so that no fence
//! was ordered with a light barrier. All models passed.
//!
//! Without these, no model fails, for the reason given:
//!
//! | removed, or made Relaxed | |
//! |---|---|
//! | `fence` in `former_spinner_found_no_p`, in `stopm` (with its second look) | the README |
//! | `SeqCst` of the read-modify-writes of `nmspinning` | each has a barrier before it (submitters execute one first) or after it; the read-modify-writes always see the newest value |
//! | `fence`, `wakep` in `due_at` | other Ms could see before that a timer was due: `next` only changes from one past time to another |
//! | `fence` in `retire` | an M that spun has executed the fence of `stop_spinning`; an M whose P became idle after all (the number of Ps was raised) has executed that of `p_idled`; no submitter relies on any other M |
//! | `Timers::next`: release, acquire | the fences of `wake_for_timer` and of the Ms that look order it; an M that sees a time takes the heap's lock |
//! | `nextp` filled in after the wake-up (`startm`, `startlockedm`) | `nextp` is a cell that loom does not check (`mod.rs`); the note's release and acquire are those of `base/note.rs` |
//! | `SysmonSleep::parked`: acquire of the swap | written and cleared under the scheduler's lock; the note orders everything else |

use super::super::held;
use super::super::hold::{put_on_hold, set_bar};
use super::super::procresize::procresize;
use super::super::state::SCHED;
use super::super::submit::{queue_here, wakep_slow};
use super::{Model, Step, explore_threads};
use crate::base::prim::Ordering::Relaxed;
use crate::proc::gqueue::GQueue;

impl Model {
    /// An M has taken an untested goroutine out of its queue.
    fn is_put_on_hold(&self) {
        let gp = self.g();
        // SAFETY: no other thread knows of it yet.
        unsafe { gp.as_ref() }
            .hog_epoch
            .store(held::epoch(), Relaxed);
        assert!(put_on_hold(gp, 0));
    }

    /// M `i` looks for work three times, and so runs what it has stolen.
    fn looks_often(&self, i: usize) {
        for _ in 0..3 {
            if self.ms[i].held_p().is_some() {
                self.look(i);
            }
        }
    }
}

/// Explores `threads` over `procs` Ps that `init` has set up.
fn explore_ms(procs: u32, init: Step, threads: &'static [Step]) {
    explore_threads(procs, init, threads, Model::check);
}

#[test]
fn submitter_relies_on_a_spinner_that_has_looked() {
    explore_ms(2, |s| s.spins(1), &[|s| s.ready(0), |s| s.look(1)]);
}

#[test]
fn outside_submitter_relies_on_a_spinner_that_has_looked() {
    explore_ms(1, |s| s.spins(0), &[|s| s.ready_outside(1), |s| s.look(0)]);
}

#[test]
fn submitter_relies_on_the_last_but_one_spinner() {
    explore_ms(
        3,
        |s| {
            s.spins(1);
            s.spins(2);
        },
        &[|s| s.ready(0), |s| s.look(1), |s| s.look(2)],
    );
}

/// No P is idle and no M spins. An M that has decided not to spin idles.
#[test]
fn submitter_sees_no_idle_p_while_one_idles() {
    explore_ms(2, |_| {}, &[|s| s.ready(0), |s| s.idles(1)]);
}

/// Two submitters. The second skips the lock because the first has set `needspinning`.
#[test]
fn second_submitter_relies_on_needspinning() {
    explore_ms(3, |_| {}, &[|s| s.ready(0), |s| s.ready(1), |s| s.idles(2)]);
}

/// Both submitters see an idle P and no spinning M. One wakes an M.
#[test]
fn second_submitter_relies_on_the_first() {
    explore_ms(
        3,
        |s| s.is_idle(2),
        &[
            |s| {
                s.ready(0);
                s.run_woken();
            },
            |s| s.ready(1),
        ],
    );
}

/// A submitter relies on a `needspinning` that a spinning M clears.
#[test]
fn needspinning_cleared_without_looking() {
    explore_ms(
        3,
        |s| {
            s.ready(0);
        },
        &[|s| s.ready(1), |s| s.look(2)],
    );
}

/// A spinning M finds work and stops, while more is submitted.
#[test]
fn spinner_that_found_work_wakes_no_m() {
    explore_ms(
        3,
        |s| {
            s.is_idle(2);
            s.spins(1);
            s.ready(0);
        },
        &[|s| s.ready(0), |s| s.look(1)],
    );
}

/// A thief has taken entries out of the victim's ring and not published them yet.
#[test]
fn goroutines_in_a_thiefs_hands_are_overlooked() {
    explore_ms(
        3,
        |s| {
            s.spins(1);
            s.spins(2);
            s.queues(0, 3);
        },
        &[|s| s.look(1), |s| s.look(2)],
    );
}

/// A spinning M finds work that it cannot take, because the timekeeper has just taken the only idle
/// P. The timekeeper then idles without having spun.
#[test]
fn found_work_without_a_p_is_forgotten() {
    explore_ms(
        2,
        |s| s.spins(1),
        &[
            |s| s.ready(0),
            |s| s.look(1),
            |s| {
                if s.comes_back(2) {
                    s.look(2);
                }
            },
        ],
    );
}

/// An M whose goroutine has lent its P parks, while another M, which has returned from a call,
/// takes that P. One of the two idles it, after a submitter has seen no idle P.
#[test]
fn a_lent_p_is_idled_by_the_one_that_has_it() {
    explore_ms(
        2,
        |s| s.lends(1),
        &[
            |s| s.ready(0),
            |s| s.look(1),
            |s| {
                if s.comes_back(2) {
                    s.look(2);
                }
            },
        ],
    );
}

/// A P with goroutines is on its way to another M, while a thief is at its queue.
#[test]
fn thief_visits_a_p_that_an_m_acquires() {
    explore_ms(
        2,
        |s| {
            s.queues(0, 3);
            s.spins(1);
            s.hands_off(0);
        },
        &[Model::run_woken, |s| s.looks_often(1)],
    );
}

/// The same, while the former holder is still giving the P up.
#[test]
fn thief_visits_a_p_that_changes_hands() {
    explore_ms(
        2,
        |s| {
            s.queues(0, 3);
            s.spins(1);
        },
        &[
            |s| {
                s.hands_off(0);
                s.run_woken();
            },
            |s| s.looks_often(1),
        ],
    );
}

/// A submitter that must wake an M finds no P, because the timekeeper has taken it. The submitter
/// was counted as spinning for a moment, and other submitters relied on that.
#[test]
fn count_of_a_waker_without_a_p_is_relied_on() {
    explore_ms(
        3,
        |s| {
            s.is_idle(2);
            assert!(SCHED.idle.must_wake());
            assert!(s.comes_back(3));
            s.ready(0);
        },
        &[
            |_| wakep_slow(),
            |s| {
                s.look(1);
                s.ready(1);
            },
            |s| s.idles(3),
        ],
    );
}

/// An M that does not spin moves goroutines from the global queue to its own, while the last
/// spinning M looks at both.
#[test]
fn goroutines_between_global_and_local_queue_are_overlooked() {
    explore_ms(
        2,
        |s| s.spins(1),
        &[|s| s.look(0), |s| s.look(1), |s| s.ready_outside(2)],
    );
}

/// Enough new goroutines have run from `runnext`. The next one moves to the ring, while the last
/// spinning M looks at both.
#[test]
fn goroutine_between_runnext_and_ring_is_overlooked() {
    explore_ms(
        2,
        |s| {
            s.spins(1);
            s.ready(0);
            s.ready(0);
            s.enough_new(0);
        },
        &[|s| s.look(0), |s| s.look(1)],
    );
}

/// `runnext` has used up its time slice and moves to the global queue, while the last spinning M
/// looks at both.
#[test]
fn goroutine_between_runnext_and_global_queue_is_overlooked() {
    explore_ms(
        2,
        |s| s.spins(1),
        &[
            |s| s.look(1),
            |s| {
                s.ready(0);
                s.ready(0);
                s.p(0).slice_is_over.store(true, Relaxed);
                s.look(0);
            },
        ],
    );
}

/// `runnext` is displaced into the ring. The M that takes its successor, and the M that this one
/// wakes, look there.
#[test]
fn displaced_goroutine_is_overlooked() {
    explore_ms(
        3,
        |s| {
            s.is_idle(2);
            s.spins(1);
            s.ready(0);
        },
        &[
            |s| s.ready(0),
            |s| {
                s.look(1);
                s.run_woken();
            },
        ],
    );
}

/// A goroutine yields, and `runnext` moves to the ring, in front of it.
#[test]
fn goroutine_that_a_yield_moves_is_overlooked() {
    explore_ms(
        2,
        |s| {
            s.spins(1);
            s.ready(0);
        },
        &[|s| s.yields(0), |s| s.look(1)],
    );
}

/// A goroutine yields with the ring full. For a moment half of the ring is in no queue, while other
/// Ms run out of work.
#[test]
fn goroutines_between_ring_and_global_queue_are_overlooked() {
    explore_ms(
        4,
        |s| {
            s.is_idle(2);
            s.is_idle(3);
            s.spins(1);
            s.queues(0, 4);
        },
        &[
            |s| s.yields(0),
            |s| {
                s.look(1);
                s.run_woken();
            },
        ],
    );
}

/// An M returns from the network poll with goroutines, and runs one.
#[test]
fn goroutine_that_a_poll_brings_is_overlooked() {
    explore_ms(
        2,
        |s| s.spins(1),
        &[
            |s| {
                let list = GQueue::of(s.g());
                list.push_back(s.g());
                s.enters(s.ms[0]);
                queue_here(s.p(0), &list);
                s.look(0);
            },
            |s| s.look(1),
        ],
    );
}

/// The hold on an untested goroutine ends.
#[test]
fn goroutine_that_was_on_hold_is_overlooked() {
    explore_ms(
        1,
        |s| {
            set_bar(held::ALL, 0);
            s.is_put_on_hold();
            s.spins(0);
        },
        &[|_| set_bar(held::NONE, 0), |s| s.look(0)],
    );
}

/// The number of Ps grows. A spinning M is the reason why no M is woken for the new P.
#[test]
fn submitter_sees_no_idle_p_while_more_ps_are_added() {
    explore_ms(
        2,
        |s| {
            s.spins(1);
            s.queues(1, 1);
        },
        &[
            |_| {
                procresize(3);
            },
            |s| {
                s.look(1);
                s.ready(0);
            },
        ],
    );
}

/// There are too many Ps. A spinning M gives up one, and a submitter relies on that M.
#[test]
fn submitter_relies_on_an_m_that_retires_its_p() {
    explore_ms(
        2,
        |s| {
            s.is_idle(0);
            s.spins(1);
            SCHED.shared.lock().set_procs(1);
        },
        &[|s| s.ready_outside(1), |s| s.look(1)],
    );
}

/// There are too many Ps. An M gives up one that has a goroutine in its queue.
#[test]
fn queue_of_a_retired_p_is_overlooked() {
    explore_ms(
        2,
        |s| {
            s.queues(1, 1);
            s.spins(0);
            SCHED.shared.lock().set_procs(1);
        },
        &[|s| s.look(1), |s| s.look(0)],
    );
}
