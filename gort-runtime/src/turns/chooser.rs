//! Chooses which goroutine is next: one interface to all ways of choosing.

use super::choice::Turn;
use super::pct::{Pct, Rng};
use super::seed::{Path, Plan};
use super::tree::Tree;

/// Makes the choices of one schedule, or, as a [`Tree`], of all schedules.
#[derive(Debug)]
pub(crate) enum Chooser {
    Random(Rng),
    Pct(Pct),
    /// Repeats what a tree has chosen before.
    Path(Replay),
    Tree(Box<Tree>),
}

impl Chooser {
    /// Creates a chooser that follows `plan`. If the plan is the number of a schedule, creates the
    /// tree that counts schedules.
    pub(crate) fn of(plan: &Plan) -> Self {
        match plan {
            Plan::Random(seed) => Self::Random(Rng::new(*seed)),
            &Plan::Pct {
                changes,
                log2_steps,
                random,
            } => Self::Pct(Pct::new(changes, log2_steps, random)),
            Plan::Path(path) => Self::Path(Replay::new(path.clone())),
            Plan::Number(_) => Self::Tree(Box::default()),
        }
    }

    /// Returns the index of the candidate that gets the turn.
    pub(crate) fn turn(&mut self, turn: &Turn<'_>) -> usize {
        let free = turn.candidates.iter().enumerate();
        let mut free = free.filter(|(_, candidate)| !candidate.is_barred);
        match self {
            Self::Pct(pct) => pct.turn(turn),
            Self::Tree(tree) => tree.turn(turn),
            Self::Random(rng) => {
                let n = free.clone().count();
                let nth = if n < 2 { 0 } else { rng.below(n) };
                free.nth(nth).map_or(0, |(i, _)| i)
            }
            Self::Path(replay) => {
                let n = free.clone().count();
                let nth = if n < 2 { 0 } else { replay.next(n) };
                free.nth(nth).map_or(0, |(i, _)| i)
            }
        }
    }

    /// Chooses one of `n` alternatives that are not goroutines.
    pub(crate) fn branch(&mut self, n: usize) -> usize {
        match self {
            _ if n < 2 => 0,
            Self::Random(rng) => rng.below(n),
            Self::Pct(pct) => pct.rng().below(n),
            Self::Path(replay) => replay.next(n),
            Self::Tree(tree) => tree.branch(n),
        }
    }

    /// Tells the chooser the result of the last [`branch`](Self::branch).
    pub(crate) fn branched(&mut self, into: usize) {
        if let Self::Tree(tree) = self {
            tree.branched(into);
        }
    }
}

/// Replays the choices of a [`Path`].
#[derive(Debug)]
pub(crate) struct Replay {
    /// The choices that are not the first option. Each entry says how many choices of the first
    /// option lie between the entry before and this one, and which option is taken.
    path: std::vec::IntoIter<(u32, u32)>,
    next: Option<(u32, u32)>,
}

impl Replay {
    fn new(path: Path) -> Self {
        let mut path = path.0.into_iter();
        let next = path.next();
        Self { path, next }
    }

    fn next(&mut self, n: usize) -> usize {
        match &mut self.next {
            None => 0,
            Some((0, which)) => {
                let which = *which as usize;
                self.next = self.path.next();
                // `which` is out of range only if the program has changed since.
                which.min(n - 1)
            }
            Some((between, _)) => {
                *between -= 1;
                0
            }
        }
    }
}
