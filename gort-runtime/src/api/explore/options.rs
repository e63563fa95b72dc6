//! The options of an exploration, and the loop over the schedules.

use super::failure::{Failure, FailureKind};
use super::plans::{NextPlan, Plans};
use super::run::{Fate, Program, run_one};
use super::strategy::{Report, Strategy};
use crate::api::handle::spawn;
use crate::base::config::setting;
use crate::bubble::home::bubble;
use crate::panics::panicking::go_on_exiting;
use crate::panics::unwind::raise;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use crate::turns::chooser::Chooser;
use crate::turns::gate::Exploring;
use crate::turns::schedule::Schedule;
use crate::turns::seed::Plan;
use crate::wait::maywait::MayWait;
use std::panic::Location;
use std::sync::Arc;

/// Default number of schedules.
const DEFAULT_SCHEDULES: u64 = 1_000;
/// Default maximum number of steps in a schedule.
const DEFAULT_MAX_STEPS: u64 = 100_000;
/// The seed, if neither the program nor the environment gives one.
const DEFAULT_SEED: u64 = 1;

const OTHER_CHOICES: &str = "the repeated schedule met other choices than before: the program has \
    changed, or it depends on more than its schedule (hash maps with random keys, addresses, real \
    time, threads that are not goroutines)";

/// Options of an exploration, which runs a program under many schedules.
///
/// ```
/// use gort::explore::{FailureKind, Options};
/// use gort::prelude::*;
/// use std::sync::Arc;
///
/// // Reads under the lock and writes under the lock, but releases it in between.
/// let failure = Options::new()
///     .schedules(100)
///     .run(|| {
///         let count = Arc::new(Mutex::new(0));
///         let add = |count: Arc<Mutex<i32>>| {
///             let before = *count.lock();
///             *count.lock() = before + 1;
///         };
///         let other = go!(clone [count]; { add(count) });
///         add(Arc::clone(&count));
///         other.join().unwrap();
///         assert_eq!(*count.lock(), 2, "an update is lost");
///     })
///     .unwrap_err();
/// assert_eq!(failure.kind(), FailureKind::Panic);
/// println!("{failure}"); // Who did what, in which order, and the seed that repeats it.
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    schedules: Option<u64>,
    seed: Option<u64>,
    strategy: Option<Strategy>,
    max_steps: Option<u64>,
}

impl Options {
    /// Creates options with the defaults: 1,000 schedules. If the program is small, that covers all
    /// its schedules. Otherwise some are chosen by priorities, and some at random.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many schedules are run.
    #[must_use]
    pub fn schedules(mut self, n: u64) -> Self {
        self.schedules = Some(n);
        self
    }

    /// Sets the seed from which all choices are drawn. If it is the seed of a [`Failure`], the
    /// schedule that failed is run first. Without this, `GORT_EXPLORE_SEED` is used, or else a
    /// fixed seed.
    ///
    /// ```
    /// use gort::explore::{Options, Strategy};
    /// use gort::prelude::*;
    ///
    /// let at_random = Options::new().strategy(Strategy::Random).seed(7);
    /// let report = at_random.schedules(50).run(|| assert!(go!(|| 1).join().is_ok()));
    /// assert_eq!(report.unwrap().schedules, 50);
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how schedules are chosen. Without this, the first half of the runs goes through all
    /// schedules one after the other, as [`Strategy::Exhaustive`] does. If that does not cover all
    /// schedules, the second half alternates between priorities ([`Strategy::Pct`]) and random
    /// choices.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Sets how many steps a schedule may have. Steps are operations, counted over all goroutines.
    /// The default is 100,000.
    ///
    /// ```
    /// use gort::explore::{FailureKind, Options};
    /// use gort::prelude::*;
    ///
    /// let failure = Options::new().max_steps(1_000).run(|| loop {
    ///     yield_now();
    /// });
    /// assert_eq!(failure.unwrap_err().kind(), FailureKind::TooManySteps);
    /// ```
    #[must_use]
    pub fn max_steps(mut self, n: u64) -> Self {
        self.max_steps = Some(n);
        self
    }

    /// Runs `f` under one schedule after the other, until it fails under one.
    ///
    /// Each run of `f` has a goroutine of its own, in a new bubble (see
    /// [`synctest`](crate::synctest)), with virtual time. It lasts until all goroutines that `f`
    /// has started have ended. One goroutine runs at a time. A choice of which goroutine continues
    /// is made before each operation of gort, after each `go!`, and in `yield_now`. The arm that a
    /// `select!` takes is chosen in the same way.
    ///
    /// # Errors
    /// Returns the first schedule under which `f` panics, a goroutine that is never joined panics,
    /// goroutines wait for something that never comes, or the run does not end. The goroutines of
    /// that schedule never continue, and keep everything they own.
    ///
    /// # Panics
    /// Panics if called in a bubble or on the system stack, or if a goroutine cannot be started.
    #[track_caller]
    pub fn run(self, f: impl Fn() + Send + Sync + 'static) -> Result<Report, Failure> {
        let _ = MayWait::check(WaitReason::SynctestRun);
        go_on_exiting();
        assert!(
            bubble().is_none(),
            "`Options::run` in a bubble: each schedule has a bubble of its own, and bubbles do not nest"
        );
        let site = Location::caller();
        let program: Program = Arc::new(f);
        if tls::getg().is_some() {
            return self.explore(&program, site);
        }
        match spawn(move || self.explore(&program, site)).join() {
            Ok(outcome) => outcome,
            Err(e) => match e.try_into_panic() {
                Ok(payload) => raise(payload),
                Err(_exited) => unreachable!("the exploring goroutine does not exit"),
            },
        }
    }

    fn explore(
        self,
        program: &Program,
        site: &'static Location<'static>,
    ) -> Result<Report, Failure> {
        let _exploring = Exploring::new();
        let schedules = self.schedules.unwrap_or(DEFAULT_SCHEDULES);
        let seed = self
            .seed
            .or_else(seed_of_environment)
            .unwrap_or(DEFAULT_SEED);
        let max_steps = self.max_steps.unwrap_or(DEFAULT_MAX_STEPS);
        let mut run = 0;
        let mut one = |plan: Plan, chooser, repeats: Option<u16>| {
            run += 1;
            let done = run_one(program, Schedule::new(chooser, max_steps), site);
            let diverges = repeats.is_some_and(|sum| sum != 0 && sum != done.schedule.steps.sum());
            if diverges {
                return Err(done.into_failure(
                    Some((FailureKind::OtherChoices, OTHER_CHOICES)),
                    run,
                    plan,
                ));
            }
            match done.fate {
                Fate::Passed => Ok((done.schedule, plan)),
                Fate::Failed(..) => Err(done.into_failure(None, run, plan)),
            }
        };
        let mut left = schedules;
        if let Some((plan, sum)) = Plan::of(seed).filter(|_| schedules != 0) {
            let chooser = match plan {
                Plan::Number(number) => at_number(program, number, max_steps, site)
                    .map_or_else(|| Chooser::of(&plan), Chooser::Tree),
                _ => Chooser::of(&plan),
            };
            one(plan, chooser, Some(sum))?;
            left -= 1;
        }
        let mut plans = Plans::new(self.strategy, seed, left);
        while left != 0 {
            let NextPlan::Run(plan, chooser) = plans.next() else {
                break;
            };
            let (schedule, plan) = one(plan, chooser, None)?;
            left -= 1;
            let steps = schedule.steps.len();
            let shown = schedule.text();
            let sum = schedule.steps.sum();
            if !plans.passed(schedule.into_chooser(), steps) {
                return Err(Failure {
                    kind: FailureKind::OtherChoices,
                    schedules: run,
                    seed: plan.seed(sum),
                    message: OTHER_CHOICES.to_owned(),
                    steps: shown,
                });
            }
        }
        Ok(Report {
            schedules: run,
            exhausted: plans.are_exhausted(),
        })
    }
}

/// Returns the tree as it is before schedule `number`. To get there, runs all earlier schedules
/// again, which have passed before. Returns `None` if the program has changed.
fn at_number(
    program: &Program,
    number: u64,
    max_steps: u64,
    site: &'static Location<'static>,
) -> Option<Box<crate::turns::tree::Tree>> {
    let mut tree = Box::default();
    for _ in 0..number {
        let done = run_one(program, Schedule::new(Chooser::Tree(tree), max_steps), site);
        let Chooser::Tree(used) = done.schedule.into_chooser() else {
            return None;
        };
        tree = used;
        if tree.diverges() || !tree.next_run() {
            return None;
        }
    }
    Some(tree)
}

fn seed_of_environment() -> Option<u64> {
    setting("GORT_EXPLORE_SEED", "a number", |text| {
        text.strip_prefix("0x").map_or_else(
            || text.parse().ok(),
            |hex| u64::from_str_radix(hex, 16).ok(),
        )
    })
}
