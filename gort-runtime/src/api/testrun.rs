//! A test that runs as a goroutine, and a thread that waits for it with a limit.
//!
//! The thread waits by std's means, not by ours: it has to notice when ours fail.

use crate::api::goroutine::Goroutine;
use crate::api::handle::JoinHandle;
use crate::api::joinerror::JoinError;
use crate::api::start::aborts_on_panic;
use crate::monitor::checkdead::TestRuns;
use crate::panics::panicking::let_panics_win;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Closed when the test has left its function, in whatever way.
pub(crate) type Ended = Receiver<Infallible>;

/// A test that was started. Dropping it leaves the goroutine to itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct TestRun<T> {
    handle: JoinHandle<T>,
    ended: Ended,
    _counted: TestRuns,
}

impl<T> TestRun<T> {
    /// `test` in a form of which it can be seen when it ends.
    pub(crate) fn watched(
        test: impl FnOnce() -> T + Send + 'static,
    ) -> (impl FnOnce() -> T + Send + 'static, Ended) {
        let (open, ended) = channel();
        let watched = move || {
            let _open = open;
            test()
        };
        (watched, ended)
    }

    pub(crate) fn new(handle: JoinHandle<T>, ended: Ended) -> Self {
        Self {
            handle,
            ended,
            _counted: TestRuns::new(),
        }
    }

    /// The test's goroutine.
    #[must_use]
    pub fn goroutine(&self) -> Goroutine {
        self.handle.goroutine()
    }

    /// Waits, on a plain thread, until the test has ended, for `limit` at most if there is one;
    /// false: it has not.
    #[must_use]
    pub fn ends_within(&self, limit: Option<Duration>) -> bool {
        let Some(limit) = limit else {
            let _ = self.ended.recv();
            return true;
        };
        !matches!(
            self.ended.recv_timeout(limit),
            Err(RecvTimeoutError::Timeout)
        )
    }

    /// The outcome, for which it waits.
    ///
    /// # Errors
    /// As for [`JoinHandle::join`].
    pub fn join(self) -> Result<T, JoinError> {
        let outcome = self.handle.join();
        if outcome.is_ok() && aborts_on_panic() {
            let_panics_win();
        }
        outcome
    }
}
