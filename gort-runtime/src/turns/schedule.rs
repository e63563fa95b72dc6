//! One schedule while it runs: who is in it, whose turn it is, and what has been done.
//!
//! Everything here is under the lock of `explorer.rs`, which also says what turns are.

use super::choice::{Candidate, Footprint, NUMBERS, Thing, Turn, UNSEEN, end_of};
use super::chooser::Chooser;
use super::steps::{Step, Steps};
use crate::proc::g::G;
use std::collections::HashMap;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// How often a goroutine may yield in a row, and do nothing else, before all others that can run have had a turn.
const YIELDS: u32 = 3;

/// Whether an operation would be done without a wait, for one whose wait nobody can see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) ask: unsafe fn(*const ()) -> bool,
    pub(crate) of: *const (),
}

/// What a goroutine is about to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    /// It does not do it while the answer is no and others can run. May be asked as long as its goroutine is where it says
    /// so.
    pub(crate) question: Option<Question>,
    pub(crate) what: &'static str,
    pub(crate) thing: Thing,
    pub(crate) site: Option<&'static Location<'static>>,
}

/// Why a schedule was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Of this goroutine, whom nobody joins, with this text.
    Panic(u32, String),
    TooManySteps,
}

/// What is known of a goroutine.
#[derive(Debug)]
pub(crate) struct Member {
    gp: NonNull<G>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) has_ended: bool,
    /// What it panicked with, until somebody has joined it.
    panic: Option<String>,
    /// What it does in its next turn first.
    act: Act,
    /// That has not been written down as a step.
    is_new: bool,
    /// Yields in a row.
    yields: u32,
    /// Those who have to have a turn before it has one.
    waits_for: Vec<u32>,
}

impl Member {
    fn would_wait(&self) -> bool {
        self.act.question.is_some_and(|question| {
            // SAFETY: the goroutine is at its point, which has made the question: it has not had a turn since
            // (`has_turn`).
            !unsafe { (question.ask)(question.of) }
        })
    }
}

// SAFETY: the pointers are to a G, which is one for ever (`record/mod.rs`, promise 1), and which any thread may queue; and
// to what may be asked on any thread (`point.rs`).
unsafe impl Send for Member {}

/// See the header.
#[derive(Debug)]
pub(crate) struct Schedule {
    chooser: Chooser,
    max_steps: u64,
    pub(crate) steps: Steps,
    /// Number 1 is the first.
    members: Vec<Member>,
    numbers: HashMap<NonNull<G>, u32>,
    /// Those that could run, in the order of their numbers.
    runnable: Vec<u32>,
    /// Whose turn it is.
    running: Option<u32>,
    /// Who had the turn before.
    before: u32,
    /// What has been touched in this turn.
    touched: Footprint,
    /// Somebody is barred by `waits_for`.
    some_wait: bool,
    pub(crate) verdict: Option<Verdict>,
    /// Random numbers that decide nothing which anybody explores.
    random: u64,
}

// SAFETY: as of `Member`: the keys are pointers to Gs, and only compared.
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

    /// What chose, after the schedule.
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

    /// A goroutine is being started.
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
                // The first is started by who explores.
                site: (!self.members.is_empty()).then_some(at),
            },
            is_new: true,
            yields: 0,
            waits_for: Vec::new(),
        });
        self.touched.add(NUMBERS);
        // A record may be used again by another goroutine.
        self.numbers.insert(gp, self.members.len() as u32);
    }

    /// The goroutine could run.
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

    /// Whoever has the turn has parked, or ended.
    pub(crate) fn leaves(&mut self, has_ended: bool) {
        if let Some(number) = self.running.take() {
            self.before = number;
            self.member(number).has_ended |= has_ended;
            if has_ended {
                self.touched.add(end_of(number));
            }
        }
    }

    /// Gives the turn to somebody, if anybody could run.
    pub(crate) fn next(&mut self, yields: Option<u32>) -> Option<NonNull<G>> {
        if self.runnable.is_empty() {
            return None;
        }
        // In the order of their numbers, beginning with who had the last turn; if he yields, behind him.
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
        self.has_turn(chosen.number);
        Some(self.member(chosen.number).gp)
    }

    fn has_turn(&mut self, number: u32) {
        self.running = Some(number);
        if self.some_wait {
            let members = self.members.iter_mut();
            members.for_each(|member| member.waits_for.retain(|&n| n != number));
            self.some_wait = self.members.iter().any(|m| !m.waits_for.is_empty());
        }
        let member = self.member(number);
        // It goes on from where it has said so.
        member.act.question = None;
        if member.is_new {
            member.is_new = false;
            let Act { what, site, .. } = member.act;
            self.steps.push(Step { number, what, site });
        }
    }

    /// Whoever has the turn is about to do this: somebody else may come first. The answer is who does, himself perhaps; none
    /// if the schedule is over.
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
        if member.yields > YIELDS && !others.is_empty() {
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

    /// Chooses one of `n`; see [`branched`](Self::branched).
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

    /// The running goroutine has panicked.
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

    /// Somebody has taken its outcome.
    pub(crate) fn joined(&mut self, gp: NonNull<G>) {
        if let Some(&number) = self.numbers.get(&gp) {
            self.member(number).panic = None;
        }
    }

    /// At the end: the first that has panicked and that nobody has joined.
    pub(crate) fn forgotten_panic(&self) -> Option<Verdict> {
        let mut members = self.members.iter().zip(1..);
        members.find_map(|(member, number)| {
            let text = member.panic.clone()?;
            Some(Verdict::Panic(number, text))
        })
    }

    /// Those that have not ended, by their numbers.
    pub(crate) fn left(&self) -> impl Iterator<Item = (u32, NonNull<G>)> {
        let members = self.members.iter().zip(1..);
        members
            .filter(|(member, _)| !member.has_ended)
            .map(|(member, number)| (number, member.gp))
    }

    /// A goroutine's number, and its name.
    pub(crate) fn name(&self, number: u32) -> String {
        match &self.members[number as usize - 1].name {
            Some(name) => format!("goroutine {number} {name:?}"),
            None => format!("goroutine {number}"),
        }
    }
}
