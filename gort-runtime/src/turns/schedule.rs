//! One schedule while it runs: its goroutines, whose turn it is, and what has been done.
//!
//! Everything here is protected by the lock of `explorer.rs`, which also explains turns.

use super::choice::{Candidate, Footprint, NUMBERS, Thing, Turn, UNSEEN, end_of};
use super::chooser::Chooser;
use super::steps::{Step, Steps};
use crate::proc::g::G;
use std::collections::HashMap;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// How often a goroutine may yield in a row, doing nothing else, before all other goroutines that
/// can run must have had a turn.
const MAX_YIELDS: u32 = 3;

/// Asks whether an operation could be done without waiting. Used where no other goroutine can see
/// the wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) ask: unsafe fn(*const ()) -> bool,
    pub(crate) of: *const (),
}

/// What a goroutine is about to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    /// Asked before the goroutine acts. While the answer is no and other goroutines can run, the
    /// goroutine does not act. The question stays valid while the goroutine is at the point that
    /// stored it here.
    pub(crate) question: Option<Question>,
    pub(crate) what: &'static str,
    pub(crate) thing: Thing,
    pub(crate) site: Option<&'static Location<'static>>,
}

/// Why a schedule was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This goroutine panicked with this text, and no goroutine joins it.
    Panic(u32, String),
    TooManySteps,
}

/// State of a goroutine.
#[derive(Debug)]
pub(crate) struct Member {
    gp: NonNull<G>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) has_ended: bool,
    /// The text of the goroutine's panic, until its outcome has been taken.
    panic: Option<String>,
    /// What the goroutine does first in its next turn.
    act: Act,
    /// Whether `act` has yet to be recorded as a step.
    is_new: bool,
    /// Number of yields in a row.
    yields: u32,
    /// Goroutines that must have a turn before this one does.
    waits_for: Vec<u32>,
}

impl Member {
    fn would_wait(&self) -> bool {
        self.act.question.is_some_and(|question| {
            // SAFETY: the goroutine is still at the point that asked the question: it has not had a
            // turn since (`give_turn`).
            !unsafe { (question.ask)(question.of) }
        })
    }
}

// SAFETY: one pointer is to a G, and those live for ever (`record/mod.rs`, promise 1) and may be
// queued by any thread. The other is to something that may be asked on any thread (`point.rs`).
unsafe impl Send for Member {}

/// The state of one schedule.
#[derive(Debug)]
pub(crate) struct Schedule {
    chooser: Chooser,
    max_steps: u64,
    pub(crate) steps: Steps,
    /// The goroutines, in the order in which they were started. The first has number 1.
    members: Vec<Member>,
    numbers: HashMap<NonNull<G>, u32>,
    /// The goroutines that could run, in the order of their numbers.
    runnable: Vec<u32>,
    /// The goroutine that has the turn.
    running: Option<u32>,
    /// The goroutine that had the last turn.
    before: u32,
    /// What has been touched in this turn.
    touched: Footprint,
    /// Whether any member's `waits_for` is not empty.
    some_wait: bool,
    pub(crate) verdict: Option<Verdict>,
    /// State of the generator for random numbers that are not explored.
    random: u64,
}

// SAFETY: as for `Member`. The keys are pointers to Gs that are only compared.
unsafe impl Send for Schedule {}

impl Schedule {
    pub(crate) fn new(chooser: Chooser, max_steps: u64) -> Self {
        Self {
            chooser,
            max_steps,
            steps: Steps::default(),
            members: Vec::new(),
            numbers: HashMap::new(),
            runnable: Vec::new(),
            running: None,
            before: 0,
            touched: Footprint::default(),
            some_wait: false,
            verdict: None,
            random: 0,
        }
    }

    /// Returns the chooser, after the schedule has ended.
    pub(crate) fn into_chooser(mut self) -> Chooser {
        if let Chooser::Tree(tree) = &mut self.chooser {
            tree.run_ends(&self.touched);
        }
        self.chooser
    }

    pub(crate) fn chooser(&self) -> &Chooser {
        &self.chooser
    }

    fn member(&mut self, number: u32) -> &mut Member {
        &mut self.members[number as usize - 1]
    }

    /// Records a goroutine that is being started.
    pub(crate) fn born(
        &mut self,
        gp: NonNull<G>,
        name: Option<Arc<str>>,
        at: &'static Location<'static>,
    ) {
        self.members.push(Member {
            gp,
            name,
            has_ended: false,
            panic: None,
            act: Act {
                question: None,
                what: "starts",
                thing: UNSEEN,
                // The exploration itself starts the first one.
                site: (!self.members.is_empty()).then_some(at),
            },
            is_new: true,
            yields: 0,
            waits_for: Vec::new(),
        });
        self.touched.add(NUMBERS);
        // Overwrites the entry of an earlier goroutine that had the same record.
        self.numbers.insert(gp, self.members.len() as u32);
    }

    /// Records that the goroutine could run.
    pub(crate) fn arrives(&mut self, gp: NonNull<G>) {
        if let Some(&number) = self.numbers.get(&gp) {
            self.may_run(number);
        }
    }

    fn may_run(&mut self, number: u32) {
        if let Err(at) = self.runnable.binary_search(&number) {
            self.runnable.insert(at, number);
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    pub(crate) fn whose_turn(&self) -> Option<NonNull<G>> {
        let number = self.running?;
        Some(self.members[number as usize - 1].gp)
    }

    /// Ends the current turn: its goroutine has parked or ended.
    pub(crate) fn leaves(&mut self, has_ended: bool) {
        if let Some(number) = self.running.take() {
            self.before = number;
            self.member(number).has_ended |= has_ended;
            if has_ended {
                self.touched.add(end_of(number));
            }
        }
    }

    /// Gives the turn to a goroutine, if any could run. `yields` is the number of the goroutine
    /// that has just called `yield_now`, if one has.
    pub(crate) fn next(&mut self, yields: Option<u32>) -> Option<NonNull<G>> {
        if self.runnable.is_empty() {
            return None;
        }
        // Try them in the order of their numbers, beginning with the goroutine that had the last
        // turn. If that goroutine yields, begin with the next one.
        let before = self.before;
        let first = if yields.is_some() { before + 1 } else { before };
        let at = self.runnable.partition_point(|&number| number < first);
        let order = self.runnable[at..].iter().chain(&self.runnable[..at]);
        let mut candidates: Vec<_> = order
            .map(|&number| {
                let member = &self.members[number as usize - 1];
                Candidate {
                    number,
                    thing: member.act.thing,
                    is_barred: member.waits_for.iter().any(|n| self.runnable.contains(n))
                        || member.would_wait(),
                }
            })
            .collect();
        if candidates.iter().all(|candidate| candidate.is_barred) {
            candidates.iter_mut().for_each(|c| c.is_barred = false);
        }
        let turn = Turn {
            candidates: &candidates,
            yields,
            touched: &self.touched,
        };
        let chosen = candidates[self.chooser.turn(&turn)];
        for candidate in &candidates {
            self.steps.note(u64::from(candidate.number));
        }
        self.runnable.retain(|&number| number != chosen.number);
        self.touched.clear();
        self.touched.add(chosen.thing);
        self.give_turn(chosen.number);
        Some(self.member(chosen.number).gp)
    }

    fn give_turn(&mut self, number: u32) {
        self.running = Some(number);
        if self.some_wait {
            let members = self.members.iter_mut();
            members.for_each(|member| member.waits_for.retain(|&n| n != number));
            self.some_wait = self.members.iter().any(|m| !m.waits_for.is_empty());
        }
        let member = self.member(number);
        // The goroutine leaves the point that asked the question, so the question is no longer
        // valid.
        member.act.question = None;
        if member.is_new {
            member.is_new = false;
            let Act { what, site, .. } = member.act;
            self.steps.push(Step { number, what, site });
        }
    }

    /// Lets other goroutines run before the goroutine that has the turn does `act`. Returns the
    /// goroutine that has the turn then, which may be the same one, or `None` if the schedule is
    /// over.
    pub(crate) fn point(&mut self, act: Act, has_done: bool) -> Option<NonNull<G>> {
        if self.steps.len() >= self.max_steps {
            self.verdict.get_or_insert(Verdict::TooManySteps);
        }
        if self.verdict.is_some() {
            return None;
        }
        let number = self.running.take()?;
        self.before = number;
        let mut act = act;
        // `join` and `is_finished` name the G of the other goroutine. Its number is the same in all
        // runs, and its address is not.
        if let Some(&joined) = NonNull::new(ptr::without_provenance_mut(act.thing))
            .and_then(|gp: NonNull<G>| self.numbers.get(&gp))
        {
            act.thing = end_of(joined);
        }
        let yields = act.what == "yield";
        let others = if yields {
            self.runnable.clone()
        } else {
            Vec::new()
        };
        let member = self.member(number);
        member.act = act;
        member.is_new = !has_done;
        member.yields = if yields { member.yields + 1 } else { 0 };
        if member.yields > MAX_YIELDS && !others.is_empty() {
            member.waits_for = others;
            self.some_wait = true;
        }
        if has_done {
            let Act { what, site, .. } = act;
            self.steps.push(Step { number, what, site });
        }
        self.may_run(number);
        self.next(yields.then_some(number))
    }

    pub(crate) fn touch(&mut self, thing: Thing) {
        self.touched.add(thing);
    }

    /// Chooses one of `n` alternatives. The caller reports the result with
    /// [`branched`](Self::branched).
    pub(crate) fn branch(&mut self, n: usize) -> usize {
        let chosen = self.chooser.branch(n);
        self.steps.note(chosen as u64);
        chosen
    }

    pub(crate) fn branched(&mut self, into: usize) {
        self.chooser.branched(into);
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.random += 1;
        super::pct::Rng::new(self.random).next()
    }

    /// Records that the running goroutine has panicked.
    pub(crate) fn panicked(&mut self, gp: NonNull<G>, text: String, nobody_joins: bool) {
        let Some(&number) = self.numbers.get(&gp) else {
            return;
        };
        if nobody_joins || number == 1 {
            self.verdict.get_or_insert(Verdict::Panic(number, text));
        } else {
            self.member(number).panic = Some(text);
        }
    }

    /// Records that the outcome of `gp` has been taken.
    pub(crate) fn joined(&mut self, gp: NonNull<G>) {
        if let Some(&number) = self.numbers.get(&gp) {
            self.member(number).panic = None;
        }
    }

    /// Returns the first panic whose goroutine was never joined, when the schedule has ended.
    pub(crate) fn forgotten_panic(&self) -> Option<Verdict> {
        let mut members = self.members.iter().zip(1..);
        members.find_map(|(member, number)| {
            let text = member.panic.clone()?;
            Some(Verdict::Panic(number, text))
        })
    }

    /// Returns the goroutines that have not ended, with their numbers.
    pub(crate) fn left(&self) -> impl Iterator<Item = (u32, NonNull<G>)> {
        let members = self.members.iter().zip(1..);
        members
            .filter(|(member, _)| !member.has_ended)
            .map(|(member, number)| (number, member.gp))
    }

    /// Returns a goroutine's number and its name.
    pub(crate) fn name(&self, number: u32) -> String {
        match &self.members[number as usize - 1].name {
            Some(name) => format!("goroutine {number} {name:?}"),
            None => format!("goroutine {number}"),
        }
    }
}
