//! Groups of goroutines that have a clock of their own. `proc/bubble.rs` says how the runtime
//! determines when the clock advances.

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
