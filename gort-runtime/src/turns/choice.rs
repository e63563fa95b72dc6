//! What is chosen from, and what is known of it.

/// What a step touches: the address of a lock, a channel; or one of the following.
pub(crate) type Thing = usize;

/// Of a step whose order with any other matters, as far as anybody knows.
pub const EVERYTHING: Thing = 0;

/// What nobody sees: plain memory, atomics. Touched by what begins a goroutine or comes after `go!` or `yield_now`; no address.
pub(crate) const UNSEEN: Thing = 1;

/// The numbers that goroutines get; no address either.
pub(crate) const NUMBERS: Thing = 3;

/// The end of the goroutine with this number.
pub(crate) fn end_of(number: u32) -> Thing {
    (number as Thing) << 3 | 5
}

/// What is no address is odd.
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

    /// What was touched beside `thing`; `None`: something that in another run may be something else, an address.
    pub(super) fn others_than(&self, thing: Thing) -> Option<Vec<Thing>> {
        let others = self.things.iter().copied().filter(|&other| other != thing);
        let others: Vec<_> = others.collect();
        (!self.everything && others.iter().all(|&other| is_same_in_all_runs(other)))
            .then_some(others)
    }

    /// Whether it may make a difference which comes first.
    pub(super) fn conflicts_with(&self, other: &Self) -> bool {
        let is_shared = |thing| other.things.contains(thing);
        self.everything || other.everything || self.things.iter().any(is_shared)
    }

    /// Whether it makes no difference which comes first, this or what touches no more than `thing`.
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
    /// Others have to have a turn before. Not all candidates are.
    pub(crate) is_barred: bool,
}

/// What a choice is made of.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// At least one. The first is the one that is chosen if nothing speaks for another.
    pub(crate) candidates: &'a [Candidate],
    /// Who lets others run.
    pub(crate) yields: Option<u32>,
    /// What was touched since the last choice.
    pub(crate) touched: &'a Footprint,
}
