//! Decides which schedule comes next.

use super::strategy::Strategy;
use crate::turns::chooser::Chooser;
use crate::turns::pct::Rng;
use crate::turns::seed::{MAX_CHANGES, Plan};
use crate::turns::tree::Tree;

/// Default number of priority changes in a schedule.
const DEFAULT_CHANGES: usize = 3;
/// log2 of the number of steps among which the changes fall, before any schedule has been run.
const INITIAL_LOG2: u32 = 5;
/// Maximum value of this logarithm.
const MAX_LOG2: u32 = 20;

/// The next schedule.
#[derive(Debug)]
pub(super) enum NextPlan {
    Run(Plan, Chooser),
    /// There is no other schedule.
    Exhausted,
}

/// The schedules of one exploration, one after the other.
#[derive(Debug)]
pub(super) struct Plans {
    strategy: Option<Strategy>,
    seed: u64,
    /// How many schedules are to be run.
    schedules: u64,
    /// The tree, between two schedules. `None` while a schedule runs with it, or if there is none.
    tree: Option<Box<Tree>>,
    is_exhausted: bool,
    /// How many schedules were handed out.
    handed_out: u64,
    /// How many of these schedules came from the tree.
    of_tree: u64,
    /// Number of steps of the longest schedule so far.
    longest: u64,
}

impl Plans {
    pub(super) fn new(strategy: Option<Strategy>, seed: u64, schedules: u64) -> Self {
        let wants_tree = match strategy {
            None => schedules >= 2,
            Some(strategy) => strategy == Strategy::Exhaustive,
        };
        Self {
            strategy,
            seed,
            schedules,
            tree: wants_tree.then(Box::default),
            is_exhausted: false,
            handed_out: 0,
            of_tree: 0,
            longest: 0,
        }
    }

    pub(super) fn next(&mut self) -> NextPlan {
        if self.is_exhausted {
            return NextPlan::Exhausted;
        }
        let number = self.handed_out;
        self.handed_out += 1;
        if self.strategy.is_none() && self.of_tree >= self.schedules / 2 {
            self.tree = None;
        }
        if let Some(tree) = self.tree.take() {
            self.of_tree += 1;
            return NextPlan::Run(Plan::Number(self.of_tree - 1), Chooser::Tree(tree));
        }
        // Mixes in the number by a multiplier that is not the generator's own step, so that this
        // seed's schedules are not those of the next seed.
        let mut rng = Rng::new(self.seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let random = rng.next() >> 20;
        let plan = match self.strategy {
            Some(Strategy::Random) => Plan::Random(random),
            Some(Strategy::Pct { changes }) => self.pct(changes, random),
            None if number.is_multiple_of(2) => self.pct(DEFAULT_CHANGES, random),
            None | Some(Strategy::Exhaustive) => Plan::Random(random),
        };
        // Replaces the plan by the one that its seed stands for, because a repetition runs that
        // one.
        let plan = Plan::of(plan.seed(0)).map_or(plan, |(plan, _)| plan);
        let chooser = Chooser::of(&plan);
        NextPlan::Run(plan, chooser)
    }

    pub(super) fn are_exhausted(&self) -> bool {
        self.is_exhausted
    }

    fn pct(&self, changes: usize, random: u64) -> Plan {
        Plan::Pct {
            changes: changes.min(MAX_CHANGES) as u32,
            log2_steps: match self.longest {
                0 | 1 => INITIAL_LOG2,
                longest => ((longest - 1).ilog2() + 1).min(MAX_LOG2),
            },
            random,
        }
    }

    /// Records that a schedule has ended without a failure. Returns `false` if the user asked for
    /// the tree, but this schedule has met other choices than the previous one.
    pub(super) fn passed(&mut self, chooser: Chooser, steps: u64) -> bool {
        self.longest = self.longest.max(steps);
        let Chooser::Tree(mut tree) = chooser else {
            return true;
        };
        if tree.diverges() {
            // Continues without a tree, unless the user asked for one.
            return self.strategy.is_none();
        }
        if tree.next_run() {
            self.tree = Some(tree);
        } else {
            self.is_exhausted = true;
        }
        true
    }
}
