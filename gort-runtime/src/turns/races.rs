//! Finds races: pairs of steps of a run that could have been taken in the other order, with another
//! outcome.
//!
//! It is worthwhile to choose differently only where there is a race. This is *dynamic
//! partial-order reduction* (Flanagan and Godefroid, 2005). Two steps of different goroutines are a
//! race if they touch the same thing and nothing forces the earlier one to come first. For each
//! race, the goroutine of the later step must be tried in the place of the earlier step. If that
//! goroutine could not run there, each goroutine that could run there must be tried.
//!
//! Vector clocks tell which step is forced to come first. The clock of a step counts how many steps
//! of each goroutine come before it. A step comes after the last step of its goroutine, after the
//! step that started its goroutine, and after each earlier step that touches the same thing. The
//! clocks ignore the order that wake-ups impose. Some of the reported races therefore cannot
//! happen, and trying them finds nothing new.

use super::choice::Footprint;

/// Maximum number of steps of one run that are compared with each other.
const MAX_COMPARED: usize = 2_000;

/// How many steps of each goroutine come before a step. Indexed by the goroutines' numbers.
#[derive(Clone, Debug, Default)]
struct Clock(Vec<u32>);

impl Clock {
    fn of(&self, number: u32) -> u32 {
        self.0.get(number as usize).copied().unwrap_or(0)
    }

    fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// Counts one more step of goroutine `number`, and returns the new count.
    fn tick(&mut self, number: u32) -> u32 {
        let at = number as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] += 1;
        self.0[at]
    }
}

/// A step that has been taken.
#[derive(Debug)]
struct Taken {
    number: u32,
    /// The step's position among the steps of its goroutine.
    count: u32,
    touched: Footprint,
    clock: Clock,
    /// The node of the choice before the step, if there was one.
    node: Option<usize>,
}

/// The steps of a run.
#[derive(Debug, Default)]
pub(super) struct Races {
    steps: Vec<Taken>,
    /// The clock of each goroutine, indexed by the goroutines' numbers.
    clocks: Vec<Option<Clock>>,
}

impl Races {
    /// Begins a run.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.clocks.clear();
    }

    /// Returns whether there are too many steps to compare. From then on every choice is worth
    /// trying.
    pub(super) fn are_too_many(&self) -> bool {
        self.steps.len() >= MAX_COMPARED
    }

    fn clock(&mut self, number: u32) -> &mut Option<Clock> {
        let at = number as usize;
        if self.clocks.len() <= at {
            self.clocks.resize_with(at + 1, || None);
        }
        &mut self.clocks[at]
    }

    /// Records that goroutine `number` could run after a step of `starter`. The first time, this
    /// means that `starter` has started it.
    pub(super) fn record_runnable(&mut self, number: u32, starter: Option<u32>) {
        if self.clock(number).is_none() {
            let clock = starter.and_then(|starter| self.clock(starter).clone());
            *self.clock(number) = Some(clock.unwrap_or_default());
        }
    }

    /// Records a step of `number`, after the choice at `node`. Calls `races` with each choice at
    /// which `number` must be tried.
    pub(super) fn step(
        &mut self,
        number: u32,
        touched: &Footprint,
        node: Option<usize>,
        mut races: impl FnMut(usize),
    ) {
        let before = self.clock(number).take().unwrap_or_default();
        let mut clock = before.clone();
        for step in &self.steps {
            if step.number == number || !step.touched.conflicts_with(touched) {
                continue;
            }
            clock.join(&step.clock);
            if let Some(node) = step.node
                && before.of(step.number) < step.count
            {
                races(node);
            }
        }
        let count = clock.tick(number);
        *self.clock(number) = Some(clock.clone());
        self.steps.push(Taken {
            number,
            count,
            touched: touched.clone(),
            clock,
            node,
        });
    }
}
