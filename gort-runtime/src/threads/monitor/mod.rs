//! What there is of a monitor, where each goroutine has a thread: it hands out signals, and finds out that all wait for each
//! other. Nobody takes a P.

#[path = "../../monitor/checkdead.rs"]
pub(crate) mod checkdead;
pub(crate) mod deadlock;
pub(crate) mod sysmon;
