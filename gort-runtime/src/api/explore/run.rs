//! Runs one schedule, from its first goroutine to its last.

use super::failure::{Failure, FailureKind};
use crate::api::handle::Builder;
use crate::api::keeper::{End, run_keeper};
use crate::base::prim::Ordering::Relaxed;
use crate::bubble::clock;
use crate::bubble::pool::{PooledBubble, new_id};
use crate::panics::unwind::discard;
use crate::proc::gstatus::GStatus;
use crate::proc::waitreason::WaitReason;
use crate::sched::state::SCHED;
use crate::turns::chooser::Chooser;
use crate::turns::schedule::{Schedule, Verdict};
use crate::turns::seed::Plan;
use crate::wait::park::Current;
use crate::wait::waiter::Waiter;
use std::fmt::Write;
use std::panic::Location;
use std::sync::Arc;

/// The program that is explored.
pub(super) type Program = Arc<dyn Fn() + Send + Sync>;

/// How a schedule ended.
#[derive(Debug)]
pub(super) enum Fate {
    Passed,
    Failed(FailureKind, String),
}

/// A schedule that has ended.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) schedule: Schedule,
    pub(super) fate: Fate,
}

/// Runs the program in a new bubble. The caller, a goroutine, is its keeper.
pub(super) fn run_one(
    program: &Program,
    schedule: Schedule,
    site: &'static Location<'static>,
) -> Done {
    let current = Current::new(WaitReason::SynctestRun);
    let pooled = PooledBubble::take();
    let bubble = &pooled.bubble;
    bubble.begin(new_id(), clock::begin(), Waiter::to_word(current.waiter()));
    bubble.set_explores(true);
    pooled.explorer.begin(schedule);
    let program = Arc::clone(program);
    let root = match Builder::new().bubble(bubble).spawn(move || program()) {
        Ok(root) => root,
        Err(e) => panic!("cannot start a goroutine: {e}"),
    };
    let end = run_keeper(&current, pooled, &root, site);
    let is_root_over = root.is_finished();
    let Some(schedule) = pooled.explorer.end().map(|schedule| *schedule) else {
        unreachable!("only the keeper ends the schedule")
    };
    if is_root_over {
        // If it has panicked, the schedule has recorded that.
        discard(root.join());
    } else {
        drop(root);
    }
    let verdict = schedule
        .verdict
        .clone()
        .or_else(|| schedule.forgotten_panic());
    let fate = match (verdict, end) {
        (Some(Verdict::Panic(number, text)), _) => Fate::Failed(
            FailureKind::Panic,
            format!("{} panicked: {text}", schedule.name(number)),
        ),
        (Some(Verdict::TooManySteps), _) => Fate::Failed(
            FailureKind::TooManySteps,
            format!(
                "the schedule did not end within {} steps:{}",
                schedule.steps.len(),
                left(&schedule)
            ),
        ),
        (None, End::Empty) => Fate::Passed,
        (None, _) if is_root_over => Fate::Failed(
            FailureKind::Leak,
            format!("leak: these goroutines wait for ever:{}", left(&schedule)),
        ),
        (None, _) => Fate::Failed(
            FailureKind::Deadlock,
            format!("deadlock: all goroutines wait for ever:{}", left(&schedule)),
        ),
    };
    if end == End::Empty {
        bubble.set_explores(false);
        pooled.give_up_starts();
        pooled.give_back();
    } else {
        bubble.give_up();
        let n = schedule.left().count() as u64;
        SCHED.ended_outside.fetch_add(n, Relaxed);
    }
    Done { schedule, fate }
}

/// Returns a line for each goroutine that has not ended.
fn left(schedule: &Schedule) -> String {
    let mut text = String::new();
    for (number, gp) in schedule.left() {
        // SAFETY: Gs live for ever (`record/mod.rs`, promise 1), and only atomics are read.
        let g = unsafe { gp.as_ref() };
        let name = schedule.name(number);
        // Writing to a `String` cannot fail.
        let _ = if GStatus::of(g.status.load(Relaxed)) == GStatus::Waiting {
            match g.site() {
                Some(site) => write!(text, "\n  {name} [{}] at {site}", g.reason()),
                None => write!(text, "\n  {name} [{}]", g.reason()),
            }
        } else {
            write!(text, "\n  {name} [runnable]")
        };
    }
    text
}

impl Schedule {
    /// Returns the steps as text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.steps.write(&mut text, |number| self.name(number));
        text
    }
}

impl Done {
    /// Returns the failure to report: `other` if that is given, otherwise the failure with which
    /// the schedule ended.
    pub(super) fn into_failure(
        self,
        other: Option<(FailureKind, &str)>,
        schedules: u64,
        plan: Plan,
    ) -> Failure {
        let Self { schedule, fate } = self;
        let plan = match (schedule.chooser(), plan) {
            // A path repeats the schedule directly, but a long path does not fit into a seed. The
            // schedule's number always fits, but repeating a schedule by its number runs all
            // schedules before it.
            (Chooser::Tree(tree), Plan::Number(number)) if tree.path().pack().is_none() => {
                Plan::Number(number)
            }
            (Chooser::Tree(tree), _) => Plan::Path(tree.path().clone()),
            (_, plan) => plan,
        };
        let (kind, message) = match (other, fate) {
            (Some((kind, message)), _) => (kind, message.to_owned()),
            (None, Fate::Failed(kind, message)) => (kind, message),
            (None, Fate::Passed) => unreachable!("what has passed is no failure"),
        };
        Failure {
            kind,
            schedules,
            seed: plan.seed(schedule.steps.sum()),
            message,
            steps: schedule.text(),
        }
    }
}
