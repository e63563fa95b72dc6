//! Explored schedules: in a bubble whose goroutines take turns, and where somebody chooses whose turn is next.
//!
//! Here is what chooses, and what is kept of a schedule while it runs. `wait/point.rs` says where turns change;
//! `api/explore/` runs one schedule after the other.

#[cfg(not(loom))]
pub(crate) mod choice;
#[cfg(not(loom))]
pub(crate) mod chooser;
#[cfg(not(loom))]
pub(crate) mod explorer;
pub(crate) mod gate;
#[cfg(not(loom))]
pub(crate) mod pct;
#[cfg(not(loom))]
mod races;
#[cfg(not(loom))]
pub(crate) mod schedule;
#[cfg(not(loom))]
pub(crate) mod seed;
#[cfg(not(loom))]
pub(crate) mod steps;
#[cfg(not(loom))]
pub(crate) mod tree;
