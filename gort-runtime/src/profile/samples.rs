//! Samples: stacks with numbers. A profile consists of samples.

use std::collections::HashMap;
use std::panic::Location;

/// What the samples of a profile count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How many goroutines have each stack.
    Goroutines,
    /// How often goroutines waited at each stack, and for how many nanoseconds. One sample was
    /// taken for every `period` nanoseconds.
    Waits { period: u64 },
}

/// A stack and its numbers.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) stack: Stack,
    pub(super) count: u64,
    /// 0 in a profile of goroutines.
    pub(super) nanoseconds: u64,
}

/// The stack of a goroutine, and what it waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stack {
    /// Outermost first.
    pub(super) frames: Vec<Frame>,
    /// What the goroutine waits for, in the words of dumps.
    pub(super) wait: Option<&'static str>,
}

/// A function and a line in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Frame {
    pub(crate) function: String,
    /// Empty if it is not known.
    pub(crate) file: String,
    /// 0 if it is not known.
    pub(crate) line: u32,
}

impl Frame {
    /// Returns a frame that says what happens at a place, for a function whose name is not known.
    pub(super) fn of_place(what: &str, at: &Location<'_>) -> Self {
        Self {
            function: format!("{what} at {at}"),
            file: at.file().to_owned(),
            line: at.line(),
        }
    }

    /// Returns a frame that says what happens, without a place.
    pub(super) fn of_words(what: &str) -> Self {
        Self {
            function: what.to_owned(),
            ..Self::default()
        }
    }
}

/// Merges samples with equal stacks. Returns those with the largest numbers first.
pub(super) fn merged(samples: impl IntoIterator<Item = Sample>) -> Vec<Sample> {
    let mut sums: HashMap<Stack, (u64, u64)> = HashMap::new();
    for sample in samples {
        let sum = sums.entry(sample.stack).or_default();
        sum.0 = sum.0.saturating_add(sample.count);
        sum.1 = sum.1.saturating_add(sample.nanoseconds);
    }
    let mut samples: Vec<_> = sums
        .into_iter()
        .map(|(stack, (count, nanoseconds))| Sample {
            stack,
            count,
            nanoseconds,
        })
        .collect();
    samples.sort_by(|a, b| {
        let most_first = (b.nanoseconds, b.count).cmp(&(a.nanoseconds, a.count));
        most_first.then_with(|| a.stack.cmp(&b.stack))
    });
    samples
}
