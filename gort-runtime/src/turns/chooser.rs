//! Who is next: one interface to all ways of choosing.

use super::choice::Turn;
use super::pct::{Pct, Rng};
use super::seed::{Path, Plan};
use super::tree::Tree;

/// Chooses in one schedule; a [`Tree`] in all of them.
#[derive(Debug)]
pub(crate) enum Chooser {
    Random(Rng),
    Pct(Pct),
    /// What a tree has chosen before: how many choices are left until the next that is not the first one.
    Path(Replay),
    Tree(Box<Tree>),
}

impl Chooser {
    /// One that chooses as planned; a number needs a tree.
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

    /// Returns the place of the candidate whose turn it is.
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

    /// Chooses one of `n` that are no goroutines.
    pub(crate) fn branch(&mut self, n: usize) -> usize {
        match self {
            _ if n < 2 => 0,
            Self::Random(rng) => rng.below(n),
            Self::Pct(pct) => pct.rng().below(n),
            Self::Path(replay) => replay.next(n),
            Self::Tree(tree) => tree.branch(n),
        }
    }

    /// What came of the last [`branch`](Self::branch), if anything.
    pub(crate) fn branched(&mut self, into: usize) {
        if let Self::Tree(tree) = self {
            tree.branched(into);
        }
    }
}

/// The choices of a [`Path`].
#[derive(Debug)]
pub(crate) struct Replay {
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
                // Only in a program that is not the same any more.
                which.min(n - 1)
            }
            Some((between, _)) => {
                *between -= 1;
                0
            }
        }
    }
}
