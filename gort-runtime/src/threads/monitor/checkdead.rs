//! Deadlocks are not reported: what would count who could still wake somebody is not counted. The names are those of
//! `monitor/checkdead.rs`.

/// Who waits in `run` for a main goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller;

impl Caller {
    /// The caller of this function.
    pub(crate) fn here() -> Self {
        Self
    }
}

/// A thread of gort's own runs.
pub fn helper_thread_runs() {}

/// A main goroutine is in `main`.
pub(crate) struct MainRuns;

impl MainRuns {
    pub(crate) fn new(_: Caller) -> Self {
        Self
    }
}

/// A main goroutine has called `goexit`.
pub(crate) fn main_exited(_: Caller) {}

/// A test is waited for.
#[derive(Debug)]
pub(crate) struct TestRuns;

impl TestRuns {
    pub(crate) fn new() -> Self {
        Self
    }
}
