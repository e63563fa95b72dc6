//! The explorer of a bubble: whose turn it is.
//!
//! # Turns
//! In a bubble that is explored one goroutine runs at a time: whose *turn* it is. A member that becomes runnable
//! is not queued: it *arrives* here, and waits for its turn. Whoever has the turn passes it on
//!
//! - when it parks or ends ([`leaves`](Explorer::leaves));
//! - before each of its operations ([`point`](Explorer::point)): then the choice may also fall on itself.
//!
//! The next is queued like any runnable goroutine, on g0, after the context of the one before has been saved. So
//!
//! 1. at most one member is in a queue of the scheduler's, or runs; and if it is somebody's turn, he is the one.
//!
//! On how many Ps that happens, and on which, makes no difference: what a member sees is what those before it did.
//!
//! # The keeper
//! The keeper of the bubble (`proc/bubble.rs`) acts while no member can run. It lets go of its hold and goes to sleep under our
//! lock (`is_open`), in its `commit`; whoever hands it the last hold closes, under the lock, and wakes it. While the keeper is awake
//! who arrives is kept, and nobody gets a turn: the keeper gives the first one when it goes to sleep. So
//!
//! 2. whoever finds the explorer open, and closes it, wakes the keeper, which has parked: once for each time that it sleeps.
//!
//! Those who come from outside (a foreign thread that unlocks what a member waits for) take the lock as well. They find
//! the explorer open and nobody's turn (all others wait for something outside): then they give the turn. Or the keeper is
//! awake, and sees when it goes to sleep that somebody has arrived.
//!
//! # The end
//! With a verdict nobody gets a turn any more. Whoever had the last one wakes the keeper, as in 2, as soon as it is off its
//! stack. What is left of the goroutines is on no queue, and arriving is of no effect. The bubble is not used again.

use super::choice::Thing;
use super::schedule::{Act, Schedule, Verdict};
use crate::base::lock::Lock;
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

/// Who is to be queued or woken.
#[derive(Debug)]
pub(crate) enum Next {
    Nobody,
    /// A goroutine, which is runnable, and whose turn it is.
    Turn(NonNull<G>),
    /// The keeper, as a word: it has parked.
    Keeper(usize),
}

/// What the keeper does.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// It goes on: there is something for it to do.
    StaysAwake,
    /// It is parked; a goroutine may have got its turn.
    Sleeps(Option<NonNull<G>>),
}

/// See the header.
#[derive(Debug)]
pub(crate) struct Explorer(Lock<Explored>);

#[derive(Debug)]
struct Explored {
    schedule: Option<Box<Schedule>>,
    /// The keeper has parked, and nobody has woken it.
    is_open: bool,
}

impl Explored {
    /// Wakes the keeper if it sleeps.
    fn close(&mut self, bubble: &Bubble) -> Next {
        if std::mem::replace(&mut self.is_open, false) {
            Next::Keeper(bubble.keeper())
        } else {
            Next::Nobody
        }
    }
}

impl Explorer {
    /// One whose bubble is not explored.
    pub(crate) fn new() -> Self {
        Self(Lock::new(Explored {
            schedule: None,
            is_open: false,
        }))
    }

    /// The keeper, before it starts the first goroutine.
    pub(crate) fn begin(&self, schedule: Schedule) {
        let mut explored = self.0.lock();
        explored.schedule = Some(Box::new(schedule));
        explored.is_open = false;
    }

    /// The keeper, when it is over.
    pub(crate) fn end(&self) -> Option<Box<Schedule>> {
        self.0.lock().schedule.take()
    }

    fn with<R: Default>(&self, f: impl FnOnce(&mut Schedule) -> R) -> R {
        let mut explored = self.0.lock();
        explored.schedule.as_deref_mut().map(f).unwrap_or_default()
    }

    /// A goroutine is being started, by whoever has the turn, or the keeper.
    pub(crate) fn born(
        &self,
        gp: NonNull<G>,
        name: Option<Arc<str>>,
        at: &'static Location<'static>,
    ) {
        self.with(|schedule| schedule.born(gp, name, at));
    }

    /// A member is runnable now. The answer is who is to be queued, if anybody.
    pub(crate) fn arrives(&self, gp: NonNull<G>) -> Option<NonNull<G>> {
        let mut explored = self.0.lock();
        let is_open = explored.is_open;
        let schedule = explored.schedule.as_deref_mut()?;
        if schedule.verdict.is_some() {
            return None;
        }
        schedule.arrives(gp);
        if is_open && schedule.is_idle() {
            schedule.next(None)
        } else {
            None
        }
    }

    /// On g0: whoever had the turn is off its stack. `lets_go`: of its hold, as it has ended or is durably blocked.
    pub(crate) fn leaves(&self, bubble: &Bubble, lets_go: bool, has_ended: bool) -> Next {
        let mut explored = self.0.lock();
        let Some(schedule) = explored.schedule.as_deref_mut() else {
            return Next::Nobody;
        };
        schedule.leaves(has_ended);
        if schedule.verdict.is_some() {
            return explored.close(bubble);
        }
        let next = schedule.next(None);
        // Not the last if somebody has got the turn: he has one.
        if lets_go && bubble.let_go().is_some() {
            return explored.close(bubble);
        }
        next.map_or(Next::Nobody, Next::Turn)
    }

    /// Whoever has the turn is about to do this (or `has_done` it). The answer is whose turn it is from here on; `None`: nobody
    /// will ever run again.
    pub(crate) fn point(&self, act: Act, has_done: bool) -> Option<NonNull<G>> {
        self.with(|schedule| schedule.point(act, has_done))
    }

    /// On g0: whoever had the turn is off its stack, after `point` had named another, or nobody.
    pub(crate) fn passed(&self, bubble: &Bubble) -> Next {
        let mut explored = self.0.lock();
        let schedule = explored.schedule.as_deref();
        match schedule.filter(|schedule| schedule.verdict.is_none()) {
            Some(schedule) => schedule.whose_turn().map_or(Next::Nobody, Next::Turn),
            None => explored.close(bubble),
        }
    }

    /// Whoever has the turn touches it besides what it has said.
    pub(crate) fn touch(&self, thing: Thing) {
        self.with(|schedule| schedule.touch(thing));
    }

    pub(crate) fn branch(&self, n: usize) -> usize {
        self.with(|schedule| schedule.branch(n))
    }

    pub(crate) fn branched(&self, into: usize) {
        self.with(|schedule| schedule.branched(into));
    }

    pub(crate) fn random(&self) -> u64 {
        self.with(Schedule::random)
    }

    /// The running goroutine has panicked.
    pub(crate) fn panicked(&self, gp: NonNull<G>, text: String, nobody_joins: bool) {
        self.with(|schedule| schedule.panicked(gp, text, nobody_joins));
    }

    /// Somebody has taken its outcome.
    pub(crate) fn joined(&self, gp: NonNull<G>) {
        self.with(|schedule| schedule.joined(gp));
    }

    /// On g0, the keeper's `commit`.
    pub(crate) fn keeper_sleeps(&self, bubble: &Bubble) -> Keeper {
        let mut explored = self.0.lock();
        let Some(schedule) = explored.schedule.as_deref_mut() else {
            return Keeper::StaysAwake;
        };
        if schedule.verdict.is_some() || bubble.let_go().is_some() {
            return Keeper::StaysAwake;
        }
        let next = if schedule.is_idle() {
            schedule.next(None)
        } else {
            None
        };
        explored.is_open = true;
        Keeper::Sleeps(next)
    }

    /// Why it was stopped, if it was.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.with(|schedule| schedule.verdict.clone())
    }
}
