//! The explorer of a bubble: decides whose turn it is.
//!
//! # Turns
//! In an explored bubble one goroutine runs at a time: it has the *turn*. A member that becomes
//! runnable is not queued. It *arrives* here, and waits for its turn. The goroutine that has the
//! turn passes it on
//!
//! - when it parks or ends ([`leaves`](Explorer::leaves));
//! - before each of its operations ([`point`](Explorer::point)). Here the chooser may also choose
//!   that goroutine itself.
//!
//! The next goroutine is queued like any runnable goroutine, on g0, after the context of the one
//! before has been saved. So
//!
//! 1. at most one member is in a queue of the scheduler or runs. If a goroutine has the turn, it is
//!    that member.
//!
//! It makes no difference on how many Ps this happens, or on which: what a member sees depends only
//! on what the members before it did.
//!
//! # The keeper
//! The keeper of the bubble (`proc/bubble.rs`) acts while no member can run. In its `commit`, under
//! our lock, it releases its token, *opens* the explorer (`is_open`) and goes to sleep. The thread
//! that hands it the last token closes the explorer, under the lock, and wakes it. While the keeper
//! is awake, goroutines that arrive are kept, and none gets the turn. The keeper gives the first
//! turn when it goes to sleep. So
//!
//! 2. a thread that finds the explorer open and closes it wakes the keeper, which has parked. This
//!    happens once for each time that the keeper sleeps.
//!
//! Threads outside of the bubble (say, a foreign thread that unlocks what a member waits for) take
//! the lock as well. If the explorer is open and no member has the turn, all members wait for
//! something outside, and the foreign thread lets the chooser choose who gets the turn. If the
//! keeper is awake, it sees on its way to sleep that a member has arrived.
//!
//! # The end
//! Once the schedule has been stopped (`Verdict`), no goroutine gets the turn any more. As soon as
//! the last goroutine that had it is off its stack, the keeper is woken, as in 2. The goroutines
//! that are left are in no queue, and arriving has no effect. The bubble is not used again.

use super::choice::Thing;
use super::schedule::{Act, Schedule, Verdict};
use crate::base::lock::Lock;
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

/// What the caller must queue or wake.
#[derive(Debug)]
pub(crate) enum Next {
    /// There is nothing to queue or wake.
    Nothing,
    /// A runnable goroutine, which has the turn.
    Turn(NonNull<G>),
    /// The word of the keeper's waiter. The keeper has parked.
    Keeper(usize),
}

/// What the keeper does next.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// The keeper continues: there is something for it to do.
    StaysAwake,
    /// The keeper has parked. The goroutine, if there is one, has got the turn.
    Sleeps(Option<NonNull<G>>),
}

/// The explorer of one bubble. The module's head describes it.
#[derive(Debug)]
pub(crate) struct Explorer(Lock<Explored>);

#[derive(Debug)]
struct Explored {
    schedule: Option<Box<Schedule>>,
    /// Whether the keeper has parked and has not been woken yet.
    is_open: bool,
}

impl Explored {
    /// Closes the explorer. The caller must wake the keeper if it sleeps.
    fn close(&mut self, bubble: &Bubble) -> Next {
        if std::mem::replace(&mut self.is_open, false) {
            Next::Keeper(bubble.keeper())
        } else {
            Next::Nothing
        }
    }
}

impl Explorer {
    /// Creates the explorer of a bubble that is not explored.
    pub(crate) fn new() -> Self {
        Self(Lock::new(Explored {
            schedule: None,
            is_open: false,
        }))
    }

    /// Begins a schedule. Called by the keeper, before it starts the first goroutine.
    pub(crate) fn begin(&self, schedule: Schedule) {
        let mut explored = self.0.lock();
        explored.schedule = Some(Box::new(schedule));
        explored.is_open = false;
    }

    /// Ends the schedule and returns it. Called by the keeper.
    pub(crate) fn end(&self) -> Option<Box<Schedule>> {
        self.0.lock().schedule.take()
    }

    fn with<R: Default>(&self, f: impl FnOnce(&mut Schedule) -> R) -> R {
        let mut explored = self.0.lock();
        explored.schedule.as_deref_mut().map(f).unwrap_or_default()
    }

    /// Records a goroutine that is being started by the goroutine that has the turn, or by the
    /// keeper.
    pub(crate) fn born(
        &self,
        gp: NonNull<G>,
        name: Option<Arc<str>>,
        at: &'static Location<'static>,
    ) {
        self.with(|schedule| schedule.born(gp, name, at));
    }

    /// Records that a member is runnable now. Returns a goroutine that the caller must queue, if
    /// any.
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

    /// Ends the turn of a goroutine that is off its stack. Runs on g0. With `releases`, it also
    /// releases its token, because the goroutine has ended or is durably blocked.
    pub(crate) fn leaves(&self, bubble: &Bubble, releases: bool, has_ended: bool) -> Next {
        let mut explored = self.0.lock();
        let Some(schedule) = explored.schedule.as_deref_mut() else {
            return Next::Nothing;
        };
        schedule.leaves(has_ended);
        if schedule.verdict.is_some() {
            return explored.close(bubble);
        }
        let next = schedule.next(None);
        // If a goroutine has got the turn, this was not the last token: that goroutine has one.
        if releases && bubble.release_token().is_some() {
            return explored.close(bubble);
        }
        next.map_or(Next::Nothing, Next::Turn)
    }

    /// Lets other goroutines run before the goroutine that has the turn does `act` (or after it, if
    /// `has_done`). Returns the goroutine that has the turn from here on, or `None` if no member
    /// will ever run again.
    pub(crate) fn point(&self, act: Act, has_done: bool) -> Option<NonNull<G>> {
        self.with(|schedule| schedule.point(act, has_done))
    }

    /// Returns what to queue or wake after `point` has passed the turn on. Runs on g0, when the
    /// goroutine that had the turn is off its stack.
    pub(crate) fn passed(&self, bubble: &Bubble) -> Next {
        let mut explored = self.0.lock();
        let schedule = explored.schedule.as_deref();
        match schedule.filter(|schedule| schedule.verdict.is_none()) {
            Some(schedule) => schedule.whose_turn().map_or(Next::Nothing, Next::Turn),
            None => explored.close(bubble),
        }
    }

    /// Records that the goroutine that has the turn touches `thing`, in addition to what its act
    /// names.
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

    /// Records that the running goroutine has panicked.
    pub(crate) fn panicked(&self, gp: NonNull<G>, text: String, nobody_joins: bool) {
        self.with(|schedule| schedule.panicked(gp, text, nobody_joins));
    }

    /// Records that the outcome of `gp` has been taken.
    pub(crate) fn joined(&self, gp: NonNull<G>) {
        self.with(|schedule| schedule.joined(gp));
    }

    /// Puts the keeper to sleep. Runs on g0, as the keeper's `commit`.
    pub(crate) fn keeper_sleeps(&self, bubble: &Bubble) -> Keeper {
        let mut explored = self.0.lock();
        let Some(schedule) = explored.schedule.as_deref_mut() else {
            return Keeper::StaysAwake;
        };
        if schedule.verdict.is_some() || bubble.release_token().is_some() {
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

    /// Returns why the schedule was stopped, if it was.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.with(|schedule| schedule.verdict.clone())
    }
}
