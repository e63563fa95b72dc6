//! What there is of a monitor, where each goroutine has a thread: signals are handed out. Nobody takes a P, and nobody
//! finds out that all wait for each other; then the program stands still.

pub(crate) mod checkdead;
pub(crate) mod sysmon;
