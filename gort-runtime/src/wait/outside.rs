//! Counts waits for events from outside the program that no descriptor announces: signals and
//! helper threads. While there are any, there is no deadlock.
//!
//! A waiter is counted from before it parks until it runs again. So it is still counted while a
//! signal is on its way from the handler to the waiter, or while a helper thread's answer is.
//! Relaxed suffices. `checkdead.rs` reads the count under the scheduler's lock, and an M that has
//! changed the count takes that lock before it sleeps. A plain thread that removes the last wait
//! wakes sysmon, which checks for a deadlock.

use crate::base::prim::{AtomicU32, Ordering::Relaxed};
use crate::sched::state::SCHED;

static WAITS: AtomicU32 = AtomicU32::new(0);

/// Marks a wait for a signal, for something that a signal ends, or for a helper thread, until
/// dropped.
#[derive(Debug)]
pub struct WaitsOutside(());

impl WaitsOutside {
    /// Counts one wait.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "made to be held")]
    pub fn new() -> Self {
        WAITS.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for WaitsOutside {
    fn drop(&mut self) {
        if WAITS.fetch_sub(1, Relaxed) == 1 {
            // If every M sleeps, no M checks whether this was the last wait that could end.
            SCHED.sysmon.notice_busy();
        }
    }
}

pub(crate) fn has_waiters() -> bool {
    WAITS.load(Relaxed) != 0
}
