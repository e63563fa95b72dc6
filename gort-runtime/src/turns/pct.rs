//! Random choices: uniformly among the goroutines that could run, or by priorities.
//!
//! The priorities are those of PCT (Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized
//! scheduler with probabilistic guarantees of finding bugs", 2010). Each goroutine gets a random
//! priority when it is started, and the one with the highest priority runs. At a few steps, chosen
//! in advance, the goroutine that would run falls behind all others. Suppose that a program of `k`
//! steps and `n` goroutines has a bug that shows only when `d` pairs of steps happen in a
//! particular order. Each run finds it with a probability of at least 1 in n·k^(d-1).

use super::choice::{Candidate, Turn};

/// A splitmix64 generator.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// Priorities, and the steps at which they change.
#[derive(Debug)]
pub(crate) struct Pct {
    rng: Rng,
    /// The goroutines' priorities, indexed by the goroutines' numbers, which begin at 1.
    priorities: Vec<i64>,
    /// Priority of the goroutine that was last to fall behind all others.
    lowest: i64,
    /// Steps at which a goroutine falls, in descending order.
    changes: Vec<u64>,
    step: u64,
}

impl Pct {
    pub(crate) fn new(changes: u32, log2_steps: u32, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut changes: Vec<_> = (0..changes)
            .map(|_| rng.next() & ((1 << log2_steps) - 1))
            .collect();
        changes.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            rng,
            priorities: Vec::new(),
            lowest: 0,
            changes,
            step: 0,
        }
    }

    pub(crate) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    fn priority(&mut self, number: u32) -> &mut i64 {
        let at = number as usize;
        while self.priorities.len() <= at {
            // Positive, and so above the priorities of all goroutines that have fallen.
            let priority = (self.rng.next() >> 2) as i64 + 1;
            self.priorities.push(priority);
        }
        &mut self.priorities[at]
    }

    fn falls(&mut self, number: u32) {
        self.lowest -= 1;
        *self.priority(number) = self.lowest;
    }

    fn highest(&mut self, candidates: &[Candidate]) -> usize {
        let mut best = (i64::MIN, 0);
        for (i, candidate) in candidates.iter().enumerate() {
            let priority = *self.priority(candidate.number);
            if !candidate.is_barred && priority > best.0 {
                best = (priority, i);
            }
        }
        best.1
    }

    /// Returns the index of the candidate that runs.
    pub(crate) fn turn(&mut self, turn: &Turn<'_>) -> usize {
        if let Some(number) = turn.yields {
            self.falls(number);
        }
        let mut chosen = self.highest(turn.candidates);
        let step = self.step;
        self.step += 1;
        while self.changes.last().is_some_and(|&at| at <= step) {
            self.changes.pop();
            self.falls(turn.candidates[chosen].number);
            chosen = self.highest(turn.candidates);
        }
        chosen
    }
}
