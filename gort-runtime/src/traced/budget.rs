//! Limits how much is recorded: the number of segments that logs may take until the writer grants
//! more.
//!
//! The writer grants some segments each time it looks at the logs, in proportion to the number of
//! Ps, and keeps up to [`STORE_CAPACITY`] in the store for bursts. Without a limit, a program that
//! records more than that for long would lose a core to the writer, and its own records would slow
//! it down. When the store is empty, the gate closes (`gate.rs`), so later events cost nothing. The
//! writer's next look opens the gate again.
//!
//! So memory is bounded by the store plus one segment for each M. At the beginning of a trace the
//! store is full, and that many segments are made in advance (`pool.rs`).

use crate::base::prim::hint::{AtomicI32, Ordering::Relaxed};
#[cfg(not(loom))]
use crate::traced::gate;

/// Maximum number of segments in the store: a million events, 32 MiB.
#[cfg(not(loom))]
pub(crate) const STORE_CAPACITY: usize = 1024;
/// Segments granted for each P at each look: 300,000 events a second for each P. Recording them
/// takes 0.3 % of the P, and encoding them takes 8 % of a core.
#[cfg(not(loom))]
const PER_P: u32 = 3;

/// Number of segments in the store.
static LEFT: AtomicI32 = AtomicI32::new(0);

/// Takes one segment from the store. If the store is empty, closes the gate and returns `false`.
pub(crate) fn take() -> bool {
    if LEFT.fetch_sub(1, Relaxed) > 0 {
        return true;
    }
    LEFT.fetch_add(1, Relaxed);
    #[cfg(not(loom))]
    gate::pause();
    false
}

/// Fills the store. The writer calls this at the beginning of a trace.
#[cfg(not(loom))]
pub(crate) fn fill() {
    LEFT.store(STORE_CAPACITY as i32, Relaxed);
}

/// Grants segments for `procs` Ps. The writer calls this at each look.
#[cfg(not(loom))]
pub(crate) fn grant(procs: u32) {
    let more = (PER_P * procs).min(STORE_CAPACITY as u32) as i32;
    let left = LEFT.load(Relaxed);
    // Other threads may take segments between the load and the add. The store is then a few
    // segments off, which does no harm.
    LEFT.fetch_add(more.min(STORE_CAPACITY as i32 - left), Relaxed);
}
