//! Runs every schedule, one after the other: a depth-first walk through the tree of choices.
//!
//! A run repeats the choices of the previous run up to the last one that has an alternative left,
//! and takes that alternative. From there on it always takes the first option.
//!
//! # Equal schedules
//! If it makes no difference which of two goroutines takes its step first, the two orders are one
//! schedule, and the second is not run. This uses *sleep sets* (Godefroid, "Partial-Order Methods
//! for the Verification of Concurrent Systems", 1996). Suppose that at some choice all runs are
//! done that begin with a step of goroutine A. In the runs that begin there with a step of another
//! goroutine, A sleeps until a step touches what A's step would touch.
//!
//! What a step touches is known in one of two ways. A step that has been taken in this run was
//! recorded. A step that is still to be taken touches the object of the operation at which its
//! goroutine waits. What else it touches is known from the earlier run in which it was taken at
//! that very choice (`others`), unless it touched another address in that run: addresses are
//! compared only within one run.
//!
//! A step that begins a goroutine, or follows `go!` or `yield_now`, may touch plain atomics, which
//! the runtime cannot see. So all such steps count as touching one common thing.
//!
//! A run in which all goroutines that could run are asleep is equal to an earlier one. It cannot be
//! abandoned, because goroutines cannot be unwound. It runs to its end, and the choices after this
//! point are not varied (`repeats`).
//!
//! Finally, a choice is varied only if that may lead to another outcome (`races.rs`).
//!
//! # What is kept
//! The tree keeps one node for each choice of the current run, except choices made after the run
//! was known to be a repetition.

use super::choice::{Candidate, Footprint, Thing, Turn};
use super::races::Races;
use super::seed::Path;

/// A goroutine whose next step need not be tried at this choice.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asleep {
    number: u32,
    /// What its step touched in addition to what it began with. `None` if unknown.
    others: Option<Vec<Thing>>,
}

#[derive(Debug)]
enum Kind {
    Turn {
        /// The goroutines that slept here when the choice was first met.
        asleep: Vec<Asleep>,
        /// Goroutines for which all runs that begin with their step are done.
        done: Vec<Asleep>,
        /// What the step of the current choice touched in addition to what it began with.
        others: Option<Vec<Thing>>,
        /// The goroutines that are worth trying here.
        wanted: Vec<u32>,
    },
    Branch {
        /// The results of the options that have been run.
        into: Vec<usize>,
    },
}

#[derive(Debug)]
struct Node {
    /// The numbers of the goroutines that could run. For a branch, the numbers from 0 on.
    options: Vec<u32>,
    /// The index of the current choice.
    chosen: usize,
    kind: Kind,
}

/// The part of the tree that is still needed.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// How many choices of this run have a node.
    depth: usize,
    /// How many choices this run has made.
    choices: u32,
    /// The choices that were not the first option.
    path: Path,
    /// Number of choices since the last entry of `path`.
    between: u32,
    asleep: Vec<Asleep>,
    /// The last step: its goroutine, the node of the choice before it, and what it was going to
    /// touch.
    last: Option<(u32, Option<usize>, Thing)>,
    races: Races,
    /// Whether the current run is equal to an earlier one.
    repeats: bool,
    /// Whether the current run has met other choices than the previous one.
    diverges: bool,
}

impl Tree {
    /// Returns the index of the candidate that runs.
    pub(crate) fn turn(&mut self, turn: &Turn<'_>) -> usize {
        self.step_ends(turn.touched, turn.candidates);
        let free: Vec<usize> = (0..turn.candidates.len())
            .filter(|&i| !turn.candidates[i].is_barred)
            .collect();
        let number = |i: usize| turn.candidates[free[i]].number;
        let sleeps = |asleep: &[Asleep], i| asleep.iter().any(|a| a.number == number(i));
        if let [only] = free[..] {
            self.repeats |= sleeps(&self.asleep, 0);
            let candidate = turn.candidates[only];
            self.last = Some((candidate.number, None, candidate.thing));
            return only;
        }
        let known = self.known(|node| {
            node.options.len() == free.len()
                && (0..free.len()).all(|i| node.options[i] == number(i))
        });
        let chosen = if let Some(known) = known {
            let node = &self.nodes[known];
            if let Kind::Turn { asleep, done, .. } = &node.kind {
                self.asleep = asleep.iter().chain(done).cloned().collect();
            }
            node.chosen
        } else if self.repeats || self.diverges {
            0
        } else if let Some(awake) = (0..free.len()).find(|&i| !sleeps(&self.asleep, i)) {
            self.nodes.push(Node {
                options: (0..free.len()).map(number).collect(),
                chosen: awake,
                kind: Kind::Turn {
                    asleep: self.asleep.clone(),
                    done: Vec::new(),
                    others: None,
                    wanted: Vec::new(),
                },
            });
            awake
        } else {
            self.repeats = true;
            0
        };
        let place = free[chosen];
        let candidate = turn.candidates[place];
        let node = self.moves_on(chosen);
        self.last = Some((candidate.number, node, candidate.thing));
        self.asleep.retain(|a| a.number != candidate.number);
        place
    }

    /// Chooses one of `n` alternatives.
    pub(crate) fn branch(&mut self, n: usize) -> usize {
        let chosen = if let Some(known) = self.known(|node| node.options.len() == n) {
            self.nodes[known].chosen
        } else if self.repeats || self.diverges {
            0
        } else {
            self.nodes.push(Node {
                options: (0..n as u32).collect(),
                chosen: 0,
                kind: Kind::Branch { into: Vec::new() },
            });
            0
        };
        self.moves_on(chosen);
        chosen
    }

    /// Records the result of the last branch. If another option had the same result, this run
    /// repeats an earlier one from here on.
    pub(crate) fn branched(&mut self, now: usize) {
        if self.repeats || self.depth != self.nodes.len() {
            return;
        }
        if let Some(Node {
            kind: Kind::Branch { into },
            ..
        }) = self.nodes.last_mut()
        {
            if into.contains(&now) {
                self.repeats = true;
            } else {
                into.push(now);
            }
        }
    }

    /// Returns the node of this choice, if the previous run met the same choice here.
    fn known(&mut self, is_same: impl FnOnce(&Node) -> bool) -> Option<usize> {
        if self.diverges || self.depth >= self.nodes.len() {
            return None;
        }
        self.diverges = !is_same(&self.nodes[self.depth]);
        (!self.diverges).then_some(self.depth)
    }

    /// Records that the choice has been made. Returns its node, if it has one.
    fn moves_on(&mut self, chosen: usize) -> Option<usize> {
        self.choices += 1;
        if chosen == 0 {
            self.between += 1;
        } else {
            self.path.0.push((self.between, chosen as u32));
            self.between = 0;
        }
        if self.repeats || self.diverges {
            return None;
        }
        self.depth += 1;
        Some(self.depth - 1)
    }

    /// Ends the step since the last choice, and wakes the sleeping goroutines whose steps conflict
    /// with what it touched.
    fn step_ends(&mut self, touched: &Footprint, candidates: &[Candidate]) {
        if let Some((number, node, thing)) = self.last {
            if let Some(Kind::Turn { others, .. }) = self.turn_at(node) {
                *others = touched.others_than(thing);
            }
            self.look_for_races(touched, number, node);
        }
        for candidate in candidates {
            let starter = self.last.map(|(number, ..)| number);
            self.races.record_runnable(candidate.number, starter);
        }
        self.last = None;
        self.asleep.retain(|asleep| {
            let mut candidates = candidates.iter();
            let itself = candidates.find(|candidate| candidate.number == asleep.number);
            let (Some(itself), Some(others)) = (itself, &asleep.others) else {
                return false;
            };
            let mut things = others.iter().copied().chain([itself.thing]);
            things.all(|thing| touched.commutes_with(thing))
        });
    }

    fn turn_at(&mut self, node: Option<usize>) -> Option<&mut Kind> {
        self.nodes.get_mut(node?).map(|node| &mut node.kind)
    }

    /// Records a step of `number`, after the choice at `node`, and marks the choices at which
    /// `number` must be tried instead.
    fn look_for_races(&mut self, touched: &Footprint, number: u32, node: Option<usize>) {
        // Done in a run that repeats, too: sleeping goroutines have races with earlier steps.
        if self.diverges {
            return;
        }
        let nodes = &mut self.nodes;
        let mut want = |at: usize, number: Option<u32>| {
            let Node { options, kind, .. } = &mut nodes[at];
            if let Kind::Turn { wanted, asleep, .. } = kind {
                // A goroutine that sleeps there is not tried there. Other goroutines may have to be
                // tried, to reach the same outcome.
                let sleeps = |number| asleep.iter().any(|a| a.number == number);
                match number.filter(|number| options.contains(number) && !sleeps(*number)) {
                    Some(number) => wanted.push(number),
                    None => wanted.clone_from(options),
                }
            }
        };
        if self.races.are_too_many() {
            (0..self.depth).for_each(|at| want(at, None));
        } else {
            self.races
                .step(number, touched, node, |at| want(at, Some(number)));
        }
    }

    /// Ends the run. `touched` is what its last step touched.
    pub(crate) fn run_ends(&mut self, touched: &Footprint) {
        self.step_ends(touched, &[]);
    }

    /// Moves on to the next run, after [`run_ends`](Self::run_ends). Returns `false` if there is
    /// none.
    pub(crate) fn next_run(&mut self) -> bool {
        self.depth = 0;
        self.choices = 0;
        self.path = Path::default();
        self.between = 0;
        self.asleep.clear();
        self.last = None;
        self.races.clear();
        self.repeats = false;
        while let Some(node) = self.nodes.last_mut() {
            let next = match &mut node.kind {
                Kind::Branch { .. } => (node.chosen + 1..node.options.len()).next(),
                Kind::Turn {
                    asleep,
                    done,
                    others,
                    wanted,
                } => {
                    done.push(Asleep {
                        number: node.options[node.chosen],
                        others: others.take(),
                    });
                    let is_left = |number| {
                        let mut out = asleep.iter().chain(done.iter());
                        !out.any(|a| a.number == number)
                    };
                    (0..node.options.len())
                        .find(|&i| wanted.contains(&node.options[i]) && is_left(node.options[i]))
                }
            };
            if let Some(next) = next {
                node.chosen = next;
                return true;
            }
            self.nodes.pop();
        }
        false
    }

    /// Returns the choices of the current run.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the current run has met other choices than the previous one.
    pub(crate) fn diverges(&self) -> bool {
        self.diverges || self.depth < self.nodes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::choice::EVERYTHING;
    use super::super::pct::Rng;
    use super::*;
    use std::collections::BTreeSet;

    /// What each goroutine touches, step by step. Addresses are even.
    type Program = Vec<Vec<Thing>>;

    /// A run: which goroutine took each step, and what the step touched.
    type Run = Vec<(u32, Thing)>;

    fn numbers(program: &Program) -> impl Iterator<Item = u32> {
        1..=program.len() as u32
    }

    /// Returns the outcome of a run: for each two steps that have something in common, which came
    /// first.
    fn outcome(run: &Run) -> BTreeSet<[(u32, usize); 2]> {
        let nth = |at: usize| run[..at].iter().filter(|step| step.0 == run[at].0).count();
        let name = |at: usize| (run[at].0, nth(at));
        let mut pairs = BTreeSet::new();
        for second in 0..run.len() {
            for first in 0..second {
                let (a, b) = (run[first].1, run[second].1);
                if a == b || a == EVERYTHING || b == EVERYTHING {
                    pairs.insert([name(first), name(second)]);
                }
            }
        }
        pairs
    }

    /// Calls `see` with every possible run.
    fn all_runs(program: &Program, run: &mut Run, see: &mut impl FnMut(&Run)) {
        let mut is_over = true;
        for number in numbers(program) {
            let taken = run.iter().filter(|step| step.0 == number).count();
            if let Some(&thing) = program[number as usize - 1].get(taken) {
                is_over = false;
                run.push((number, thing));
                all_runs(program, run, see);
                run.pop();
            }
        }
        if is_over {
            see(run);
        }
    }

    /// Returns the runs that a tree chooses.
    fn runs_of_tree(program: &Program, most: usize) -> Vec<Run> {
        let mut tree = Tree::default();
        let mut runs = Vec::new();
        loop {
            let mut run = Run::new();
            let mut touched = Footprint::default();
            let mut before = 0;
            loop {
                let candidate = |number: u32| {
                    let taken = run.iter().filter(|step| step.0 == number).count();
                    let thing = *program[number as usize - 1].get(taken)?;
                    Some(Candidate {
                        number,
                        thing,
                        is_barred: false,
                    })
                };
                let order = (before.max(1)..=program.len() as u32).chain(1..before.max(1));
                let candidates: Vec<_> = order.filter_map(candidate).collect();
                if candidates.is_empty() {
                    break;
                }
                let chosen = candidates[tree.turn(&Turn {
                    candidates: &candidates,
                    yields: None,
                    touched: &touched,
                })];
                touched.clear();
                touched.add(chosen.thing);
                before = chosen.number;
                run.push((chosen.number, chosen.thing));
            }
            tree.run_ends(&touched);
            assert!(!tree.diverges());
            runs.push(run);
            assert!(runs.len() <= most, "too many runs: {program:?}");
            if !tree.next_run() {
                return runs;
            }
        }
    }

    #[test]
    fn no_outcome_is_left_out_and_few_come_twice() {
        let mut rng = Rng::new(1);
        let (mut all, mut chosen, mut different) = (0, 0, 0);
        for _ in 0..400 {
            let thing = |rng: &mut Rng| match rng.below(8) {
                0 => EVERYTHING,
                n => 2 * (1 + n % 3),
            };
            let goroutines = 2 + rng.below(2);
            let program: Program = (0..goroutines)
                .map(|_| (0..1 + rng.below(3)).map(|_| thing(&mut rng)).collect())
                .collect();
            let mut outcomes = BTreeSet::new();
            all_runs(&program, &mut Run::new(), &mut |run| {
                all += 1;
                outcomes.insert(outcome(run));
            });
            let runs = runs_of_tree(&program, 100_000);
            let found: BTreeSet<_> = runs.iter().map(outcome).collect();
            assert_eq!(found, outcomes, "{program:?}");
            chosen += runs.len();
            different += outcomes.len();
        }
        assert!(
            chosen < all / 3 && chosen < different * 3 / 2,
            "{chosen} of {all} for {different}"
        );
    }

    #[test]
    fn what_has_nothing_in_common_comes_in_one_order() {
        let apart = vec![vec![2; 4], vec![4; 4], vec![6; 4]];
        assert_eq!(runs_of_tree(&apart, 10).len(), 1);
        let together = vec![vec![2; 2], vec![2; 2]];
        assert_eq!(runs_of_tree(&together, 10).len(), 6);
    }
}
