//! Trying for a moment before parking: critical sections are often shorter than a park.

use gort_runtime::worth_spinning;
use std::hint;

/// Rounds of spinning before a goroutine parks (Go's `active_spin`), of so many pauses.
const ROUNDS: u32 = 4;
const PAUSES: u32 = 30;

/// Calls `attempt` a few times, until it succeeds, for as long as that is worth it.
pub(crate) fn spin(attempt: impl Fn() -> bool) -> bool {
    (0..ROUNDS).any(|_| {
        worth_spinning() && {
            for _ in 0..PAUSES {
                hint::spin_loop();
            }
            attempt()
        }
    })
}
