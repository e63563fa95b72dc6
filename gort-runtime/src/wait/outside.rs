//! Who waits for what comes from outside, other than by a descriptor: for a signal, or a helper thread. Then there is no deadlock.
//!
//! Whoever waits counts itself, before it parks and until it runs again; so the count covers the way of a
//! signal from the handler to the waiter, or of a helper's answer, and there is no moment at which neither is seen. Relaxed: `checkdead.rs` reads the count
//! under the scheduler's lock, which an M that has changed it takes before it sleeps; and from elsewhere, when something else
//! is on its way to be looked at, sysmon is woken.

use crate::base::prim::{AtomicU32, Ordering::Relaxed};
use crate::sched::state::SCHED;

static WAITS: AtomicU32 = AtomicU32::new(0);

/// Somebody waits for a signal, or something that a signal ends, or a helper thread, until this is dropped.
#[derive(Debug)]
pub struct WaitsOutside(());

impl WaitsOutside {
    /// Counts one.
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
            // If every M sleeps, nobody else looks whether this was the last hope.
            SCHED.sysmon.notice_busy();
        }
    }
}

pub(crate) fn has_waiters() -> bool {
    WAITS.load(Relaxed) != 0
}
