//! How much may be recorded: segments that logs may take until the writer grants more.
//!
//! The writer grants some at each look, in proportion to the Ps, up to a store for bursts. A program that records more
//! than that for long would otherwise have the writer take a core of it, and be slowed down by its own records. When
//! the store is empty the gate closes (`gate.rs`), so what happens then costs nothing. The next look
//! opens it again.
//!
//! So memory is bounded: the store, and one segment for each M.

use crate::base::prim::hint::{AtomicI32, Ordering::Relaxed};
#[cfg(not(loom))]
use crate::traced::gate;

/// The store: a million events, 32 MiB.
#[cfg(not(loom))]
const MOST: i32 = 1024;
/// Segments for each P and look: 300,000 events a second and P. To record them takes 1 % of the P, and to encode them 8 % of a core.
#[cfg(not(loom))]
const PER_P: u32 = 3;

static LEFT: AtomicI32 = AtomicI32::new(0);

/// Takes a segment; false: there is none, and the gate is closed.
pub(crate) fn take() -> bool {
    if LEFT.fetch_sub(1, Relaxed) > 0 {
        return true;
    }
    LEFT.fetch_add(1, Relaxed);
    #[cfg(not(loom))]
    gate::pause();
    false
}

/// The writer, at the beginning of a trace: fills the store.
#[cfg(not(loom))]
pub(crate) fn fill() {
    LEFT.store(MOST, Relaxed);
}

/// The writer, at each look: grants some.
#[cfg(not(loom))]
pub(crate) fn grant(procs: u32) {
    let more = (PER_P * procs).min(MOST as u32) as i32;
    let left = LEFT.load(Relaxed);
    // Others take some meanwhile: then it is a few more or less.
    LEFT.fetch_add(more.min(MOST - left), Relaxed);
}
