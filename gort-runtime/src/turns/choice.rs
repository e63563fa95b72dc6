//! What a chooser chooses from, and what it knows about each candidate.

/// What a step touches: the address of a lock or a channel, or one of the constants below.
pub(crate) type Thing = usize;

/// The thing of a step whose order may matter relative to any other step.
pub const EVERYTHING: Thing = 0;

/// Plain memory and atomics, which the runtime cannot see. Touched by steps that begin a goroutine,
/// or follow `go!` or `yield_now`. Not an address.
pub(crate) const UNSEEN: Thing = 1;

/// The numbers that goroutines get. Not an address.
pub(crate) const NUMBERS: Thing = 3;

/// Returns the thing for the end of the goroutine with this number.
pub(crate) fn end_of(number: u32) -> Thing {
    (number as Thing) << 3 | 5
}

/// Returns whether `thing` stands for the same object in all runs. Things that are not addresses
/// are odd. ([`EVERYTHING`] is never among the things of a footprint.)
fn is_same_in_all_runs(thing: Thing) -> bool {
    thing % 2 == 1
}

/// What was touched from one change of turns to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    everything: bool,
    things: Vec<Thing>,
}

impl Footprint {
    pub(crate) fn add(&mut self, thing: Thing) {
        if thing == EVERYTHING {
            self.everything = true;
        } else if !self.things.contains(&thing) {
            self.things.push(thing);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.everything = false;
        self.things.clear();
    }

    /// Returns what was touched in addition to `thing`. Returns `None` if that includes an address,
    /// which may be something else in another run.
    pub(super) fn others_than(&self, thing: Thing) -> Option<Vec<Thing>> {
        let others = self.things.iter().copied().filter(|&other| other != thing);
        let others: Vec<_> = others.collect();
        (!self.everything && others.iter().all(|&other| is_same_in_all_runs(other)))
            .then_some(others)
    }

    /// Returns whether it may make a difference which of the two comes first.
    pub(super) fn conflicts_with(&self, other: &Self) -> bool {
        let is_shared = |thing| other.things.contains(thing);
        self.everything || other.everything || self.things.iter().any(is_shared)
    }

    /// Returns whether it makes no difference which comes first: this, or a step that touches only
    /// `thing`.
    pub(super) fn commutes_with(&self, thing: Thing) -> bool {
        !self.everything && thing != EVERYTHING && !self.things.contains(&thing)
    }
}

/// A goroutine that can run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) number: u32,
    /// What it touches first.
    pub(crate) thing: Thing,
    /// Whether other goroutines must have a turn first. At least one candidate is not barred.
    pub(crate) is_barred: bool,
}

/// The input of a choice.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// The goroutines that can run, at least one. The first is the default choice.
    pub(crate) candidates: &'a [Candidate],
    /// The number of the goroutine that has just called `yield_now`, if one has.
    pub(crate) yields: Option<u32>,
    /// What was touched since the last choice.
    pub(crate) touched: &'a Footprint,
}
