//! Goroutines with a clock of their own: `proc/bubble.rs` says how it is known when to put it forward.

#[cfg(not(loom))]
pub(crate) mod clock;
#[cfg(not(loom))]
pub(crate) mod due;
#[cfg(not(loom))]
pub(crate) mod home;
#[cfg(not(loom))]
pub(crate) mod pool;
#[cfg_attr(loom, path = "turn_loom.rs")]
pub(crate) mod turn;
