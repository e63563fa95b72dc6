//! Spins for a moment before a park, because critical sections are often shorter than a park.

use gort_runtime::worth_spinning;
use std::hint;

/// Number of rounds of spinning before a goroutine parks. Go's `active_spin`.
const ROUNDS: u32 = 4;
/// Number of pauses in a round. Go's `active_spin_cnt`.
const PAUSES: u32 = 30;

/// Returns an iterator over the rounds, which ends early when spinning is not worthwhile. In each
/// round the caller pauses and tries again.
pub(crate) fn rounds() -> impl Iterator<Item = u32> {
    (0..ROUNDS).take_while(|_| worth_spinning())
}

/// Pauses for a moment.
pub(crate) fn pause() {
    for _ in 0..PAUSES {
        hint::spin_loop();
    }
}
