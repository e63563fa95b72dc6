//! The schedule under which a program fails.

use std::error::Error;
use std::fmt;

/// How a program fails under some schedule.
///
/// ```
/// use gort::explore::{FailureKind, Options};
/// use gort::prelude::*;
///
/// // Nobody will ever receive.
/// let failure = Options::new().run(|| {
///     let (tx, _rx) = bounded(0);
///     let _ = tx.send(1);
/// });
/// assert_eq!(failure.unwrap_err().kind(), FailureKind::Deadlock);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The function panicked, or a goroutine that nobody joined.
    Panic,
    /// The function waits for what never comes.
    Deadlock,
    /// The function has returned, and goroutines wait for what never comes.
    Leak,
    /// There was no end after [`max_steps`](crate::explore::Options::max_steps).
    TooManySteps,
    /// A schedule that was to be repeated met other choices than before: the program is not the same, or
    /// depends on something else than its schedule.
    OtherChoices,
}

/// The first schedule under which the program failed. Displays what went wrong, the steps that led there, and how to repeat them.
///
/// ```
/// use gort::explore::{FailureKind, Options};
/// use gort::prelude::*;
///
/// fn program() {
///     let (tx, rx) = bounded(2);
///     for name in ["one", "other"] {
///         go!(clone [tx]; { tx.send(name) });
///     }
///     assert_eq!(rx.recv(), Ok("one"), "the wrong one was first");
/// }
///
/// let failure = Options::new().run(program).unwrap_err();
/// assert!(failure.message().contains("the wrong one was first"));
/// assert_eq!(failure.kind(), FailureKind::Panic);
/// assert!(failure.schedules() <= 1_000);
/// let again = Options::new().schedules(1).seed(failure.seed()).run(program);
/// assert_eq!(again.unwrap_err().to_string(), failure.to_string());
/// ```
#[derive(Clone)]
pub struct Failure {
    pub(super) kind: FailureKind,
    pub(super) schedules: u64,
    pub(super) seed: u64,
    pub(super) message: String,
    pub(super) steps: String,
}

impl Failure {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// How many schedules were run, this one included.
    #[must_use]
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// What repeats this schedule: with [`seed`](crate::explore::Options::seed), or as `GORT_EXPLORE_SEED`.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What went wrong, in words: the same in each repetition. Goroutines are called by their numbers in the schedule, from 1 on in
    /// the order in which they were started, and their names.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            message,
            steps,
            ..
        } = self;
        write!(
            f,
            "{message}\n\nwhat was done, in this order:\n{steps}\nto repeat it: GORT_EXPLORE_SEED={seed}"
        )
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .field("schedules", &self.schedules)
            .field("seed", &self.seed)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Error for Failure {}
