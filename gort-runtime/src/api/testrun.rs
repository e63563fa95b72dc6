//! A test that runs as a goroutine, and a thread that waits for it with a limit.
//!
//! The thread waits with std's primitives, not with ours, because it has to notice when ours fail.

use crate::api::goroutine::Goroutine;
use crate::api::handle::JoinHandle;
use crate::api::joinerror::JoinError;
use crate::api::start::aborts_on_panic;
use crate::base::config::setting;
use crate::monitor::checkdead::TestRuns;
use crate::panics::panicking::let_panics_win;
use std::convert::Infallible;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A channel that is closed when the test's function has ended by a return, a panic or `goexit`.
pub(crate) type Ended = Receiver<Infallible>;

/// A test that was started. Dropping it detaches the goroutine.
#[doc(hidden)]
#[derive(Debug)]
pub struct TestRun<T> {
    handle: JoinHandle<T>,
    ended: Ended,
    _counted: TestRuns,
}

impl<T> TestRun<T> {
    /// Wraps `test` so that a plain thread can see when it ends.
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

    /// Returns the test's goroutine.
    #[must_use]
    pub fn goroutine(&self) -> Goroutine {
        self.handle.goroutine()
    }

    /// Blocks a plain thread until the test has ended, for at most `limit`. Returns `false` if it
    /// has not.
    #[must_use]
    pub fn ends_within(&self, limit: Duration) -> bool {
        !matches!(
            self.ended.recv_timeout(limit),
            Err(RecvTimeoutError::Timeout)
        )
    }

    /// Waits for the test and returns its outcome.
    ///
    /// # Errors
    /// Returns the errors of [`JoinHandle::join`].
    pub fn join(self) -> Result<T, JoinError> {
        let outcome = self.handle.join();
        if outcome.is_ok() && aborts_on_panic() {
            let_panics_win();
        }
        outcome
    }
}

/// Returns the time limit of a test whose attribute says `written`. If `GORT_TEST_TIMEOUT` is set,
/// it replaces the limits of all tests.
#[doc(hidden)]
#[must_use]
pub fn test_limit(written: Option<Duration>) -> Option<Duration> {
    static REPLACED: OnceLock<Option<Option<Duration>>> = OnceLock::new();
    let replaced = REPLACED.get_or_init(|| {
        setting(
            "GORT_TEST_TIMEOUT",
            "a number of seconds above zero, or `none`",
            |text| match text.parse() {
                Ok(seconds @ 1..) => Some(Some(Duration::from_secs(seconds))),
                _ => (text == "none").then_some(None),
            },
        )
    });
    replaced.unwrap_or(written)
}
