//! Explored schedules: in an explored bubble goroutines take turns, and a chooser decides whose
//! turn is next.
//!
//! This folder holds the choosers, and the state of a schedule while it runs. `wait/point.rs` says
//! where turns change. `api/explore/` runs one schedule after the other.

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
