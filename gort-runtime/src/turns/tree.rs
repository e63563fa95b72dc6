//! Every schedule, one after the other: a walk through the tree of choices, depth first.
//!
//! A run repeats the choices of the one before up to the last at which something is left to choose, and chooses that;
//! from there on it takes the first that there is.
//!
//! # Equal schedules
//! Where it makes no difference which of two goroutines takes its step first, the two orders are one schedule. The second is
//! not run: *sleep sets* (Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996). Once
//! all that begins with a goroutine's step at some choice has been run, the goroutine sleeps in what begins with another's
//! step there, until a step is taken that touches what its own would.
//!
//! What a step touches is known in two ways. Of a step that has been taken in this run: from what it touched. Of a step that
//! has not: from the operation before which its goroutine waits, provided that in the run in which it was taken, at that
//! very choice, it touched nothing else that is known by an address (`others`). Only addresses of one run are compared.
//!
//! A step that begins a goroutine, or comes after `go!` or `yield_now`, may well touch what nobody sees, plain atomics: so all these
//! count as touching one thing.
//!
//! A run in which all who could run are asleep is equal to one before. It cannot be given up, since goroutines
//! cannot be unwound: it goes on to its end, and nothing below that choice is chosen again (`repeats`).
//!
//! And a choice is made otherwise only where that may come to something else (`races.rs`).
//!
//! # What is kept
//! A node for each choice of the present run, but those that were made when it was known to be a repetition.

use super::choice::{Candidate, Footprint, Thing, Turn};
use super::races::Races;
use super::seed::Path;

/// One whose step need not be taken here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asleep {
    number: u32,
    /// What its step touched beside what it began with; `None`: nobody knows.
    others: Option<Vec<Thing>>,
}

#[derive(Debug)]
enum Kind {
    Turn {
        /// Who slept here when the choice was first met.
        asleep: Vec<Asleep>,
        /// All that begins with their steps has been run.
        done: Vec<Asleep>,
        /// What the present choice's step touched beside what it began with.
        others: Option<Vec<Thing>>,
        /// Who is worth while to be chosen here.
        wanted: Vec<u32>,
    },
    Branch {
        /// What came of those that have been run.
        into: Vec<usize>,
    },
}

#[derive(Debug)]
struct Node {
    /// Goroutines' numbers; or numbers from 0 on.
    options: Vec<u32>,
    /// Which is chosen now.
    chosen: usize,
    kind: Kind,
}

/// The tree, as far as it has to be known.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// How many choices of this run have a node.
    depth: usize,
    /// The choices before the next, all of them.
    choices: u32,
    /// Those that were not the first.
    path: Path,
    /// Choices since the last of these.
    between: u32,
    asleep: Vec<Asleep>,
    /// Whose step is the last, after the choice at which node, and what it was to touch.
    last: Option<(u32, Option<usize>, Thing)>,
    races: Races,
    /// The present run is equal to one before.
    repeats: bool,
    /// The present run has met other choices than the one before.
    strays: bool,
}

impl Tree {
    /// Which of the candidates runs.
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
        } else if self.repeats || self.strays {
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

    /// Chooses one of `n`.
    pub(crate) fn branch(&mut self, n: usize) -> usize {
        let chosen = if let Some(known) = self.known(|node| node.options.len() == n) {
            self.nodes[known].chosen
        } else if self.repeats || self.strays {
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

    /// What came of the last branch: if the same came of another, the rest of this run is known.
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

    /// The node of this choice, if the run before has been here, and it is the same choice.
    fn known(&mut self, is_same: impl FnOnce(&Node) -> bool) -> Option<usize> {
        if self.strays || self.depth >= self.nodes.len() {
            return None;
        }
        self.strays = !is_same(&self.nodes[self.depth]);
        (!self.strays).then_some(self.depth)
    }

    /// The choice has been made. Its node, if it has one.
    fn moves_on(&mut self, chosen: usize) -> Option<usize> {
        self.choices += 1;
        if chosen == 0 {
            self.between += 1;
        } else {
            self.path.0.push((self.between, chosen as u32));
            self.between = 0;
        }
        if self.repeats || self.strays {
            return None;
        }
        self.depth += 1;
        Some(self.depth - 1)
    }

    /// The step since the last choice has ended: who is woken by what it touched.
    fn step_ends(&mut self, touched: &Footprint, candidates: &[Candidate]) {
        if let Some((number, node, thing)) = self.last {
            if let Some(Kind::Turn { others, .. }) = self.turn_at(node) {
                *others = touched.others_than(thing);
            }
            self.look_for_races(touched, number, node);
        }
        for candidate in candidates {
            let starter = self.last.map(|(number, ..)| number);
            self.races.is_there(candidate.number, starter);
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

    /// `number` has taken a step, after the choice at `node`: where it is to be tried instead of whoever has been chosen.
    fn look_for_races(&mut self, touched: &Footprint, number: u32, node: Option<usize>) {
        // Also in a run that repeats: who sleeps has races with those before.
        if self.strays {
            return;
        }
        let nodes = &mut self.nodes;
        let mut want = |at: usize, number: Option<u32>| {
            let Node { options, kind, .. } = &mut nodes[at];
            if let Kind::Turn { wanted, asleep, .. } = kind {
                // Who sleeps there is not tried there: others may have to be, to come to the same.
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

    /// The run is over, and its last step has touched this.
    pub(crate) fn run_ends(&mut self, touched: &Footprint) {
        self.step_ends(touched, &[]);
    }

    /// Begins with the next run, after [`run_ends`](Self::run_ends). False: there is none.
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

    /// The choices of the present run.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the present run has met other choices than the one before.
    pub(crate) fn strays(&self) -> bool {
        self.strays || self.depth < self.nodes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::choice::EVERYTHING;
    use super::super::pct::Rng;
    use super::*;
    use std::collections::BTreeSet;

    /// What each goroutine touches, step by step. An address is even.
    type Program = Vec<Vec<Thing>>;

    /// A run: who took a step, and what it touched.
    type Run = Vec<(u32, Thing)>;

    fn numbers(program: &Program) -> impl Iterator<Item = u32> {
        1..=program.len() as u32
    }

    /// What of a run matters: of each two steps that have something in common, which came first.
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

    /// All runs, one by one.
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

    /// The runs that a tree chooses.
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
            assert!(!tree.strays());
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
