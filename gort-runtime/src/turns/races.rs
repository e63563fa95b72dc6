//! Which steps of a run could have been taken in the other order, with another outcome: races.
//!
//! Only for them it is worth while to choose otherwise, which is *dynamic partial-order reduction* (Flanagan and Godefroid, 2005).
//! For each step, and each one before it by another goroutine that touches the same and that is not known to come first in any case,
//! the goroutine is to be tried in the earlier one's place; or, if it could not run there, all who could.
//!
//! What comes first in any case is known by vector clocks: how many steps of each goroutine come before. A step comes
//! after its goroutine's last, after what has started that, and after each earlier step that touches the same. That somebody
//! was woken is not looked at: then there are more races than need be, which are tried in vain.

use super::choice::Footprint;

/// As many steps of one run as are compared with each other.
const MOST: usize = 2_000;

/// How many steps of each goroutine, by its number.
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

    /// One more step of it.
    fn tick(&mut self, number: u32) -> u32 {
        let at = number as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] += 1;
        self.0[at]
    }
}

#[derive(Debug)]
struct Taken {
    number: u32,
    /// Which one of its goroutine's.
    count: u32,
    touched: Footprint,
    clock: Clock,
    /// The choice that it followed, if there was one.
    node: Option<usize>,
}

/// The steps of a run.
#[derive(Debug, Default)]
pub(super) struct Races {
    steps: Vec<Taken>,
    /// By the goroutines' numbers.
    clocks: Vec<Option<Clock>>,
}

impl Races {
    /// A run begins.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.clocks.clear();
    }

    /// There have been too many to be compared: from now on all is worth while.
    pub(super) fn are_too_many(&self) -> bool {
        self.steps.len() >= MOST
    }

    fn clock(&mut self, number: u32) -> &mut Option<Clock> {
        let at = number as usize;
        if self.clocks.len() <= at {
            self.clocks.resize_with(at + 1, || None);
        }
        &mut self.clocks[at]
    }

    /// `number` could run, after a step of `starter`: the first time it is what that has started.
    pub(super) fn is_there(&mut self, number: u32, starter: Option<u32>) {
        if self.clock(number).is_none() {
            let clock = starter.and_then(|starter| self.clock(starter).clone());
            *self.clock(number) = Some(clock.unwrap_or_default());
        }
    }

    /// `number` has taken a step, after the choice at `node`. `races` is called with each choice at which it is to be tried.
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
