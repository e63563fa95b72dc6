//! The schedule under which a program fails.

use std::error::Error;
use std::fmt;

/// How a program fails under some schedule.
///
/// ```
/// use gort::explore::{FailureKind, Options};
/// use gort::prelude::*;
///
/// // Nothing ever receives.
/// let failure = Options::new().run(|| {
///     let (tx, _rx) = bounded(0);
///     let _ = tx.send(1);
/// });
/// assert_eq!(failure.unwrap_err().kind(), FailureKind::Deadlock);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The function panicked, or a goroutine that was never joined did.
    Panic,
    /// The function waits for something that never comes.
    Deadlock,
    /// The function has returned, but goroutines wait for something that never comes.
    Leak,
    /// The schedule did not end within [`max_steps`](crate::explore::Options::max_steps).
    TooManySteps,
    /// A repeated schedule met other choices than before: the program has changed, or it depends
    /// on something other than its schedule.
    OtherChoices,
}

/// The first schedule under which the program failed. Its `Display` shows what went wrong, the
/// steps that led there, and how to repeat them.
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
    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Returns how many schedules were run, this one included.
    #[must_use]
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// Returns the seed that repeats this schedule, with [`seed`](crate::explore::Options::seed) or
    /// as `GORT_EXPLORE_SEED`.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns a description of what went wrong, the same in each repetition. It refers to
    /// goroutines by their names and by their numbers in the schedule, which count from 1 in the
    /// order in which they were started.
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
            "{message}\n\nsteps, in order:\n{steps}\nto repeat it, set GORT_EXPLORE_SEED={seed}"
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
