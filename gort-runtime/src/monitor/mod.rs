//! Monitoring: sysmon, hogs, and detection of deadlocks.

#[cfg(not(loom))]
pub(crate) mod burst;
#[cfg_attr(loom, path = "checkdead_loom.rs")]
pub(crate) mod checkdead;
#[cfg(not(loom))]
pub(crate) mod hogs;
#[cfg(not(loom))]
pub(crate) mod sysmon;
