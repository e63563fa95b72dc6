//! A seed: 64 bits that identify one schedule.
//!
//! ```text
//!  63  60 59        44 43                                   0
//! ┌──────┬────────────┬──────────────────────────────────────┐
//! │ kind │  checksum  │ what the kind needs                  │
//! └──────┴────────────┴──────────────────────────────────────┘
//! RANDOM   44 bits for the generator
//! PCT      6 bits: changes; 5: log2 of the number of steps among which they fall; 33: generator
//! PATH     where the choice was not the first option: see `Path`
//! NUMBER   the position among all schedules, in the order in which `tree.rs` runs them
//! ```
//! If the schedule has been run, the checksum covers the choices that it met, and is never 0. A
//! repetition that meets other choices usually has another checksum, and is then reported. A seed
//! whose kind is none of these was made up by the user. The seeds of schedules are derived from it.

const KIND: u32 = 60;
const SUM: u32 = 44;
const DATA: u64 = (1 << SUM) - 1;
const RANDOM: u64 = 0xA;
const PCT: u64 = 0xB;
const PATH: u64 = 0xC;
const NUMBER: u64 = 0xD;
const CHANGES: u32 = 38;
const STEPS: u32 = 33;
/// Maximum number of changes that fit into the field.
pub(crate) const MAX_CHANGES: usize = 63;

/// One schedule, described by how its choices are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Random(u64),
    Pct {
        changes: u32,
        log2_steps: u32,
        random: u64,
    },
    Path(Path),
    Number(u64),
}

/// The choices that were not the first option. Each entry says how many choices of the first option
/// lie between the entry before and this one, and which option was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Vec<(u32, u32)>);

impl Plan {
    /// Returns the seed that repeats this schedule. `sum` is the checksum of the choices that it
    /// met, or 0.
    pub(crate) fn seed(&self, sum: u16) -> u64 {
        let (kind, data) = match self {
            Self::Random(random) => (RANDOM, random & DATA),
            Self::Pct {
                changes,
                log2_steps,
                random,
            } => {
                let (changes, steps) = (u64::from(*changes), u64::from(*log2_steps));
                let random = random & ((1 << STEPS) - 1);
                (PCT, changes << CHANGES | steps << STEPS | random)
            }
            Self::Path(path) => (PATH, path.pack().unwrap_or(0)),
            Self::Number(number) => (NUMBER, number & DATA),
        };
        kind << KIND | u64::from(sum) << SUM | data
    }

    /// Returns the schedule that `seed` identifies, and the checksum of its choices (0 if unknown).
    /// Returns `None` if `seed` does not identify a schedule.
    pub(crate) fn of(seed: u64) -> Option<(Self, u16)> {
        let data = seed & DATA;
        let plan = match seed >> KIND {
            RANDOM => Self::Random(data),
            PCT => Self::Pct {
                changes: (data >> CHANGES) as u32,
                log2_steps: (data >> STEPS & 31) as u32,
                random: data & ((1 << STEPS) - 1),
            },
            PATH => Self::Path(Path::unpack(data)),
            NUMBER => Self::Number(data),
            _ => return None,
        };
        Some((plan, (seed >> SUM) as u16))
    }
}

impl Path {
    /// Packs the path into a word, behind a leading 1. Returns `None` if it is too long.
    pub(crate) fn pack(&self) -> Option<u64> {
        let mut bits = Bits { word: 1, len: 1 };
        for &(between, which) in &self.0 {
            bits.put(between + 1)?;
            bits.put(which)?;
        }
        Some(bits.word)
    }

    fn unpack(word: u64) -> Self {
        let mut bits = Bits {
            word,
            len: (64 - word.leading_zeros()).saturating_sub(1),
        };
        let mut path = Vec::new();
        while let (Some(between), Some(which)) = (bits.take(), bits.take()) {
            path.push((between - 1, which));
        }
        Self(path)
    }
}

/// Packs numbers of at least 1 into a word, in Elias' gamma code: before its own bits, each number
/// has as many zeros as it has bits after the first one.
struct Bits {
    word: u64,
    len: u32,
}

impl Bits {
    fn put(&mut self, n: u32) -> Option<()> {
        let len = 2 * n.ilog2() + 1;
        if self.len + len > SUM {
            return None;
        }
        self.word = self.word << len | u64::from(n);
        self.len += len;
        Some(())
    }

    /// Takes the first number that is left.
    fn take(&mut self) -> Option<u32> {
        let left = self.word & ((1 << self.len) - 1);
        if left == 0 {
            return None;
        }
        let zeros = left.leading_zeros() - (64 - self.len);
        let len = 2 * zeros + 1;
        self.len = self.len.checked_sub(len)?;
        u32::try_from(left >> self.len).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decodes_to_the_plan_that_it_was_made_from() {
        let plans = [
            Plan::Random(0x123_4567_89AB),
            Plan::Pct {
                changes: 63,
                log2_steps: 17,
                random: 0x1_2345_6789,
            },
            Plan::Path(Path(vec![(0, 1), (7, 2), (100, 1)])),
            Plan::Path(Path(vec![])),
            Plan::Number(4711),
        ];
        for plan in plans {
            assert_eq!(Plan::of(plan.seed(0xBEEF)), Some((plan, 0xBEEF)));
        }
    }

    #[test]
    fn a_made_up_seed_identifies_no_schedule() {
        for seed in [0, 7, u64::from(u32::MAX), 1 << 59, u64::MAX] {
            assert_eq!(Plan::of(seed), None);
        }
    }

    #[test]
    fn a_path_that_is_too_long_does_not_fit() {
        let long = |n| Path((0..n).map(|_| (3, 1)).collect());
        assert!(long(7).pack().is_some());
        assert_eq!(Path::unpack(long(7).pack().unwrap_or(0)), long(7));
        assert!(long(8).pack().is_none());
    }
}
