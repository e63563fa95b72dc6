//! Trying for a moment before parking: critical sections are often shorter than a park.

use gort_runtime::worth_spinning;
use std::hint;

/// Rounds of spinning before a goroutine parks (Go's `active_spin`), of so many pauses.
const ROUNDS: u32 = 4;
const PAUSES: u32 = 30;

/// The rounds, for as long as that is worth it. In each the caller pauses, and tries again.
pub(crate) fn rounds() -> impl Iterator<Item = u32> {
    (0..ROUNDS).take_while(|_| worth_spinning())
}

/// Waits for a moment.
pub(crate) fn pause() {
    for _ in 0..PAUSES {
        hint::spin_loop();
    }
}
