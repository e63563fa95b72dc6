//! `schedule`: which goroutine runs next on this M. Runs on g0.
//!
//! `README.md` in this folder argues the protocol between those who submit work
//! and those who are about to sleep.

#[cfg(not(loom))]
mod find;
mod idle;
#[cfg(not(loom))]
mod run;
#[cfg(not(loom))]
mod steal;
#[cfg(not(loom))]
mod wake;

pub(crate) use idle::Idle;
#[cfg(not(loom))]
pub(crate) use run::{leave_thread, schedule, yield_to_queue};
#[cfg(not(loom))]
pub(crate) use wake::{acquirep, handoffp, submit_global, submit_next, wake_for_timer};
#[cfg(not(loom))]
pub use wake::{random, worth_spinning};
