//! The monitor, if goroutines are threads: it hands out signals, and detects deadlocks. It takes no
//! Ps.

#[path = "../../monitor/checkdead.rs"]
pub(crate) mod checkdead;
pub(crate) mod deadlock;
pub(crate) mod sysmon;
