//! The monitor, if goroutines are threads: it delivers signals, and detects deadlocks. It takes no
//! Ps.

#[path = "../../monitor/checkdead.rs"]
pub(crate) mod checkdead;
pub(crate) mod deadlock;
pub(crate) mod sysmon;
